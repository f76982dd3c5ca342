"""Who may ask the private listener for what: every route, every role, and no key at all."""

import re
from typing import Any

import httpx
import pytest
from sanic import HTTPResponse

from service.events import Event
from service.http.requests import App, Request
from service.http.responses import nothing
from service.roles import Role
from tests.admin.conftest import ADMIN, HOST, Console, StartConsole
from tests.client import Api, error
from tests.conftest import Clock

pytestmark = pytest.mark.slow

# The routes of section 8 of the contract that there are, with the least role that each takes.
ROUTES = {
    ("POST", "/users/search"): Role.LOOK,
    ("GET", "/users/<user_id>"): Role.LOOK,
    ("PATCH", "/users/<user_id>"): Role.ACT,
    ("DELETE", "/users/<user_id>"): Role.ACT,
    ("GET", "/users/<user_id>/export"): Role.ACT,
    ("POST", "/users/<user_id>/reveal"): Role.ACT,
    ("POST", "/users/<user_id>/unlock"): Role.ACT,
    ("PUT", "/users/<user_id>/mobile"): Role.ACT,
    ("GET", "/users/<user_id>/sessions"): Role.LOOK,
    ("DELETE", "/users/<user_id>/sessions"): Role.ACT,
    ("DELETE", "/users/<user_id>/sessions/<session_id>"): Role.ACT,
    ("POST", "/revocations"): Role.ACT,
    ("GET", "/revocations/<revocation_id>"): Role.ACT,
    ("DELETE", "/revocations/<revocation_id>"): Role.ACT,
    ("GET", "/webhooks"): Role.LOOK,
    ("GET", "/dead-letters"): Role.LOOK,
    ("GET", "/dead-letters/<letter_id>"): Role.LOOK,
    ("POST", "/dead-letters/<letter_id>/resend"): Role.ACT,
    ("POST", "/dead-letters/resend"): Role.ACT,
    ("DELETE", "/dead-letters/<letter_id>"): Role.ACT,
    ("GET", "/events"): Role.LOOK,
    ("GET", "/events.csv"): Role.LOOK,
    ("POST", "/explain"): Role.LOOK,
    ("GET", "/now"): Role.LOOK,
    ("GET", "/messages"): Role.LOOK,
    ("GET", "/operators"): Role.OWNER,
    ("POST", "/operators"): Role.OWNER,
    ("POST", "/operators/<name>/link"): Role.OWNER,
    ("DELETE", "/operators/<name>"): Role.OWNER,
    ("GET", "/operators/<name>/sessions"): Role.OWNER,
    ("DELETE", "/operators/<name>/sessions"): Role.OWNER,
    ("DELETE", "/operators/<name>/sessions/<session_id>"): Role.OWNER,
    ("GET", "/keys"): Role.OWNER,
    ("POST", "/keys"): Role.OWNER,
    ("DELETE", "/keys/<name>"): Role.OWNER,
}
# Those that are not done without a reason.
REASON_DUE = {
    ("PUT", "/users/<user_id>/mobile"),
    ("DELETE", "/users/<user_id>"),
    ("GET", "/users/<user_id>/export"),
}
OPEN = ["/healthz", "/readyz", "/metrics", "/docs", "/docs/openapi.json"]


def filled(path: str) -> str:
    return re.sub("<.*?>", "1", path)


async def test_every_route_takes_its_role_and_no_less(console: Console) -> None:
    served = {
        (method, f"/{route.path}".removeprefix(ADMIN).replace(":str>", ">"))
        for route in console.app.router.routes
        for method in route.methods - {"HEAD", "OPTIONS"}
        if f"/{route.path}".startswith(f"{ADMIN}/")
    }
    assert served == set(ROUTES)
    for (method, path), needed in ROUTES.items():
        body: dict[str, Any] = {"json": {}} if method in {"POST", "PATCH"} else {}
        for role in Role:
            response = await console.as_role(role, method, filled(path), **body)
            if role.reaches(needed):
                assert response.status_code in {200, 400, 404}, (method, path, role, response.text)
            else:
                assert error(response) == (403, "forbidden"), (method, path, role)


async def test_what_needs_a_reason_is_refused_without_one(console: Console) -> None:
    due = {
        (method, f"/{route.path}".removeprefix(ADMIN).replace(":str>", ">"))
        for route in console.app.router.routes
        for method in route.methods - {"HEAD", "OPTIONS"}
        if getattr(route.ctx, "reason", False) and f"/{route.path}".startswith(f"{ADMIN}/")
    }
    assert due == REASON_DUE
    for method, path in ROUTES:
        response = await console.as_role(Role.OWNER, method, filled(path))
        is_json = response.headers.get("content-type") == "application/json"
        is_named = "X-Reason" in (response.json().get("fields", {}) if is_json else {})
        assert is_named == ((method, path) in due), (method, path, response.text)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_a_reason_is_asked_for_after_the_role_and_before_all_else(
    api: Api, start_console: StartConsole, method: str
) -> None:
    def add_routes(app: App) -> None:
        for one in {method, "GET"} - {"HEAD"}:
            app.add_route(asked, f"{ADMIN}/why", [one], name=one, ctx_role=Role.ACT, ctx_reason=True)

    async def asked(_: Request) -> HTTPResponse:
        return nothing()

    assert api
    console = await start_console(prepare=add_routes)
    assert (await console.as_role(Role.LOOK, method, "/why")).status_code == 403
    for reason in ("", "%20", "%20%0A", "%E3%80%80", "%E2%80%8B"):
        response = await console.as_role(Role.ACT, method, "/why", headers={"X-Reason": reason})
        assert response.status_code == 400, reason
        if method != "HEAD":
            assert set(response.json()["fields"]) == {"X-Reason"}
    for reason in ("lost phone", "%E6%8A%95%E8%AF%89"):
        assert (await console.as_role(Role.ACT, method, "/why", headers={"X-Reason": reason})).status_code == 204


async def test_without_a_key_every_route_is_closed(console: Console) -> None:
    for method, path in ROUTES:
        body: dict[str, Any] = {"json": {}} if method in {"POST", "PATCH"} else {}
        response = await console.ask(method, f"{ADMIN}{filled(path)}", None, **body)
        assert error(response) == (401, "invalid_token"), (method, path)
        assert response.headers["www-authenticate"] == 'Bearer realm="latch"'


async def test_head_takes_the_role_of_get(console: Console) -> None:
    assert (await console.as_role(Role.LOOK, "HEAD", "/users/1")).status_code == 404
    assert (await console.as_role(Role.ACT, "HEAD", "/keys")).status_code == 403
    assert (await console.as_role(Role.OWNER, "HEAD", "/keys")).status_code == 200


@pytest.mark.parametrize("path", OPEN)
async def test_health_metrics_and_the_page_take_no_key(console: Console, path: str) -> None:
    assert (await console.ask("GET", path, None)).status_code == 200


@pytest.mark.parametrize(
    "key", ["x", "latch_", f"latch_{'A' * 43}", "x" * 64, f"latch_{'A' * 42}é", f"latch_{'A' * 43} more"]
)
async def test_a_key_that_is_none_of_ours_is_refused_and_told(
    console: Console, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"Authorization": f"Bearer {key}".encode()}
    response = await console.ask("GET", f"{ADMIN}/users/1", None, headers=headers)
    assert error(response) == (401, "invalid_token")
    if " more" not in key:  # that is no Bearer token at all
        assert [record.reason for record in refusals(caplog)] == ["key"]
    assert key not in caplog.text


async def test_a_role_that_does_not_reach_is_told_with_the_key_s_name(
    console: Console, caplog: pytest.LogCaptureFixture
) -> None:
    await console.as_role(Role.LOOK, "POST", "/users/1/reveal")
    [record] = refusals(caplog)
    assert (record.reason, record.operator, record.levelname) == ("role", "look", "WARNING")


def refusals(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record for record in caplog.records if record.getMessage() == Event.OPERATOR_REFUSED]


async def test_a_key_that_is_removed_opens_nothing_any_more(console: Console) -> None:
    assert (await console.as_role(Role.OWNER, "DELETE", "/keys/act")).status_code == 204
    assert error(await console.as_role(Role.ACT, "GET", "/users/1")) == (401, "invalid_token")
    assert error(await console.as_role(Role.OWNER, "DELETE", "/keys/act")) == (404, "not_found")


async def test_a_role_that_somebody_misspelt_in_the_database_is_the_least(console: Console, database: Any) -> None:
    await database.rows("UPDATE keys SET role = 'Owner' WHERE name = 'owner'", [])
    assert error(await console.as_role(Role.OWNER, "GET", "/keys")) == (403, "forbidden")
    assert error(await console.as_role(Role.OWNER, "GET", "/users/1")) == (404, "not_found")


async def test_the_last_use_of_a_key_is_kept_and_written_once_a_minute(
    console: Console, clock: Clock, database: Any
) -> None:
    async def last_use() -> str:
        [row] = await database.rows("SELECT last_used_at FROM keys WHERE name = 'look'", [])
        return str(row["last_used_at"])

    assert await last_use() == "None"
    await console.as_role(Role.LOOK, "GET", "/users/1")
    assert (await last_use()).startswith("2026-01-01 00:00:00")
    clock.wait(59)
    await console.as_role(Role.LOOK, "GET", "/users/1")
    assert (await last_use()).startswith("2026-01-01 00:00:00")
    clock.wait(1)
    await console.as_role(Role.LOOK, "GET", "/users/1")
    assert (await last_use()).startswith("2026-01-01 00:01:00")
    keys = (await console.as_role(Role.OWNER, "GET", "/keys")).json()["data"]["keys"]
    assert {key["name"]: key["last_used_at"] for key in keys}["look"] == "2026-01-01T00:01:00Z"


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8001", "[::1]:8001", "localhost", "localhost:9001", "evil.example", "", "*"]
)
async def test_another_host_is_misdirected(console: Console, host: str) -> None:
    for path in ("/docs", f"{ADMIN}/users/1", "/nowhere"):
        response = await console.ask("GET", path, console.keys[Role.OWNER], headers={"Host": host})
        assert error(response) == (421, "invalid_request"), path


@pytest.mark.parametrize("host", ["127.0.0.1:8001", "10.1.2.3", "[fd00::7]:8001", "[fd00::7]", ""])
async def test_addresses_may_ask_for_health_and_metrics(console: Console, host: str) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await console.ask("GET", path, None, headers={"Host": host})).status_code == 200


async def test_another_name_may_not_even_ask_for_metrics(console: Console) -> None:
    assert error(await console.ask("GET", "/metrics", None, headers={"Host": "evil.example"}))[0] == 421


async def test_the_host_is_that_of_console_url_in_any_case(api: Api, start_console: StartConsole) -> None:
    assert api
    console = await start_console(console_url="https://Latch.internal")
    for host, status in (("LATCH.internal", 404), ("latch.internal:443", 404), (HOST, 421)):
        response = await console.ask("GET", f"{ADMIN}/users/1", console.keys[Role.LOOK], headers={"Host": host})
        assert response.status_code == status, host


async def test_there_is_no_cors(api: Api, start_console: StartConsole) -> None:
    assert api
    console = await start_console(cors_origins="*")
    for method in ("GET", "OPTIONS"):
        response = await console.ask(
            method, f"{ADMIN}/users/1", console.keys[Role.LOOK], headers={"Origin": "https://app.example.com"}
        )
        assert not [name for name in response.headers if name.startswith("access-control")]


async def test_the_address_comes_from_the_proxies_of_this_listener_alone(
    start_console: StartConsole, capsys: pytest.CaptureFixture[str]
) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.7"}
    for settings, address in (({"trusted_proxies": 1}, "127.0.0.1"), ({"admin_trusted_proxies": 1}, "203.0.113.7")):
        console = await start_console(with_keys=False, **settings)
        await console.ask("GET", f"{ADMIN}/users/1", "x", headers=forwarded)
        await console.stop()  # which writes what is left of the log
        assert f"operator_refused [latch.audit] ip={address}" in capsys.readouterr().err


async def test_the_log_tells_whose_key_asked(console: Console, caplog: pytest.LogCaptureFixture) -> None:
    await console.as_role(Role.LOOK, "GET", "/users/1")
    [asked] = [vars(record) for record in caplog.records if record.name == "service.access"]
    assert (asked["client"], asked["status"]) == ("look", 404)


async def test_a_database_that_is_away_is_503_and_never_401(start_console: StartConsole, unused_port: int) -> None:
    console = await start_console(with_keys=False, database_url=f"postgres://latch@127.0.0.1:{unused_port}/latch")
    response: httpx.Response = await console.ask("GET", f"{ADMIN}/users/1", f"latch_{'A' * 43}")
    assert error(response) == (503, "service_unavailable")
