"""The shipped file of a gateway, on ports of its own, in front of two backends and a real Latch."""

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from redis import Redis

from tests.client import bearer
from tests.processes import PATIENCE, ROOT, Service, free_port
from tests.programs import program

NOT_FOUND = 404
BACKENDS = ("/orders/1", "/profiles/1")
APP = "https://app.example.com"  # the origin of a browser app
REDIS_TIMEOUT = 0.5  # seconds


class Backend(BaseHTTPRequestHandler):
    """Answers with method, headers and length of what it was sent, or with a status that its path asks for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        length = len(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        asked = re.search(r"/status/(\d+)$", self.path)
        sent = [[name.lower(), value] for name, value in self.headers.items()]
        body = json.dumps([*sent, ["method", self.command], ["read", str(length)]]).encode()
        self.send_response(int(asked[1]) if asked else 200)
        if self.path.endswith("/cors"):  # as one that has served browser apps before there was a gateway
            self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_GET  # noqa: N815 - names that http.server looks for

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


@dataclass(frozen=True)
class Shipped:
    """A gateway's files under deploy/, what they are started with, and where they listen.

    `around` is what a packaged one has outside of these files, by name. `{folder}` stands for where they are run.
    """

    name: str
    files: tuple[str, ...]
    listens: tuple[str, str]  # as shipped, and with `{port}`
    command: tuple[str, ...]
    around: tuple[tuple[str, str], ...] = ()
    replaced: tuple[tuple[str, str], ...] = ()

    @property
    def folder(self) -> Path:
        return ROOT / "deploy" / self.name

    def written(self, place: Path, port: int, latch: int, orders: int, profiles: int) -> list[str]:
        """Write the files with these ports, and return what is to be typed."""
        ports = {"127.0.0.1:8000": latch, "127.0.0.1:9001": orders, "127.0.0.1:9002": profiles}
        for name in self.files:
            text = (self.folder / name).read_text(encoding="utf-8")
            for shipped, ours in ports.items():
                address, _, was = shipped.partition(":")
                text = text.replace(shipped, f"{address}:{ours}")
                text = text.replace(f"{address}, port_value: {was}", f"{address}, port_value: {ours}")
            text = text.replace(self.listens[0], self.listens[1].format(port=port))
            for old, new in self.replaced:
                text = text.replace(old, new.format(folder=place))
            (place / name).write_text(text, encoding="utf-8")
        for name, text in self.around:
            whole = text.replace("{folder}", str(place))
            before = (place / name).read_text(encoding="utf-8") if (place / name).exists() else ""
            (place / name).write_text(whole + before, encoding="utf-8")
        return [str(program(self.name)), *(part.format(folder=place) for part in self.command)]


@contextmanager
def started(shipped: Shipped, place: Path, latch: int, orders: int, profiles: int) -> Iterator[httpx.Client]:
    """A client of a gateway that runs its shipped files with these ports."""
    port = free_port()
    command = shipped.written(place, port, latch, orders, profiles)
    with (place / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=place, env={**os.environ, "HOME": str(place)}, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False, verify=False) as client:
            wait_for(client, process, place)
            yield client
    finally:
        process.terminate()
        process.wait(PATIENCE)


def wait_for(client: httpx.Client, process: subprocess.Popen[bytes], place: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, (place / "output.txt").read_text(encoding="utf-8")
        with suppress(httpx.TransportError):
            if client.get("/orders/1").status_code != NOT_FOUND:  # Traefik listens before it has read its routes
                return
        time.sleep(0.02)
    pytest.fail("the gateway does not answer")


@dataclass
class Gateway:
    """Latch, a gateway and two backends."""

    name: str
    latch: Service
    http: httpx.Client

    @property
    def redis(self) -> Redis:
        return Redis(unix_socket_path=str(self.latch.data_dir / "redis.sock"))

    def get(self, path: str, token: str | None = None, **headers: str) -> httpx.Response:
        return self.send("GET", path, token, headers)

    def send(
        self,
        method: str,
        path: str,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        sent = {**(bearer(token) if token else {}), **(headers or {})}
        return self.http.request(method, path, headers=sent, content=content)

    def heard(self, path: str, token: str, headers: Mapping[str, str] | None = None) -> dict[str, list[str]]:
        """The headers that reached a backend."""
        response = self.send("GET", path, token, headers)
        assert response.status_code == 200, response.text
        found: dict[str, list[str]] = {}
        for name, value in response.json():
            found.setdefault(name, []).append(value)
        return found


@contextmanager
def running(shipped: Shipped, *, origins: str = "", access_ttl: int = 3600) -> Iterator[Gateway]:
    """`origins` are those of browser apps that Latch lets in."""
    settings = {"CORS_ORIGINS": origins, "ACCESS_TTL": access_ttl, "REDIS_TIMEOUT": REDIS_TIMEOUT, "TRUSTED_PROXIES": 1}
    with (
        tempfile.TemporaryDirectory(prefix="latch-") as name,  # short: a socket's path may have 107 bytes
        Service(Path(name) / "data", ready="/readyz", **settings) as latch,
        backend() as orders,
        backend() as profiles,
        started(shipped, Path(name), latch.port, orders, profiles) as http,
    ):
        yield Gateway(shipped.name, latch, http)


# What a packaged nginx has outside the server block, kept inside one folder: no root, nothing left behind.
_AROUND_NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {}
http {
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/latch.conf;
}
"""
NGINX = Shipped(
    "nginx",
    ("latch.conf",),
    ("listen 80;", "listen 127.0.0.1:{port};"),
    ("-p", "{folder}", "-e", "{folder}/error.log", "-c", "{folder}/nginx.conf"),
    around=(("nginx.conf", _AROUND_NGINX),),
)
CADDY = Shipped(
    "caddy",
    ("Caddyfile",),
    ("\n:80 {", "\nhttp://127.0.0.1:{port} {{"),
    ("run", "--config", "{folder}/Caddyfile", "--adapter", "caddyfile"),
    around=(("Caddyfile", "{\n\tadmin off\n}\n"),),
)
HAPROXY = Shipped(
    "haproxy",
    ("haproxy.cfg", "latch.lua"),
    ("bind :80 ", "bind 127.0.0.1:{port} "),
    ("-db", "-f", "{folder}/haproxy.cfg"),
    replaced=(("/etc/haproxy/", "{folder}/"),),
)
ENVOY = Shipped(
    "envoy",
    ("envoy.yaml",),
    ("{address: 0.0.0.0, port_value: 80}", "{{address: 127.0.0.1, port_value: {port}}}"),
    ("--config-path", "{folder}/envoy.yaml", "--concurrency", "1", "--disable-hot-restart", "--log-level", "warn"),
)
TRAEFIK = Shipped(
    "traefik",
    ("traefik.yml", "dynamic.yml"),
    ('address: ":80"', 'address: "127.0.0.1:{port}"'),
    ("--configFile={folder}/traefik.yml",),
)
EVERY = (NGINX, CADDY, HAPROXY, TRAEFIK, ENVOY)
