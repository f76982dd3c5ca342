"""The two clients of the Python guard by themselves: forks, event loops, cancellation, bounds, TLS."""

import asyncio
import http.server
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from latch_guard import AsyncGuard, Guard, Identity, Outcome, Refused, Unavailable
from latch_guard.judgement import Question, judge

from tests import certificates
from tests.clients.gate import Gate, hang, say
from tests.processes import ROOT, Service

pytestmark = pytest.mark.slow

LIVE = say(200, b'{"data": {"user_id": 7, "session_id": "ab", "expires_in": 5}}')
SEVEN = Identity(7, "ab", 5)
FORKS = """
import os, sys
from latch_guard import Guard
url, *tokens = sys.argv[1:]
guard = Guard(url, timeout=30)
def ask(who):
    token, _, user = tokens[who].partition("=")
    return all(guard.check(f"Bearer {token}").user_id == int(user) for _ in range(30))
assert ask(0)  # its connection is open when the children come to be
children = []
for child in range(1, 4):
    pid = os.fork()
    if not pid:
        os._exit(0 if ask(child) else 1)
    children.append(pid)
good = ask(0)
sys.exit(not good or any(os.waitpid(pid, 0)[1] for pid in children))
"""


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as gate:
        gate.behave = LIVE
        yield gate


def url(gate: Gate) -> str:
    return f"http://127.0.0.1:{gate.port}"


def test_blocking_threads_share_the_connections_and_wait_for_one_within_the_limit(gate: Gate) -> None:
    guard = Guard(url(gate), timeout=10, connections=3)
    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(guard.check, ["Bearer a"] * 60)) == {SEVEN}
    assert (len(gate.heads), gate.connections <= 3) == (60, True)
    guard.close()
    gate.behave = hang
    guard = Guard(url(gate), timeout=0.3, connections=3)
    began = time.monotonic()
    with ThreadPoolExecutor(12) as pool:
        assert {type(outcome) for outcome in pool.map(guard.check, ["Bearer a"] * 12)} == {Unavailable}
    assert time.monotonic() - began < 5  # not 0.3 s for each that waited in turn, which would be more with every one
    guard.close()


async def test_tasks_share_the_connections_and_wait_for_one_within_the_limit(gate: Gate) -> None:
    guard = AsyncGuard(url(gate), timeout=10, connections=3)
    assert set(await asyncio.gather(*(guard.check("Bearer a") for _ in range(60)))) == {SEVEN}
    assert (len(gate.heads), gate.connections <= 3) == (60, True)
    await guard.aclose()
    gate.behave = hang
    guard = AsyncGuard(url(gate), timeout=0.3, connections=3)
    began = time.monotonic()
    outcomes = await asyncio.gather(*(guard.check("Bearer a") for _ in range(12)))
    assert {type(outcome) for outcome in outcomes} == {Unavailable}
    assert time.monotonic() - began < 5
    await guard.aclose()


async def test_checks_that_are_cancelled_give_their_connections_back(gate: Gate) -> None:
    guard = AsyncGuard(url(gate), timeout=10, connections=4)
    for _ in range(5):
        gate.behave = hang
        tasks = [asyncio.ensure_future(guard.check("Bearer a")) for _ in range(20)]
        await asyncio.sleep(0.02)
        for task in tasks:
            task.cancel()
        assert {type(error) for error in await asyncio.gather(*tasks, return_exceptions=True)} == {
            asyncio.CancelledError
        }
        gate.behave = LIVE
        assert set(await asyncio.gather(*(guard.check("Bearer a") for _ in range(8)))) == {SEVEN}
    await guard.aclose()


def test_event_loops_after_each_other_and_at_once_have_connections_of_their_own(gate: Gate) -> None:
    guard = AsyncGuard(url(gate), timeout=10)

    async def twice() -> set[Outcome]:
        return {await guard.check("Bearer a"), await guard.check("Bearer a")}

    async def check_and_close() -> set[Outcome]:
        outcomes = await twice()
        await guard.aclose()
        return outcomes

    for _ in range(3):
        assert asyncio.run(check_and_close()) == {SEVEN}
    assert gate.connections == 3
    threads = [threading.Thread(target=asyncio.run, args=(check_and_close(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (len(gate.heads), gate.connections) == (14, 7)


def test_forked_processes_never_use_each_other_s_connections(gate: Gate, latch: Service) -> None:
    gate.reset(latch.port)
    logins = [latch.log_in(f"1671234000{n}") for n in range(4)]
    tokens = [f"{login['token']}={login['user_id']}" for login in logins]
    command = [sys.executable, "-c", FORKS, url(gate), *tokens]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "clients" / "python")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert (len(gate.heads), gate.connections) == (150, 4)


async def test_an_address_that_is_none_is_told_at_the_start_and_a_closed_port_at_each_request(unused_port: int) -> None:
    for kind in (Guard, AsyncGuard):
        with pytest.raises(ValueError, match="http"):
            kind("latch:8000")
    assert isinstance(Guard(f"http://127.0.0.1:{unused_port}").check(None), Unavailable)
    assert isinstance(await AsyncGuard(f"http://127.0.0.1:{unused_port}/").check(None), Unavailable)


def test_what_is_wrong_is_logged_without_the_token(unused_port: int, caplog: pytest.LogCaptureFixture) -> None:
    Guard(f"http://127.0.0.1:{unused_port}").check("Bearer secret", "abc-1")
    assert caplog.messages == ["Latch cannot be reached: ConnectError (request abc-1)"]


def test_a_proxy_of_the_environment_is_not_asked(gate: Gate, unused_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port}")
    guard = Guard(url(gate), timeout=10)
    assert guard.check("Bearer a") == SEVEN
    guard.close()


@pytest.mark.parametrize("value", ["Bearer ü", "Bearer a\r\nX-Evil: 1", "B" * 5000, "", None])
def test_what_http_cannot_carry_is_not_sent(value: str | None) -> None:
    question = Question(value, "an id with spaces", "zh-CN")
    assert set(question.headers) == {"X-Request-ID", "Accept-Language"}
    assert question.request_id != "an id with spaces"


def test_of_a_refusal_only_what_is_meant_for_the_client_is_kept() -> None:
    headers = [(b"WWW-Authenticate", b"Bearer"), (b"Set-Cookie", b"a=b"), (b"Content-Type", b"application/json")]
    outcome = judge(Question(None, None, None), 401, headers, b'{"error": "invalid_token"}')
    assert isinstance(outcome, Refused)
    assert outcome.headers == {"www-authenticate": "Bearer", "content-type": "application/json"}


class Latch(http.server.BaseHTTPRequestHandler):
    """Says over TLS that a token is live."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b'{"data": {"user_id": 7, "session_id": "ab", "expires_in": 5}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ssl.SSLContext]]:
    """The address of a Latch behind TLS, and whom to trust for it."""
    made = certificates.make(tmp_path_factory.mktemp("tls"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Latch) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.certificate, made.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.server_address[1]}", ssl.create_default_context(cafile=str(made.authority))
        server.shutdown()
        thread.join(5)


async def test_an_authority_of_one_s_own_is_trusted_where_it_is_named_alone(secure: tuple[str, ssl.SSLContext]) -> None:
    address, context = secure
    guard = Guard(address, timeout=10, ssl_context=context)
    assert await asyncio.to_thread(lambda: [guard.check("Bearer a"), guard.check("Bearer a")]) == [SEVEN, SEVEN]
    guard.close()
    asks = AsyncGuard(address, timeout=10, ssl_context=context)
    assert [await asks.check("Bearer a"), await asks.check("Bearer a")] == [SEVEN, SEVEN]
    await asks.aclose()
    assert isinstance(await asyncio.to_thread(Guard(address, timeout=10).check, "Bearer a"), Unavailable)
    assert isinstance(await AsyncGuard(address, timeout=10).check("Bearer a"), Unavailable)
