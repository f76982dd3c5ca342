"""What holds of every guard, whatever the framework and the language."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import pytest
from redis import Redis

from tests.client import bearer, error
from tests.clients.backends import LIMIT, Backend, Program
from tests.clients.gate import Gate, Line, hand_on, hand_on_and_close, hang, hang_up_on_the_second, say, trickle
from tests.processes import Service, free_port

Fact = Callable[[Backend, Service, str], None]
Test = Callable[[Fact, Backend, Service, str], None]
IDENTITY = b'{"message": "ok", "data": {"user_id": %s, "session_id": "ab", "expires_in": 5}}'
JUNK = {
    "HTML": say(200, b"<html>welcome</html>", "Content-Type: text/html"),
    "nothing in it": say(200, b'{"data": {}}'),
    "a list": say(200, b"[]"),
    "no number": say(200, IDENTITY % b'"7"'),
    "a truth": say(200, IDENTITY % b"true"),
    "brackets": say(200, b"[" * 60_000),
    "too much": say(200, IDENTITY % b"7" + b" " * 100_000),
    "an error of its own": say(500, b'{"error": "internal_error"}'),
    "away itself": say(503, b'{"error": "service_unavailable"}', "Retry-After: 1"),
    "somewhere else": say(404, b'{"error": "not_found"}'),
    "a redirect": say(302, b"", "Location: /login"),
    "a proxy's 401": say(401, b"<html>who are you?</html>", 'WWW-Authenticate: Basic realm="proxy"'),
    "a firewall's 403": say(403, b"<html>no</html>"),
    "no HTTP": lambda *_: b"SSH-2.0-OpenSSH_9\r\n\r\n",
    "half of an answer": lambda _gate, line, _head: line.sock.sendall(b"HTTP/1.1 401 No\r\nContent-Length: 9\r\n\r\n{"),
}


def get(backend: Backend, token: str | None = None, path: str = "/orders", **headers: str) -> httpx.Response:
    return ask(backend, {**(bearer(token) if token else {}), **headers}, path)


def ask(backend: Backend, headers: Any, path: str = "/orders") -> httpx.Response:
    return backend.http.get(path, headers=headers)


def assert_unavailable(response: httpx.Response) -> None:
    assert error(response) == (503, "service_unavailable")
    assert response.headers["retry-after"] == "1"
    assert "www-authenticate" not in response.headers


def a_live_token_is_let_in_and_the_backend_is_told_whose_it_is(backend: Backend, latch: Service, mobile: str) -> None:
    login = latch.log_in(mobile)
    response = get(backend, login["token"])
    assert response.status_code == 200, response.text
    told = response.json()
    assert (told["user_id"], told["session_id"]) == (login["user_id"], login["session_id"])
    assert 0 < told["expires_in"] <= login["expires_in"]


def a_deleted_session_is_out_at_the_next_request(backend: Backend, latch: Service, mobile: str) -> None:
    login = latch.log_in(mobile)
    assert get(backend, login["token"]).status_code == 200
    with Redis(unix_socket_path=str(latch.data_dir / "redis.sock")) as redis:
        assert redis.delete(f"session:{{{login['user_id']}}}:{login['session_id']}") == 1
    response = get(backend, login["token"])
    assert error(response) == (401, "invalid_token")
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


def a_refusal_is_latch_s_own(backend: Backend, latch: Service, mobile: str) -> None:
    ended = latch.log_in(mobile)["token"]
    assert latch.http.delete("/app/v1_0/authorizations", headers=bearer(ended)).status_code == 204
    response = get(backend, **{"X-Request-ID": "abc-1"})
    assert error(response) == (401, "invalid_token")
    assert response.headers.get_list("www-authenticate") == ['Bearer realm="latch"']
    assert response.headers["x-request-id"] == "abc-1"
    response = get(backend, ended)
    assert error(response) == (401, "session_ended")
    assert response.json()["reason"] == "logged_out"
    own = latch.http.get("/app/v1_0/authorizations", headers=bearer(ended)).json()
    assert response.json() == {**own, "request_id": response.json()["request_id"]}


def what_is_no_token_lets_nobody_in(backend: Backend, latch: Service, mobile: str) -> None:
    live = latch.log_in(mobile)["token"]
    twice = [("Authorization", f"Bearer {live}"), ("Authorization", f"Bearer {live[::-1]}")]
    for odd in (twice, twice[::-1], {"Authorization": "Bearer ü".encode()}, {"Authorization": live}):
        assert error(ask(backend, odd)) == (401, "invalid_token")
    assert error(get(backend, "A" * 7000)) == (401, "invalid_token")
    assert get(backend, path="/nowhere").status_code == (401 if backend.program.is_whole else 404)


def a_403_of_latch_is_passed_on(backend: Backend, latch: Service, mobile: str) -> None:
    body = b'{"message": "no", "error": "user_disabled", "request_id": "of-latch"}'
    backend.gate.behave = say(403, body, "Cache-Control: no-store", "X-Request-ID: of-latch", "Server: gate")
    response = get(backend, "A" * 64)
    assert error(response) == (403, "user_disabled")
    assert response.content == body
    assert response.headers.get("server") != "gate"


def public_paths_ask_nobody(backend: Backend, latch: Service, mobile: str) -> None:
    assert get(backend, path="/healthz").json() == {"message": "ok"}
    assert backend.gate.heads == []
    with backend.gate.away():
        assert get(backend, path="/healthz").status_code == 200


def a_latch_that_cannot_be_reached_is_503_and_never_a_log_out(backend: Backend, latch: Service, mobile: str) -> None:
    token = latch.log_in(mobile)["token"]
    assert get(backend, token).status_code == 200
    with backend.gate.away():
        for sent in (token, None, "A" * 64):
            assert_unavailable(get(backend, sent))
        assert get(backend, token, **{"X-Request-ID": "abc-2"}).json()["request_id"] == "abc-2"
    assert get(backend, token).status_code == 200


def a_latch_that_is_down_is_503_and_never_a_log_out(backend: Backend, latch: Service, mobile: str) -> None:
    """What stands in front of it is there, and nobody behind that."""
    token = latch.log_in(mobile)["token"]
    assert get(backend, token).status_code == 200
    backend.gate.cut()
    backend.gate.upstream = free_port()
    for sent in (token, None, "A" * 64):
        assert_unavailable(get(backend, sent))
    assert get(backend, path="/healthz").status_code == 200
    backend.gate.upstream = latch.port
    assert get(backend, token).status_code == 200


def a_longer_limit_waits_longer(backend: Backend, latch: Service, mobile: str) -> None:
    def hand_on_late(gate: Gate, line: Line, head: bytes) -> bytes:
        time.sleep(1.2 * LIMIT)
        return hand_on(gate, line, head)

    token = latch.log_in(mobile)["token"]
    backend.gate.behave = hand_on_late
    assert get(backend, token).status_code == 200


def assert_let_in(backend: Backend, token: str) -> None:
    """Asked once more where the guard's second has run out, as it may on a busy machine."""
    assert get(backend, token).status_code == 200 or get(backend, token).status_code == 200


def a_latch_that_hangs_is_503_within_the_limit(backend: Backend, latch: Service, mobile: str) -> None:
    token = latch.log_in(mobile)["token"]
    assert_let_in(backend, token)
    backend.gate.behave = hang
    began = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        for response in pool.map(lambda _: get(backend, token), range(10)):
            assert_unavailable(response)
    assert 0.9 * LIMIT < time.monotonic() - began < 4 * LIMIT
    backend.gate.behave = hand_on
    assert_let_in(backend, token)


def a_latch_that_sends_a_byte_now_and_then_is_503_within_the_limit(
    backend: Backend, latch: Service, mobile: str
) -> None:
    backend.gate.behave = trickle
    began = time.monotonic()
    assert_unavailable(get(backend, "A" * 64))
    assert 0.9 * LIMIT < time.monotonic() - began < 4 * LIMIT


def what_latch_does_not_answer_is_503(backend: Backend, latch: Service, mobile: str) -> None:
    for what, behave in JUNK.items():
        backend.gate.behave = behave
        response = get(backend, "A" * 64)
        assert response.status_code == 503, what
        assert_unavailable(response)


def what_latch_reads_of_a_request_is_handed_on_and_nothing_else(backend: Backend, latch: Service, mobile: str) -> None:
    token = latch.log_in(mobile)["token"]
    response = get(backend, token, **{"X-Request-ID": "abc-3", "Accept-Language": "zh-CN", "Cookie": "a=b"})
    assert response.status_code == 200
    assert backend.gate.sent("x-request-id") == ["abc-3"]
    assert backend.gate.sent("accept-language") == ["zh-CN"]
    assert backend.gate.sent("authorization") == [f"Bearer {token}"]
    assert backend.gate.sent("cookie") == []
    assert backend.gate.heads[-1].startswith(b"GET /app/v1_0/authorizations HTTP/1.1\r\n")


def every_request_asks_over_connections_that_are_kept(backend: Backend, latch: Service, mobile: str) -> None:
    token = latch.log_in(mobile)["token"]
    get(backend, token)
    backend.gate.reset()
    for _ in range(50):
        assert get(backend, token).status_code == 200
    assert len(backend.gate.heads) == 50
    assert backend.gate.connections <= 1
    with ThreadPoolExecutor(10) as pool:
        assert {response.status_code for response in pool.map(lambda _: get(backend, token), range(50))} == {200}
    assert len(backend.gate.heads) == 100
    assert backend.gate.connections <= 10


def connections_that_latch_closes_are_noticed_by_nobody(backend: Backend, latch: Service, mobile: str) -> None:
    token = latch.log_in(mobile)["token"]
    for behave in (hand_on_and_close, hang_up_on_the_second):
        backend.gate.behave = behave
        assert [get(backend, token).status_code for _ in range(20)] == [200] * 20
    backend.gate.cut()
    assert get(backend, token).status_code == 200


def clients_that_hang_up_leave_no_connection_taken(backend: Backend, latch: Service, mobile: str) -> None:
    token = latch.log_in(mobile)["token"]
    backend.gate.behave = hang

    def give_up(_: int) -> None:
        with suppress(httpx.TimeoutException):
            httpx.get(f"{backend.http.base_url}/orders", headers=bearer(token), timeout=0.1, trust_env=False)

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(give_up, range(40)))
    backend.gate.behave = hand_on
    time.sleep(LIMIT)  # a guard that blocks does not hear of it
    assert_let_in(backend, token)
    assert threading.active_count() < 100


# Of guards as they ship, with LIMIT; the others are facts of patient programs.
OF_LIMITS: list[Fact] = [
    a_latch_that_hangs_is_503_within_the_limit,
    a_latch_that_sends_a_byte_now_and_then_is_503_within_the_limit,
    clients_that_hang_up_leave_no_connection_taken,
]
# What a difference within a framework could touch.
OF_EACH_WAY: list[Fact] = [
    a_live_token_is_let_in_and_the_backend_is_told_whose_it_is,
    a_deleted_session_is_out_at_the_next_request,
    a_refusal_is_latch_s_own,
    what_is_no_token_lets_nobody_in,
    a_403_of_latch_is_passed_on,
    public_paths_ask_nobody,
    every_request_asks_over_connections_that_are_kept,
    connections_that_latch_closes_are_noticed_by_nobody,
]
FACTS: list[Fact] = [
    *OF_EACH_WAY,
    a_latch_that_cannot_be_reached_is_503_and_never_a_log_out,
    a_latch_that_is_down_is_503_and_never_a_log_out,
    a_longer_limit_waits_longer,
    what_latch_does_not_answer_is_503,
    what_latch_reads_of_a_request_is_handed_on_and_nothing_else,
]


def each_of(facts: Sequence[Fact], programs: Sequence[Program]) -> Callable[[Test], Test]:
    """A test of each fact with each program, which is started once for all of them."""
    of_facts = pytest.mark.parametrize("fact", facts, ids=lambda fact: fact.__name__)
    # Not one mark for both: pytest would start a program anew for each fact.
    of_programs = pytest.mark.parametrize("running", programs, indirect=True, ids=lambda program: program.name)
    return lambda test: of_facts(of_programs(test))
