"""What operators do to a person at the console: done, told, refused at the wrong field, and in the time line."""

import re
from html import unescape
from typing import Any

import httpx
import pytest

from service.errors import ServiceUnavailable
from service.routes.console.person_acts import ACTS
from service.stores.sessions import SessionStore
from service.stores.users import UserStore
from tests.admin.console.conftest import Visitor, text_of
from tests.admin.console.test_person import path_of, told
from tests.admin.test_roles import REASON_DUE
from tests.client import MOBILE, Api, error
from tests.conftest import LIMITS, Outbox, Start

# The acts of a person that have a route of their own in the API.
USER = "/users/<user_id>"
API = {
    "number": ("PUT", f"{USER}/mobile"),
    "erase": ("DELETE", USER),
    "export": ("GET", f"{USER}/export"),
    "unlock": ("POST", f"{USER}/unlock"),
    "end_all": ("DELETE", f"{USER}/sessions"),
    "end": ("DELETE", f"{USER}/sessions/<session_id>"),
}
pytestmark = pytest.mark.slow

NEW = "13900139000"
PROBLEM = re.compile(r'<span class="hint bad" id="h-(\w+)">(.*?)</span>')
VALUE = re.compile(r'<input id="f-(\w+)" name="\w+"(?: type="\w+")? value="([^"]*)"')


@pytest.fixture
async def ada(api: Api) -> dict[str, Any]:
    """The tokens of somebody on one device."""
    return await api.log_in()


def problems(response: httpx.Response) -> dict[str, str]:
    """What is wrong with each field of a form that is shown again."""
    assert response.status_code == 400, text_of(response)
    return dict(PROBLEM.findall(response.text))


def typed(response: httpx.Response) -> dict[str, str]:
    return {name: unescape(value) for name, value in VALUE.findall(response.text)}


async def test_ending_one_device_leaves_the_others(ada: dict[str, Any], api: Api, actor: Visitor) -> None:
    other = await api.log_in()
    end = f"{path_of(ada)}/sessions/{ada['session_id']}/end"
    shown = await actor.done(end, {"reason": "stolen <phone>"})
    assert "The session has ended: its device is out." in shown
    assert "Devices 1" in shown
    page = (await actor.get(path_of(ada))).text
    assert (f'id="s-{ada["session_id"]}"' in page, f'id="s-{other["session_id"]}"' in page) == (False, True)
    assert (await api.check(ada["token"])).status_code == 401
    assert await api.is_live(other["token"])
    assert "by act: stolen &lt;phone&gt;" in await told(actor, path_of(ada), "stolen")
    assert (await actor.get(end)).status_code == 404
    assert "The session had ended already" in await actor.done(end)
    assert await api.is_live(other["token"])


async def test_htmx_gets_the_same_answer_as_a_browser_without_scripts(ada: dict[str, Any], actor: Visitor) -> None:
    boosted = {"HX-Request": "true", "HX-Boosted": "true"}
    assert "<html" in (await actor.get(f"{path_of(ada)}/end-all", **boosted)).text
    response = await actor.post(f"{path_of(ada)}/end-all", {}, **boosted)
    assert (response.status_code, response.headers["location"]) == (303, f"{path_of(ada)}?done=ended&n=1")


async def test_ending_all_counts_them(ada: dict[str, Any], api: Api, actor: Visitor) -> None:
    other = await api.log_in()
    assert "2 devices are out" in await actor.shown(f"{path_of(ada)}/end-all")
    shown = await actor.done(f"{path_of(ada)}/end-all")
    assert "2 sessions have ended: their devices are out." in shown
    assert "No session is live" in shown
    assert [await api.is_live(one["token"]) for one in (ada, other)] == [False, False]


async def test_who_is_disabled_is_out_until_enabled(ada: dict[str, Any], api: Api, actor: Visitor) -> None:
    path = path_of(ada)
    shown = await actor.done(f"{path}/disable", {"reason": "fraud #42"})
    assert "The account is disabled, and out of every device." in shown
    assert (await api.check(ada["token"])).json()["reason"] == "disabled"
    assert error(await api.post_login(MOBILE, await api.new_code())) == (403, "user_disabled")
    page = (await actor.get(path)).text
    assert (f"{path}/enable" in page, f"{path}/disable" in page) == (True, False)
    assert "The account may log in again." in await actor.done(f"{path}/enable")
    await api.log_in()
    shown = await told(actor, path, "Account disabled", "Account enabled", "Session ended")
    for said in ("Account disabled 127.0.0.1 by act: fraud #42", "Session ended 127.0.0.1 by act: fraud #42"):
        assert said in shown
    assert "Account enabled 127.0.0.1 by act" in shown


async def test_unlocking_forgets_the_cool_down(start: Start, start_console: Any, actor: Visitor) -> None:
    api, limited = await start(**LIMITS), await start_console(with_keys=False, **LIMITS)
    tokens = await api.log_in()
    assert error(await api.send_code())[0] == 429
    shown = await Visitor(limited, actor.cookie, actor.csrf).done(f"{path_of(tokens)}/unlock")
    assert "Tries, codes and cool-down of the number are forgotten." in shown
    assert (await api.send_code()).status_code == 200


async def test_a_name_is_given_and_a_bad_one_is_told_at_its_field(
    ada: dict[str, Any], api: Api, actor: Visitor
) -> None:
    path = f"{path_of(ada)}/rename"
    for bad in ("", "a\nb", "x" * 65):
        response = await actor.post(path, {"name": bad, "reason": "asked <us>"})
        assert set(problems(response)) == {"name"}
        assert typed(response)["reason"] == "asked <us>"
    assert (await api.who(ada["token"])).json()["data"]["name"] == MOBILE
    for name in ("<script>alert(1)</script>", "\U0001f600" * 64):
        await actor.done(path, {"name": name})
        assert (await api.who(ada["token"])).json()["data"]["name"] == name
        assert typed(await actor.get(path))["name"] == name
        assert "<script>" not in (await actor.get(path)).text


async def test_a_number_is_changed_and_the_old_one_told(
    ada: dict[str, Any], api: Api, actor: Visitor, outbox: Outbox
) -> None:
    shown = await actor.done(f"{path_of(ada)}/number", {"mobile": "+86 139-0013-9000", "reason": "lost phone"})
    assert "The number is changed, and every device is out. The old number was told." in shown
    assert "139****9000" in shown
    assert [notice.mobile for notice in outbox.notices] == [MOBILE]
    assert not await api.is_live(ada["token"])
    assert "by act: lost phone" in await told(actor, path_of(ada), "lost phone")


@pytest.mark.parametrize(
    ("mobile", "told_there"), [("12", "not a mobile number"), ("", "not a mobile number"), (MOBILE, "already")]
)
async def test_a_bad_number_is_told_at_its_field(
    ada: dict[str, Any], api: Api, actor: Visitor, mobile: str, told_there: str
) -> None:
    response = await actor.post(f"{path_of(ada)}/number", {"mobile": mobile, "reason": "why"})
    assert told_there in problems(response)["mobile"]
    assert typed(response) == {"mobile": mobile, "reason": "why"}
    assert await api.is_live(ada["token"])


async def test_a_number_of_another_user_is_told_on_the_form_and_taken_where_that_is_ticked(
    ada: dict[str, Any], api: Api, actor: Visitor
) -> None:
    holder = await api.log_in(NEW)
    form = {"mobile": NEW, "reason": "why"}
    response = await actor.post(f"{path_of(ada)}/number", form)
    assert response.status_code == 409
    assert "Another user has the number." in text_of(response)
    assert typed(response) == form
    assert [await api.is_live(one["token"]) for one in (ada, holder)] == [True, True]
    await actor.done(f"{path_of(ada)}/number", {**form, "take": "yes"})
    assert not await api.is_live(holder["token"])
    assert (await api.log_in(NEW))["user_id"] == ada["user_id"]


@pytest.mark.parametrize("act", ["number", "export", "erase"])
async def test_a_reason_that_is_due_is_asked_for_at_its_field(
    ada: dict[str, Any], api: Api, actor: Visitor, act: str
) -> None:
    path = f"{path_of(ada)}/{act}"
    assert re.search('name="reason"[^>]* required', (await actor.get(path)).text)
    for reason in ("", "  ", "\u200b"):
        form = {"mobile": NEW, "confirm": str(ada["user_id"]), "reason": reason}
        response = await actor.post(path, form)
        assert problems(response) == {"reason": "Please say why: this is not done without a reason."}
        assert {"mobile": NEW, "confirm": form["confirm"]}.items() >= (typed(response).items() - {("reason", reason)})
    assert await api.is_live(ada["token"])


async def test_a_reason_is_kept_as_the_api_keeps_it(ada: dict[str, Any], actor: Visitor, database: Any) -> None:
    await actor.done(f"{path_of(ada)}/end-all", {"reason": "\u202e100%25" + "x" * 250})
    await told(actor, path_of(ada), "100%25")
    [row] = await database.rows("SELECT reason FROM events WHERE operator = 'act' AND user_id IS NOT NULL", [])
    assert row["reason"] == "100%25" + "x" * 194


async def test_an_export_is_a_file_with_all_that_is_kept(ada: dict[str, Any], actor: Visitor) -> None:
    response = await actor.post(f"{path_of(ada)}/export", {"reason": "asked for it"})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/json")
    name = f'attachment; filename="latch-user-{ada["user_id"]}.json"'
    assert (response.headers["content-disposition"], response.headers["cache-control"]) == (name, "no-store")
    assert response.json()["data"]["user"]["mobile"] == MOBILE
    assert "by act: asked for it" in await told(actor, path_of(ada), "asked for it")


async def test_who_is_erased_is_told_in_counts_once_the_id_is_typed(
    ada: dict[str, Any], api: Api, actor: Visitor, database: Any
) -> None:
    path = f"{path_of(ada)}/erase"
    for wrong in ("", "yes", f"{ada['user_id']}1"):
        response = await actor.post(path, {"confirm": wrong, "reason": "asked"})
        assert problems(response) == {"confirm": "This is not the id of the person."}
        assert typed(response)["reason"] == "asked"
    assert await api.is_live(ada["token"])
    response = await actor.post(path, {"confirm": str(ada["user_id"]), "reason": "asked"})
    assert response.status_code == 200
    assert "Rows in the database 1 Sessions, which are ended 1" in text_of(response)
    assert await database.rows("SELECT id FROM users", []) == []
    assert not await api.is_live(ada["token"])
    assert (await actor.get(path_of(ada))).status_code == 404


@pytest.mark.parametrize(
    ("act", "store", "method", "is_out"),
    [("disable", SessionStore, "end_all", "has every session"), ("rename", UserStore, "set_name", "")],
)
async def test_a_store_that_goes_away_meanwhile_is_told_on_the_form(
    ada: dict[str, Any],
    actor: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    act: str,
    store: type,
    method: str,
    is_out: str,
) -> None:
    async def is_away(*_: Any, **__: Any) -> None:
        raise ServiceUnavailable

    form = {"name": "Ada", "reason": "why <not>"}
    with monkeypatch.context() as patch:
        patch.setattr(store, method, is_away)
        response = await actor.post(f"{path_of(ada)}/{act}", form)
    assert response.status_code == 503
    assert "Redis or the database does not answer" in text_of(response)
    assert is_out in text_of(response)
    assert typed(response)["reason"] == "why <not>"
    await actor.done(f"{path_of(ada)}/{act}", form)


def test_a_reason_is_due_for_what_it_is_due_for_in_the_api() -> None:
    api = {act: route for act, route in API.items() if route in REASON_DUE}
    assert {act.name for act in ACTS if act.needs_reason} == set(api)
    assert set(API.values()) >= {route for route in REASON_DUE if "/users/" in route[1]}
