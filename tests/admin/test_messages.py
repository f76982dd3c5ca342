"""`/admin/v1/messages`: what becomes of messages and codes, and what the guard does; also as `now` tells it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service.activity import Moment
from service.message_counts import CodeCounts
from service.roles import Role
from service.stores.activity import ActivityStore
from service.stores.conversions import ConversionStore
from service.stores.message_figures import GROWING, HOUR, HOURS, TENS, MessageFigureStore
from service.stores.redis.connection import Connection
from tests.admin.conftest import Console, StartConsole
from tests.api.test_limits import number, wait_of
from tests.client import Api, error
from tests.conftest import Clock, Start

pytestmark = pytest.mark.slow

GUARDED = {"sms_min_conversion": 0.5, "sms_conversion_min_sent": 10}
WALKED, SPARED = "1700000", "1500000"
NOTHING = {"asked": 0, "sent": 0, "used": 0, "conversion": None}
OPEN = {"state": "open", "held_by": None, "until": None}


async def messages(console: Console) -> Any:
    response = await console.as_role(Role.LOOK, "GET", "/messages")
    assert response.status_code == 200, response.text
    return response.json()["data"]


async def walk(api: Api, prefix: str, *, times: int) -> None:
    for n in range(times):
        assert (await api.send_code(number(n, prefix))).status_code == 200


async def test_a_prefix_that_the_guard_holds_back_is_first_with_why_and_until_when(
    start: Start, start_console: StartConsole
) -> None:
    api = await start(**GUARDED)
    for n in range(12):
        await api.log_in(number(n, SPARED))
        await api.app.ctx.codes.settle()  # or the guard sees codes sent that are not used yet
    await walk(api, WALKED, times=10)
    for n in range(2):
        assert wait_of(await api.send_code(number(90 + n, WALKED))) == 60
    await api.send_code("13800138000")
    await api.stop()  # which writes
    found = await messages(await start_console(**GUARDED))
    assert found["guard"] == {"on": True, "min_conversion": 0.5, "min_sent": 10, "strangers": "refused"}
    walked, spared = found["prefixes"]
    counts = {"asked": 12, "sent": 10, "used": 0, "conversion": 0.0}
    assert walked == {
        "prefix": WALKED,
        "last_hour": counts,
        "last_day": counts,
        "guard": {
            "state": "closed",
            "held_by": "prefix",
            "until": "2026-01-01T01:00:00Z",
            "sent": 10,
            "used": 0,
            "conversion": 0.0,
        },
    }
    assert spared["prefix"] == SPARED
    assert spared["last_hour"] == {"asked": 12, "sent": 12, "used": 12, "conversion": 1.0}
    assert spared["guard"] == {**OPEN, "sent": 12, "used": 12, "conversion": 1.0}
    assert found["overall"]["last_day"] == {"asked": 25, "sent": 23, "used": 12, "conversion": 0.522}
    assert found["overall"]["guard"] == {**OPEN, "sent": 23, "used": 12, "conversion": 0.522}
    few = {"asked": 1, "sent": 1, "used": 0, "conversion": 0.0}  # its digits would complete the mask of an event
    assert found["others"] == {"last_hour": few, "last_day": few}


@pytest.mark.parametrize(
    ("settings", "strangers", "state"),
    [
        ({"captcha": "altcha", "captcha_when": "guarded"}, "captcha", "closed"),
        ({"captcha": "altcha", "captcha_when": "always"}, "refused", "closed"),
        ({"sms_min_conversion": 0}, "refused", "off"),
    ],
)
async def test_what_the_guard_does_is_told_by_the_settings(
    connection: Connection,
    start_console: StartConsole,
    clock: Clock,
    settings: dict[str, Any],
    strangers: str,
    state: str,
) -> None:
    await MessageFigureStore(connection).add({}, {WALKED: CodeCounts(10, 10)}, clock())
    for _ in range(10):
        await ConversionStore(connection).add_sent(WALKED, clock())
    found = await messages(await start_console(**{**GUARDED, **settings}))
    assert (found["guard"]["strangers"], found["guard"]["on"]) == (strangers, state != "off")
    assert found["prefixes"][0]["guard"]["state"] == state


async def test_where_codes_as_a_whole_are_not_used_all_others_are_held_back(
    start: Start, start_console: StartConsole
) -> None:
    api = await start(**GUARDED)
    for n in range(10):
        await api.send_code(number(1, f"17{n:02}000"))
    await api.stop()
    console = await start_console(**GUARDED)
    found = await messages(console)
    assert (found["prefixes"], found["others"]["last_hour"]["sent"]) == ([], 10)
    held = {"state": "closed", "held_by": "all", "until": "2026-01-01T01:00:00Z"}
    assert found["overall"]["guard"] == {**held, "sent": 10, "used": 0, "conversion": 0.0}


async def test_each_sender_is_told_with_what_it_took_and_how_long(
    connection: Connection, start_console: StartConsole, clock: Clock
) -> None:
    store, figures = ActivityStore(connection), MessageFigureStore(connection)
    counts = {"sms:file:sent": 18, "sms:file:failed": 2, "sms_seconds:file:0.2": 18, "sms_seconds:file:5": 2}
    await store.add([], counts, {"sms:file:failed": Moment(clock(), "no answer within 5 s")}, clock())
    await figures.add(counts, {}, clock())
    await figures.add({"sms:file:sent": 40, "sms_seconds:file:0.3": 40}, {}, clock() - 7200)
    found = await messages(await start_console(sms_sender="file,console"))
    first, second = found["senders"]
    assert first == {
        "name": "file",
        "state": "failing",
        "last_sent_at": None,
        "last_failed_at": "2026-01-01T00:00:00Z",
        "last_failure": "no answer within 5 s",
        "last_hour": {"asked": 20, "sent": 18, "failed": 2, "refused": 0, "seconds": {"median": 0.2, "p95": 5.0}},
        "last_day": {"asked": 60, "sent": 58, "failed": 2, "refused": 0, "seconds": {"median": 0.3, "p95": 0.3}},
    }
    assert (second["name"], second["state"]) == ("console", "unknown")
    assert second["last_day"]["seconds"] == {"median": None, "p95": None}


async def test_of_very_many_prefixes_fifty_are_told_and_now_tells_five(
    connection: Connection, start_console: StartConsole, clock: Clock
) -> None:
    codes = {f"{1300000 + n}": CodeCounts(10 + n, 10 + n) for n in range(2000)}
    await MessageFigureStore(connection).add({}, codes, clock())
    console = await start_console()
    found = await messages(console)
    assert [one["prefix"] for one in found["prefixes"]] == [f"{1301999 - n}" for n in range(50)]
    told = sum(one["last_day"]["asked"] for one in found["prefixes"])
    assert told + found["others"]["last_day"]["asked"] == found["overall"]["last_day"]["asked"]
    assert found["overall"]["last_day"]["asked"] == sum(one.asked for one in codes.values())
    response = await console.as_role(Role.LOOK, "GET", "/now")
    in_short = response.json()["data"]["codes"]
    assert in_short["prefixes"] == found["prefixes"][:5]
    assert (in_short["guard"], in_short["overall"]) == (found["guard"], found["overall"])


async def test_tables_of_codes_are_read_once_in_five_seconds_and_those_of_old_but_once(
    connection: Connection, start_console: StartConsole, clock: Clock
) -> None:
    store = MessageFigureStore(connection)
    await store.add({}, {WALKED: CodeCounts(10, 10)}, clock())
    console = await start_console()

    async def reads_for(look: Callable[[Console], Awaitable[Any]]) -> tuple[int, Any]:
        before = (await connection.redis.info("commandstats"))["cmdstat_hgetall"]["calls"]
        found = await look(console)
        return (await connection.redis.info("commandstats"))["cmdstat_hgetall"]["calls"] - before, found

    first, _ = await reads_for(messages)
    await store.add({}, {WALKED: CodeCounts(5, 5)}, clock())
    clock.wait(4.9)
    second, found = await reads_for(messages)
    assert first - second == TENS + 1 + HOURS + 1
    assert found["overall"]["last_day"]["asked"] == 10
    clock.wait(0.1)
    third, found = await reads_for(messages)
    assert third - second == 2 * GROWING
    assert found["overall"]["last_day"]["asked"] == 15
    clock.wait(HOUR)
    fourth, found = await reads_for(messages)
    assert fourth == first
    assert found["overall"]["last_day"]["asked"] == 15


async def test_a_redis_that_is_away_is_503(start_console: StartConsole, unused_port: int) -> None:
    console = await start_console(redis_url=f"redis://127.0.0.1:{unused_port}")
    assert error(await console.as_role(Role.LOOK, "GET", "/messages")) == (503, "service_unavailable")
