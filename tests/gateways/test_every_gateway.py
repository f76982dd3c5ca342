"""What holds behind every gateway whose file is shipped (docs/forward-auth.md)."""

import os
import signal
from collections.abc import Iterator

import httpx
import pytest

from tests.client import BASE, bearer, error
from tests.gateways.programs import APP, BACKENDS, EVERY, Gateway, Shipped, running
from tests.programs import needs

pytestmark = pytest.mark.slow
GATEWAYS = [
    pytest.param(shipped, id=shipped.name, marks=needs(shipped.name, "that in front of Latch")) for shipped in EVERY
]
FORGED = {"X-User-Id": "999", "X-Session-Id": "forged", "X_User_Id": "999", "x-user_ID": "998", "X_Session-Id": "f"}
PREFLIGHT = {"Origin": APP, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture(params=GATEWAYS, scope="module")
def gateway(request: pytest.FixtureRequest) -> Iterator[Gateway]:
    shipped: Shipped = request.param
    with running(shipped, origins="" if shipped.name == "envoy" else APP) as gateway:  # Envoy answers browsers itself
        yield gateway


def is_readable_by_the_app(response: httpx.Response) -> bool:
    return response.headers.get_list("access-control-allow-origin") == [APP]


def assert_unavailable(gateway: Gateway, response: httpx.Response) -> None:
    assert "www-authenticate" not in response.headers
    if gateway.name == "traefik" and response.status_code != 503:  # it has one answer to a check that got none
        assert response.status_code in {500, 502}
        return
    assert error(response) == (503, "service_unavailable")
    assert response.headers["retry-after"] in {"1", "2", "3"}
    assert response.headers["content-type"] == "application/json"


def test_the_backends_hear_who_it_is_from_latch_alone(gateway: Gateway) -> None:
    login = gateway.latch.log_in()
    for path in BACKENDS:
        for headers in ({}, FORGED):
            heard = gateway.heard(path, login["token"], headers)
            assert heard["x-user-id"] == [str(login["user_id"])]
            assert heard["x-session-id"] == [login["session_id"]]
            # Neither the token, nor names that CGI takes for ours.
            assert [name for name in heard if name.replace("_", "-") in {"x-user-id", "x-session-id"}] == [
                name for name in heard if name in {"x-user-id", "x-session-id"}
            ]
            assert not {"authorization", "x-latch-origin"} & set(heard)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_bodies_and_methods_reach_the_backend_whole(gateway: Gateway, method: str) -> None:
    token = gateway.latch.log_in()["token"]
    response = gateway.send(method, "/orders/1", token, content=b"x" * 100_000)
    assert response.status_code == 200
    assert ["read", "100000"] in response.json()
    assert ["method", method] in response.json()
    assert gateway.latch.is_live(token)


def test_a_head_is_a_head(gateway: Gateway) -> None:
    token = gateway.latch.log_in()["token"]
    assert (gateway.send("HEAD", "/orders/1", token).status_code, gateway.send("HEAD", "/orders/1").status_code) == (
        200,
        401,
    )


def test_no_method_at_a_backend_s_address_does_anything_at_latch(gateway: Gateway) -> None:
    login = gateway.latch.log_in()
    for path in ("/orders/", "/orders/..%2f..%2fapp/v1_0/authorizations", f"/orders{BASE}/authorizations"):
        for method in ("DELETE", "PUT", "POST"):
            gateway.send(method, path, login["token"])
    for method in ("DELETE", "PUT", "POST"):
        gateway.send(method, "/", login["token"])
    assert gateway.latch.is_live(login["token"])


def test_a_refusal_is_latch_s_own(gateway: Gateway) -> None:
    gone = gateway.latch.log_in()
    assert gateway.http.delete(f"{BASE}/authorizations", headers=bearer(gone["token"])).status_code == 204
    for path in BACKENDS:
        for method in ("GET", "POST", "OPTIONS"):
            response = gateway.send(method, path, headers={"X-User-Id": "1", "X-Request-ID": "abc-2"})
            assert error(response) == (401, "invalid_token")
            assert response.headers.get_list("www-authenticate") == ['Bearer realm="latch"']
        response = gateway.get(path, gone["token"])
        assert error(response) == (401, "session_ended")
        assert response.json()["reason"] == "logged_out"
    assert error(gateway.send("POST", "/orders/1", content=b"x" * 100_000)) == (401, "invalid_token")
    assert error(gateway.get(f"{BASE}/user")) == (401, "invalid_token")


def test_what_backends_answer_stays_theirs(gateway: Gateway) -> None:
    login = gateway.latch.log_in()
    for status in (401, 403, 404, 500, 503):
        response = gateway.get(f"/orders/status/{status}", login["token"])
        assert response.status_code == status
        assert ["x-user-id", str(login["user_id"])] in response.json()


def test_a_deleted_session_is_refused_at_the_very_next_request(gateway: Gateway) -> None:
    gone, other = gateway.latch.log_in(), gateway.latch.log_in()
    assert [gateway.get(path, gone["token"]).status_code for path in BACKENDS] == [200, 200]
    with gateway.redis as redis:
        assert redis.delete(f"session:{{{gone['user_id']}}}:{gone['session_id']}") == 1
    assert [gateway.get(path, gone["token"]).status_code for path in BACKENDS] == [401, 401]
    assert [gateway.get(path, other["token"]).status_code for path in BACKENDS] == [200, 200]


def test_people_log_in_through_it(gateway: Gateway) -> None:
    code = gateway.latch.code("13700137000")
    response = gateway.http.post(f"{BASE}/authorizations", json={"mobile": "13700137000", "code": code})
    assert response.status_code == 200
    token = response.json()["data"]["token"]
    assert gateway.get(f"{BASE}/user", token).json()["data"]["mobile"] == "13700137000"
    assert gateway.get(f"{BASE}/sessions", token).status_code == 200
    assert gateway.get(f"{BASE}/articles/1", token).status_code == 404
    assert gateway.get("/anywhere", token).status_code == 404


def test_other_people_s_cookies_stop_no_check_and_no_login(gateway: Gateway) -> None:
    token = gateway.latch.log_in()["token"]
    cookies = "; ".join(f"c{n}={'x' * 1000}" for n in range(28))
    assert gateway.get("/orders/1", token, Cookie=cookies).status_code == 200
    assert gateway.get(f"{BASE}/user", token, Cookie=cookies).status_code == 200


def test_a_browser_app_on_another_origin_can_read_every_answer(gateway: Gateway) -> None:
    token = gateway.latch.log_in()["token"]
    for path in (*BACKENDS, "/orders/cors", f"{BASE}/user", f"{BASE}/authorizations"):
        preflight = gateway.send("OPTIONS", path, headers=PREFLIGHT)
        assert preflight.status_code in {200, 204}
        assert is_readable_by_the_app(preflight), path
        assert "PUT" in preflight.headers["access-control-allow-methods"] or path == f"{BASE}/user"
        assert "authorization" in preflight.headers["access-control-allow-headers"]
        for sent in (token, None):
            response = gateway.get(path, sent, Origin=APP)
            assert response.status_code == (200 if sent else 401)
            assert is_readable_by_the_app(response), path


def test_another_origin_is_let_in_nowhere(gateway: Gateway) -> None:
    token = gateway.latch.log_in()["token"]
    evil = "https://evil.example"
    for response in (
        gateway.send("OPTIONS", "/orders/1", headers={**PREFLIGHT, "Origin": evil}),
        gateway.get("/orders/1", token, Origin=evil),
        gateway.get("/orders/1", Origin=evil),
    ):
        assert "access-control-allow-origin" not in response.headers


def test_a_store_that_does_not_answer_is_503_and_never_a_log_out(gateway: Gateway) -> None:
    token = gateway.latch.log_in()["token"]
    with gateway.redis as redis:
        server = int(redis.info("server")["process_id"])
        os.kill(server, signal.SIGSTOP)
        try:
            for path in BACKENDS:
                response = gateway.get(path, token, Origin=APP)
                assert response.status_code == 503
                assert_unavailable(gateway, response)
                assert response.headers["access-control-allow-origin"] in {APP, "*"}
        finally:
            os.kill(server, signal.SIGCONT)
        redis.ping()  # answered when it runs again
    assert gateway.get("/orders/1", token).status_code == 200


def test_a_latch_that_is_down_is_503_and_never_a_log_out(gateway: Gateway) -> None:
    """The last one here: nothing starts it again."""
    token = gateway.latch.log_in()["token"]
    gateway.latch.stop()
    for path in (*BACKENDS, f"{BASE}/user"):
        for sent in (token, None):
            response = gateway.get(path, sent, Origin=APP)
            assert_unavailable(gateway, response)
            if gateway.name != "traefik" or path in BACKENDS:
                assert response.headers["access-control-allow-origin"] in {APP, "*"}
        if path in BACKENDS and gateway.name != "haproxy":  # which can only say that nobody is there
            preflight = gateway.send("OPTIONS", path, headers=PREFLIGHT)
            assert preflight.status_code in {200, 204}
            assert preflight.headers["access-control-allow-origin"] in {APP, "*"}
            assert "authorization" in preflight.headers["access-control-allow-headers"]
