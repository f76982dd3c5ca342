"""By the company's OpenID provider to the first page: a real provider, over HTTP."""

import asyncio
from collections.abc import Iterator
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

import pytest

from service.http.console import COOKIE
from service.routes.console.session_cookies import OPENID
from tests.admin.conftest import Console, StartConsole
from tests.admin.console.conftest import Visitor, text_of
from tests.admin.test_openid_logins import CALLBACK, location, of
from tests.client import Api
from tests.conftest import Clock
from tests.openid_provider import OpenIdServer, running

pytestmark = pytest.mark.slow


@pytest.fixture
def provider(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenIdServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running(clock, CALLBACK) as server:
        yield server


@pytest.fixture
async def console(api: Api, start_console: StartConsole, provider: OpenIdServer) -> Console:
    assert api
    return await start_console(**of(provider))


async def test_whom_the_provider_names_comes_in_and_has_the_role_of_the_rule(console: Console) -> None:
    stranger = Visitor(console)
    assert "Log in with 127.0.0.1" in await stranger.shown("/log-in")
    begun = await stranger.get("/openid/begin")
    assert begun.status_code == 303
    kept = SimpleCookie(begun.headers["set-cookie"])[OPENID]
    assert (kept["samesite"], kept["httponly"], kept["secure"]) == ("Lax", True, True)
    back = urlsplit(await asyncio.to_thread(location, begun.headers["location"]))
    callback = f"{back.path}?{back.query}"
    there = await stranger.get(callback, Cookie=f"{OPENID}={kept.value}")
    assert (there.status_code, there.headers["referrer-policy"]) == (200, "no-referrer")
    cookies = SimpleCookie("; ".join(there.headers.get_list("set-cookie")))
    assert cookies[COOKIE]["samesite"] == "Strict"
    assert "ada@example.com acts" in await Visitor(console, cookies[COOKIE].value).shown("/")
    again = await stranger.get(callback, Cookie=f"{OPENID}={kept.value}")
    assert again.status_code == 403
    assert "Not allowed" in text_of(again)


async def test_without_a_provider_there_is_nothing(stranger: Visitor, start_console: StartConsole) -> None:
    plain = Visitor(await start_console(with_keys=False))
    for path in ("/openid/begin", "/openid/callback"):
        assert (await plain.get(path)).status_code == 404
    assert "Log in with a passkey" in await stranger.shown("/log-in")
