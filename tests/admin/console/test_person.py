"""The page of a person: who, on which devices, what has happened; a stranger to the database; stores that are away."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from service.errors import ServiceUnavailable
from service.stores.database import Database
from service.stores.sessions import SessionStore
from service.stores.users import UserStore
from tests.admin.console.conftest import Visitor, text_of
from tests.client import MOBILE, Api
from tests.conftest import Clock

pytestmark = pytest.mark.slow

MASKED = "138****8000"
POLL = {"HX-Request": "true", "X-Poll": "1"}
ACTS = ("end-all", "disable", "enable", "unlock", "rename", "number", "export", "erase")
LOOKS_AWAY = [(SessionStore, "of_user"), (UserStore, "get")]


@pytest.fixture
async def ada(api: Api) -> dict[str, Any]:
    """The tokens of somebody on one device."""
    return await api.log_in(**{"X-Device-Name": "Ada's <phone>"})


def path_of(tokens: dict[str, Any]) -> str:
    return f"/people/{tokens['user_id']}"


async def told(visitor: Visitor, path: str, *words: str) -> str:
    """The page, once its time line says all of this: the writers take half a second."""
    for _ in range(200):
        shown = await visitor.shown(path)
        if all(word in shown for word in words):
            break
        await asyncio.sleep(0.05)
    return shown


async def test_who_it_is_stands_there_with_number_masked_and_every_device(
    ada: dict[str, Any], api: Api, looker: Visitor
) -> None:
    other = await api.log_in(**{"X-Device-Name": "tablet"})
    response = await looker.get(path_of(ada))
    shown = text_of(response)
    assert f"<h1>{MASKED}</h1>" in response.text
    assert MOBILE not in response.text
    assert f"User id {ada['user_id']} First login 2026-01-01 00:00:00" in shown
    assert "Devices 2" in shown
    for device in ("Ada&#39;s &lt;phone&gt;", "tablet", "127.0.0.1", ada["session_id"], other["session_id"]):
        assert device in response.text


async def test_what_happened_stands_in_the_time_line(ada: dict[str, Any], looker: Visitor) -> None:
    shown = await told(looker, path_of(ada), "Login Ada")
    assert "Login Ada&#39;s &lt;phone&gt; · 127.0.0.1" in shown


async def test_who_may_only_look_sees_no_button_and_is_refused_by_hand(
    ada: dict[str, Any], api: Api, looker: Visitor
) -> None:
    path = path_of(ada)
    assert f'"{path}/' not in (await looker.get(path)).text
    for act in (*ACTS, "reveal", f"sessions/{ada['session_id']}/end"):
        form = {"reason": "x", "name": "Ada", "mobile": "13900139000", "confirm": str(ada["user_id"])}
        response = await looker.post(f"{path}/{act}", form)
        assert (response.status_code, "Not allowed" in text_of(response)) == (403, True), act
        if act != "reveal":
            assert (await looker.get(f"{path}/{act}")).status_code == 403, act
    assert await api.is_live(ada["token"])
    assert (await api.who(ada["token"])).json()["data"]["mobile"] == MOBILE


async def test_who_may_act_sees_every_act_and_each_says_whom_it_is_about(ada: dict[str, Any], actor: Visitor) -> None:
    path = path_of(ada)
    page = (await actor.get(path)).text
    for act in (*(act for act in ACTS if act != "enable"), f"sessions/{ada['session_id']}/end"):
        assert f'href="{path}/{act}"' in page, act
        asked = await actor.get(f"{path}/{act}")
        assert f'<form method="post" action="{path}/{act}"' in asked.text
        assert MASKED in asked.text
        assert MOBILE not in asked.text


async def test_a_number_is_revealed_once_and_that_is_an_event(ada: dict[str, Any], actor: Visitor) -> None:
    revealed = await actor.post(f"{path_of(ada)}/reveal")
    assert revealed.status_code == 200
    assert f"<h1>{MOBILE}</h1>" in revealed.text
    assert MOBILE not in (await actor.get(path_of(ada))).text
    again = await actor.get(f"{path_of(ada)}/reveal")
    assert (again.status_code, again.headers["location"]) == (303, path_of(ada))
    shown = await told(actor, path_of(ada), "by act")
    assert shown.count("by act") == 1


async def test_a_stranger_to_the_database_has_sessions_only(
    ada: dict[str, Any], api: Api, actor: Visitor, database: Any
) -> None:
    path = path_of(ada)
    await database.rows("DELETE FROM users", [])
    response = await actor.get(path)
    assert f"<h1>User {ada['user_id']}</h1>" in response.text
    assert "not in the database" in text_of(response)
    for act in ("disable", "enable", "unlock", "rename", "number"):
        assert f"{path}/{act}" not in response.text
        assert (await actor.get(f"{path}/{act}")).status_code == 404
        assert (await actor.post(f"{path}/{act}", {"reason": "x"})).status_code == 404
    assert (await actor.post(f"{path}/reveal")).status_code == 404
    ended = await actor.post(f"{path}/end-all")
    assert ended.headers["location"] == "/?done=ended&n=1"  # nobody is left to be shown
    assert not await api.is_live(ada["token"])
    assert (await actor.get(path)).status_code == 404


@pytest.mark.parametrize("user_id", ["4711", "0", "-1", "x", "9" * 40])
async def test_an_unknown_id_is_not_found_by_any_page(actor: Visitor, user_id: str) -> None:
    for act in ("", *(f"/{act}" for act in ACTS), "/sessions/9f86d081884c7d65/end"):
        response = await actor.get(f"/people/{user_id}{act}")
        assert (response.status_code, "Not found" in text_of(response)) == (404, True), act
    for act in (*ACTS, "reveal", "sessions/9f86d081884c7d65/end"):
        assert (await actor.post(f"/people/{user_id}/{act}", {"reason": "x"})).status_code == 404, act


@pytest.mark.parametrize(("store", "method"), LOOKS_AWAY)
async def test_with_a_store_away_the_page_says_so_and_nothing_is_done(
    ada: dict[str, Any],
    api: Api,
    actor: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    store: type,
    method: str,
) -> None:
    async def is_away(*_: Any, **__: Any) -> None:
        raise ServiceUnavailable

    form = {"reason": "x", "name": "Ada", "mobile": "13900139000", "confirm": str(ada["user_id"])}
    with monkeypatch.context() as patch:
        patch.setattr(store, method, is_away)
        assert (await actor.get(path_of(ada))).status_code == 503
        for act in (*ACTS, f"sessions/{ada['session_id']}/end"):
            response = await actor.post(f"{path_of(ada)}/{act}", form)
            assert (response.status_code, "A store is away" in text_of(response)) == (503, True), act
    assert await api.is_live(ada["token"])
    assert (await api.who(ada["token"])).json()["data"]["name"] == MOBILE


async def test_a_poll_gets_the_devices_and_does_not_prolong_the_session(
    ada: dict[str, Any], looker: Visitor, clock: Clock
) -> None:
    ask: Callable[..., Any] = looker.get
    for _ in range(29):
        clock.wait(60)
        polled = await ask(path_of(ada), **POLL)
        assert polled.status_code == 200
    assert 'id="live"' in polled.text
    assert "<html" not in polled.text
    clock.wait(60)
    over = await ask(path_of(ada), **POLL)
    assert (over.status_code, over.headers["hx-redirect"]) == (403, "/log-in?next=/")


async def test_what_somebody_asks_for_prolongs_the_session(
    ada: dict[str, Any], looker: Visitor, clock: Clock, database: Database
) -> None:
    for _ in range(3):
        clock.wait(1799)
        assert (await looker.get(path_of(ada))).status_code == 200
    [row] = await database.rows("SELECT last_used_at FROM operators WHERE name = 'look'", [])
    assert re.match("2026-01-01.01:29", str(row["last_used_at"]))
