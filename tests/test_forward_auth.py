"""The shipped nginx configuration in front of two backends, asking a real Latch."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from redis import Redis

from tests.client import BASE, bearer, error
from tests.processes import PATIENCE, ROOT, Service, free_port

CONFIG = (ROOT / "deploy/nginx/latch.conf").read_text(encoding="utf-8")
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin:/usr/bin:/usr/local/bin")
BACKENDS = ("/orders/1", "/profiles/1")
REDIS_TIMEOUT = 0.5  # seconds
# What a packaged nginx has outside the server block, kept inside one folder: no root, nothing left behind.
AROUND = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/latch.conf;
}}
"""

# A server of the system, which a newcomer without root cannot install: its absence is told, and fails nothing.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed: forward-auth is NOT tested here"),
]


class Backend(BaseHTTPRequestHandler):
    """Answers with the headers that it was sent, or with a status that its path asks for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = re.search(r"/status/(\d+)$", self.path)
        body = json.dumps([[name.lower(), value] for name, value in self.headers.items()]).encode()
        self.send_response(int(asked[1]) if asked else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""


@contextmanager
def backend() -> Iterator[int]:
    """The port of a running backend."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def nginx(place: Path, latch: int, orders: int, profiles: int) -> Iterator[httpx.Client]:
    """A client of an nginx that runs the shipped configuration with these ports."""
    port = free_port()
    text = CONFIG
    for shipped, ours in (
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("server 127.0.0.1:8000;", f"server 127.0.0.1:{latch};"),
        ("server 127.0.0.1:9001;", f"server 127.0.0.1:{orders};"),
        ("server 127.0.0.1:9002;", f"server 127.0.0.1:{profiles};"),
    ):
        assert text.count(shipped) == 1
        text = text.replace(shipped, ours)
    (place / "latch.conf").write_text(text, encoding="utf-8")
    (place / "nginx.conf").write_text(AROUND.format(folder=place), encoding="utf-8")
    command = [str(NGINX), "-p", str(place), "-e", str(place / "error.log"), "-c", str(place / "nginx.conf")]
    with (place / "output.txt").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False, verify=False
        ) as client:
            wait_for(client, process, place)
            yield client
    finally:
        process.terminate()
        process.wait(10)


def wait_for(client: httpx.Client, process: subprocess.Popen[bytes], place: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, (place / "output.txt").read_text(encoding="utf-8")
        try:
            client.get("/healthz")
        except httpx.TransportError:
            time.sleep(0.02)
        else:
            return
    pytest.fail("nginx does not answer")


@dataclass
class Gateway:
    """Latch, nginx and two backends."""

    latch: Service
    http: httpx.Client

    @property
    def redis(self) -> Redis:
        return Redis(unix_socket_path=str(self.latch.data_dir / "redis.sock"))

    def get(self, path: str, token: str | None = None, **headers: str) -> httpx.Response:
        return self.http.get(path, headers={**(bearer(token) if token else {}), **headers})

    def heard(self, path: str, token: str, **headers: str) -> dict[str, list[str]]:
        """The headers that reached a backend."""
        response = self.get(path, token, **headers)
        assert response.status_code == 200, response.text
        found: dict[str, list[str]] = {}
        for name, value in response.json():
            found.setdefault(name, []).append(value)
        return found


@contextmanager
def running() -> Iterator[Gateway]:
    with (
        tempfile.TemporaryDirectory(prefix="latch-") as name,  # short: a socket's path may have 107 bytes
        Service(Path(name) / "data", REDIS_TIMEOUT=REDIS_TIMEOUT) as latch,
        backend() as orders,
        backend() as profiles,
        nginx(Path(name), latch.port, orders, profiles) as http,
    ):
        yield Gateway(latch, http)


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with running() as gateway:
        yield gateway


def assert_unavailable(response: httpx.Response) -> None:
    assert error(response) == (503, "service_unavailable")
    assert response.headers["retry-after"] == "1"
    assert response.headers["content-type"] == "application/json"
    assert "www-authenticate" not in response.headers


def test_the_backends_hear_who_it_is_from_latch_alone(gateway: Gateway) -> None:
    login = gateway.latch.log_in()
    forged = {"X-User-Id": "999", "X-Session-Id": "forged", "X_User_Id": "999", "x-user-ID": "998"}
    for path in BACKENDS:
        for headers in ({}, forged):
            heard = gateway.heard(path, login["token"], **headers)
            assert heard["x-user-id"] == [str(login["user_id"])]
            assert heard["x-session-id"] == [login["session_id"]]
            assert not {"authorization", "x_user_id"} & set(heard)
    assert gateway.heard("/orders/1", login["token"], **{"X-Request-ID": "abc-1"})["x-request-id"] == ["abc-1"]
    posted = gateway.http.post("/orders/1", headers=bearer(login["token"]), content=b"x" * 100_000)
    assert posted.status_code == 200
    assert ["content-length", "100000"] in posted.json()


def test_a_refusal_is_latch_s_own(gateway: Gateway) -> None:
    login = gateway.latch.log_in()
    for path in BACKENDS:
        response = gateway.get(path, **{"X-User-Id": "1", "X-Request-ID": "abc-2"})
        assert error(response) == (401, "invalid_token")
        assert response.headers.get_list("www-authenticate") == ['Bearer realm="latch"']
        assert response.headers["x-request-id"] == "abc-2"
        response = gateway.get(path, "A" * 64)
        assert error(response) == (401, "invalid_token")
        [challenge] = response.headers.get_list("www-authenticate")
        assert 'error="invalid_token"' in challenge
    assert error(gateway.http.post("/orders/1", content=b"x" * 100_000)) == (401, "invalid_token")
    assert gateway.get("/_latch/check", login["token"]).status_code == 404
    assert gateway.get("/anywhere", login["token"]).status_code == 404
    # The backends' own errors stay theirs, and Latch's too.
    for status in (401, 403, 500, 503):
        response = gateway.get(f"/orders/status/{status}", login["token"])
        assert response.status_code == status
        assert ["x-user-id", str(login["user_id"])] in response.json()
    assert gateway.get(f"{BASE}/user", login["token"]).status_code == 200
    assert error(gateway.get(f"{BASE}/user")) == (401, "invalid_token")


def test_a_deleted_session_is_refused_at_the_very_next_request(gateway: Gateway) -> None:
    for path in BACKENDS:
        gone, other = gateway.latch.log_in(), gateway.latch.log_in()
        assert [gateway.get(each, gone["token"]).status_code for each in BACKENDS] == [200, 200]
        with gateway.redis as redis:
            assert redis.delete(f"session:{{{gone['user_id']}}}:{gone['session_id']}") == 1
        assert gateway.get(path, gone["token"]).status_code == 401
        assert [gateway.get(each, gone["token"]).status_code for each in BACKENDS] == [401, 401]
        assert [gateway.get(each, other["token"]).status_code for each in BACKENDS] == [200, 200]


def test_a_logged_out_app_hears_the_reason(gateway: Gateway) -> None:
    token = gateway.latch.log_in()["token"]
    assert gateway.http.delete(f"{BASE}/authorizations", headers=bearer(token)).status_code == 204
    for path in BACKENDS:
        response = gateway.get(path, token)
        assert error(response) == (401, "session_ended")
        assert response.json()["reason"] == "logged_out"


def test_a_store_that_does_not_answer_is_503_and_never_a_log_out(gateway: Gateway) -> None:
    token = gateway.latch.log_in()["token"]
    with gateway.redis as redis:
        server = int(redis.info("server")["process_id"])
        os.kill(server, signal.SIGSTOP)
        try:
            for path in BACKENDS:
                assert_unavailable(gateway.get(path, token))
        finally:
            os.kill(server, signal.SIGCONT)
        redis.ping()  # answered when it runs again
    assert gateway.get("/orders/1", token).status_code == 200


@pytest.mark.slow
def test_a_latch_that_is_down_is_503_and_never_a_log_out() -> None:
    with running() as gateway:
        token = gateway.latch.log_in()["token"]
        assert [gateway.get(path, token).status_code for path in BACKENDS] == [200, 200]
        gateway.latch.stop()
        for path in (*BACKENDS, f"{BASE}/user"):
            for sent in (token, None):
                response = gateway.get(path, sent, **{"X-Request-ID": 'a"b'})
                assert_unavailable(response)
                assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])
