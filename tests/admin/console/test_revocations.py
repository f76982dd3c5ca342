"""Sessions of many are ended at the console: the filters, the count, what has to be typed, and how far it is."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from html import unescape
from typing import Any

import httpx
import pytest

from service import revocations
from service.audit_events import EventFilter
from service.errors import ServiceUnavailable
from service.runtime.pace import Pace
from service.stores.database import Database
from service.stores.events import EventStore
from tests.admin.console.conftest import Visitor, text_of
from tests.client import MOBILE, Api
from tests.conftest import Clock, Start

pytestmark = pytest.mark.slow

ADA, BOB = MOBILE, "13900139000"
PATH = "/revocations"
PART = {"HX-Request": "true"}
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
PROBLEM = re.compile(r'<span class="hint bad" id="h-(\w+)">(.*?)</span>')

Device = dict[str, Any]
Form = dict[str, str]


@pytest.fixture
async def api(start: Start) -> Api:
    return await start(trusted_proxies=1)


@pytest.fixture
async def devices(api: Api, clock: Clock) -> list[Device]:
    """Ada's two, and Bob's, a minute ago."""
    log_in: Callable[..., Awaitable[httpx.Response]] = api.post_login
    found = []
    for mobile, device in ((ADA, "phone"), (ADA, "Ada's <tablet>"), (BOB, "phone")):
        headers = {"X-Device-Name": device, "X-Forwarded-For": "203.0.113.7"}
        found.append((await log_in(mobile, await api.new_code(mobile), **headers)).json()["data"])
    clock.wait(60)
    return found


async def live(api: Api, devices: list[Device]) -> list[bool]:
    return [await api.is_live(device["token"]) for device in devices]


async def counted(actor: Visitor, form: Form) -> tuple[str, Form]:
    """The page that says how many were found, and what its form holds."""
    response = await actor.post(PATH, form)
    while True:
        assert response.status_code == 200, text_of(response)
        hidden = {name: unescape(value) for name, value in HIDDEN.findall(response.text)}
        if hidden.get("step") != "look":
            return response.text, hidden
        response = await actor.post(PATH, hidden)


async def over(actor: Visitor, path: str) -> str:
    """What the page of a revocation says in the end."""
    while True:
        text = await actor.shown(path)
        if "Stop " not in text:
            return text
        await asyncio.sleep(0.01)


def problems(response: httpx.Response) -> dict[str, str]:
    assert response.status_code == 400, text_of(response)
    return {name: unescape(text) for name, text in PROBLEM.findall(response.text)}


async def test_those_end_whose_number_was_typed_and_the_trail_says_why(
    api: Api, actor: Visitor, devices: list[Device], database: Database
) -> None:
    page, form = await counted(actor, {"users": f"+86 {ADA}\r\n4711", "device": "phone"})
    assert "1 session" in page
    assert await live(api, devices) == [True] * 3
    response = await actor.post(PATH, form | {"confirmation": "1", "reason": "lost phone"})
    assert response.status_code == 303
    assert "Done: 1 of 1 sessions have ended." in await over(actor, response.headers["location"])
    assert await live(api, devices) == [False, True, True]
    await actor.console.stop()  # which writes what is queued
    [event] = await EventStore(database).find(EventFilter(kind="revocation_started"), None, 2)
    assert event.operator == "act"
    assert event.reason is not None
    assert "lost phone" in event.reason


async def test_no_filter_comes_to_stand_in_an_address(actor: Visitor, devices: list[Device]) -> None:
    page, form = await counted(actor, {"users": ADA, "prefix": "1380013"})
    response = await actor.post(PATH, form | {"confirmation": "2"})
    assert re.fullmatch("/revocations/[0-9a-f]{16}", response.headers["location"])
    addresses = re.findall(r'(?:href|action|hx-get|hx-post)="([^"]*)"', page)
    assert not [address for address in addresses if "138" in address]


@pytest.mark.parametrize("confirmation", ["", "1", "everyone", "3 "])
async def test_what_is_not_confirmed_ends_nothing(
    api: Api, actor: Visitor, devices: list[Device], confirmation: str
) -> None:
    _, form = await counted(actor, {"device": "phone"})
    response = await actor.post(PATH, form | {"confirmation": confirmation})
    assert set(problems(response)) == {"confirmation"}
    assert await live(api, devices) == [True] * 3


async def test_for_everyone_the_word_is_typed_and_a_reason_given(
    api: Api, actor: Visitor, devices: list[Device]
) -> None:
    page, form = await counted(actor, {"everyone": "yes"})
    assert "Type the word everyone" in page
    assert set(problems(await actor.post(PATH, form | {"confirmation": "3"}))) == {"confirmation", "reason"}
    assert set(problems(await actor.post(PATH, form | {"confirmation": "everyone", "reason": " "}))) == {"reason"}
    assert await live(api, devices) == [True] * 3
    response = await actor.post(PATH, form | {"confirmation": "everyone", "reason": "leaked backup"})
    assert "Done: 3 of 3" in await over(actor, response.headers["location"])
    assert await live(api, devices) == [False] * 3


async def test_a_count_of_others_confirms_nothing(api: Api, actor: Visitor, devices: list[Device]) -> None:
    _, form = await counted(actor, {"device": "Ada's <tablet>"})
    assert form["device"] == "Ada's <tablet>"
    response = await actor.post(PATH, form | {"device": "phone", "confirmation": "1"})
    assert response.status_code == 200  # the page that asks for it
    assert await live(api, devices) == [True] * 3


async def test_what_is_no_filter_is_named_at_its_field_with_what_was_typed(
    api: Api, actor: Visitor, devices: list[Device]
) -> None:
    assert set(problems(await actor.post(PATH, {}))) == {"everyone"}
    blank = {"users": " \r\n", "prefix": " ", "ip": " ", "device": "  "}
    assert set(problems(await actor.post(PATH, blank))) == set(blank)
    bad = {"users": "Ada", "prefix": "13", "ip": "here", "before": "yesterday"}
    response = await actor.post(PATH, bad)
    assert set(problems(response)) == set(bad)
    assert 'value="here"' in response.text
    assert set(problems(await actor.post(PATH, {"everyone": "yes", "prefix": "138"}))) == {"everyone"}
    assert problems(await actor.post(PATH, {"users": "13700137000"})) == {"users": "nobody has 137****7000"}
    assert await live(api, devices) == [True] * 3


async def test_a_time_is_utc(actor: Visitor, devices: list[Device]) -> None:
    page, form = await counted(actor, {"before": "2026-01-01T00:00:30"})
    assert "2026-01-01 00:00:30" in page
    assert form["before"] == "2026-01-01T00:00:30"
    page, _ = await counted(actor, {"before": "2025-12-31T00:00"})
    assert "No session fits" in page


async def test_one_that_runs_is_listed_watched_and_stopped(
    api: Api, actor: Visitor, devices: list[Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = asyncio.Event()
    _, form = await counted(actor, {"device": "phone"})

    async def wait(_pace: Pace, _taken: int) -> None:
        await go_on.wait()

    monkeypatch.setattr(Pace, "keep", wait)
    path = (await actor.post(PATH, form | {"confirmation": "2"})).headers["location"]
    assert f'href="{path}"' in (await actor.get(PATH)).text
    assert "running" in await actor.shown(PATH)
    part = (await actor.get(path, **PART)).text
    assert 'hx-trigger="every 1s"' in part
    assert "<form" not in part  # the button stands outside of what is swapped, so that a press never misses it
    assert (await actor.post(f"{path}/stop")).headers["location"] == path
    go_on.set()
    assert "Stopped: 0 of" in await over(actor, path)
    part = (await actor.get(path, **PART)).text
    assert "hx-trigger" not in part
    assert 'hx-swap-oob="innerHTML:#outcome"' in part
    assert await live(api, devices) == [True] * 3


async def test_where_too_many_run_nothing_is_begun_and_the_running_are_shown(
    actor: Visitor, devices: list[Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocations, "AT_ONCE", 0)
    response = await actor.post(PATH, {"users": "4711"})
    assert response.status_code == 429
    assert "as may run at once" in text_of(response)
    assert ">4711</textarea>" in response.text


async def test_one_that_has_failed_says_why(actor: Visitor, devices: list[Device], redis: Any) -> None:
    _, form = await counted(actor, {"device": "phone"})
    path = (await actor.post(PATH, form | {"confirmation": "2"})).headers["location"]
    await over(actor, path)
    key = f"revocation:{{{path.rpartition('/')[2]}}}"
    record = (await redis.get(key)).replace(b'"done"', b'"running"').replace(b'"ended":2', b'"ended":1')
    job_id = "0123456789abcdef"
    await redis.set(f"revocation:{{{job_id}}}", record.replace(path.rpartition("/")[2].encode(), job_id.encode()))
    await redis.set("revocation:newest", job_id)
    assert "Failed: its process has ended. 1 of 2" in await actor.shown(f"{PATH}/{job_id}")
    assert "failed" in await actor.shown(PATH)


async def test_where_redis_is_away_nothing_is_begun(
    actor: Visitor, devices: list[Device], monkeypatch: pytest.MonkeyPatch, api: Api
) -> None:
    _, form = await counted(actor, {"device": "phone"})

    async def away(*_: object) -> None:
        raise ServiceUnavailable

    monkeypatch.setattr("service.stores.revocations.RevocationStore.note", away)
    response = await actor.post(PATH, form | {"confirmation": "2"})
    assert response.status_code == 503
    assert await live(api, devices) == [True] * 3
    assert "There are none." in await actor.shown(PATH)


async def test_who_may_only_look_is_shown_no_way_there_and_refused(looker: Visitor) -> None:
    assert PATH not in (await looker.get("/")).text
    for method, path in (("GET", PATH), ("POST", PATH), ("GET", f"{PATH}/a"), ("POST", f"{PATH}/a/stop")):
        response = await (looker.get(path) if method == "GET" else looker.post(path, {"everyone": "yes"}))
        assert response.status_code == 403, (method, path)


async def test_one_that_is_not_there_is_not_found(actor: Visitor) -> None:
    assert (await actor.get(f"{PATH}/count")).status_code == 404
    assert (await actor.post(f"{PATH}/0123456789abcdef/stop")).status_code == 404
    assert (await actor.post(PATH, {"everyone": "yes", "step": "look", "job": "a"})).status_code == 404
