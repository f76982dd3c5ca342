"""Sessions of many, ended by a filter: which, how far it is, and what goes wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service import revoking
from service.audit_events import EventFilter
from service.errors import ServiceUnavailable
from service.roles import Role
from service.runtime import patience
from service.stores.events import EventStore
from service.stores.session_walk import SessionWalk
from tests.admin.conftest import Console, StartConsole
from tests.client import MOBILE, Api, error
from tests.conftest import Clock, Start

pytestmark = pytest.mark.slow

ADA, BOB, EVE = MOBILE, "13900139000", "15912345678"
PATH = "/revocations"
REASON = {"X-Reason": "leaked backup"}

Device = dict[str, Any]
LogIn = Callable[..., Awaitable[Device]]


@pytest.fixture
async def api(start: Start) -> Api:
    return await start(trusted_proxies=1)


@pytest.fixture
def log_in(api: Api) -> LogIn:
    async def on(mobile: str, device: str = "phone", ip: str = "203.0.113.7") -> Device:
        headers = {"X-Device-Name": device, "X-Forwarded-For": ip}
        answer = await api.post_login(mobile, await api.new_code(mobile), **headers)
        tokens: Device = answer.json()["data"]
        return tokens

    return on


async def ended(console: Console, filters: dict[str, Any], **options: Any) -> dict[str, Any]:
    """A revocation, once it is over."""
    job = await console.act("POST", PATH, json=filters, **options)
    return await over(console, job["id"])


async def over(console: Console, job_id: str) -> dict[str, Any]:
    while True:
        job: dict[str, Any] = await console.act("GET", f"{PATH}/{job_id}")
        if job["state"] != "running":
            return job
        await asyncio.sleep(0.01)


async def live(api: Api, devices: list[Device]) -> list[bool]:
    return [await api.is_live(device["token"]) for device in devices]


async def refused(console: Console, filters: Any, **options: Any) -> dict[str, str]:
    response = await console.as_role(Role.ACT, "POST", PATH, json=filters, **options)
    assert error(response) == (400, "invalid_request"), response.text
    fields: dict[str, str] = response.json()["fields"]
    return fields


@pytest.fixture
async def devices(log_in: LogIn, clock: Clock) -> list[Device]:
    """Ada's two, Bob's, and Eve's, a minute apart."""
    found = []
    for mobile, device, ip in (
        (ADA, "Ada's phone", "203.0.113.7"),
        (ADA, "tablet", "198.51.100.1"),
        (BOB, "tablet", "203.0.113.200"),
        (EVE, "Eve's phone", "2001:db8::7"),
    ):
        found.append(await log_in(mobile, device, ip))
        clock.wait(60)
    return found


FIRST_TWO, ALL = "2026-01-01T00:02:00Z", "2026-01-01T00:04:00+00:00"


FITS: list[tuple[dict[str, Any], str]] = [
    ({"users": [1]}, "--xx"),
    ({"users": ["1", f"+86 {EVE}"]}, "--x-"),
    ({"prefix": "138"}, "--xx"),
    ({"prefix": "1380013800"}, "--xx"),
    ({"prefix": "177"}, "xxxx"),
    ({"ip": "203.0.113.7"}, "-xxx"),
    ({"ip": "203.0.113.0/24"}, "-x-x"),
    ({"ip": "::ffff:203.0.113.7"}, "-xxx"),
    ({"ip": "::ffff:203.0.113.0/120"}, "-x-x"),
    ({"ip": "2001:db8::/32"}, "xxx-"),
    ({"device": "tablet"}, "x--x"),
    ({"device": "table"}, "xxxx"),
    ({"before": FIRST_TWO}, "--xx"),
    ({"before": "2026-01-01T08:01:00+08:00"}, "-xxx"),
    ({"everyone": True, "before": FIRST_TWO}, "--xx"),
    ({"everyone": True}, "----"),
    ({"everyone": False, "before": ALL}, "----"),
    ({"device": "tablet", "ip": "203.0.113.0/24"}, "xx-x"),
    ({"users": [1, 2], "device": "tablet", "before": FIRST_TWO}, "x-xx"),
    ({"users": [2, 3], "prefix": "139"}, "xx-x"),
    ({"prefix": "138", "ip": "2001:db8::/32"}, "xxxx"),
    ({"users": [4711]}, "xxxx"),
]


async def test_those_fit_that_fit_every_filter(api: Api, console: Console, devices: list[Device]) -> None:
    for filters, stays in FITS:
        counted = await ended(console, {**filters, "dry_run": True})
        assert (counted["state"], counted["matched"], counted["ended"]) == ("done", stays.count("-"), 0), filters
    assert await live(api, devices) == [True] * 4


@pytest.mark.parametrize(("filters", "stays"), FITS[::5])
async def test_those_end_that_were_counted(
    api: Api, console: Console, devices: list[Device], filters: dict[str, Any], stays: str
) -> None:
    job = await ended(console, filters, headers=REASON)
    assert (job["state"], job["matched"], job["ended"]) == ("done", stays.count("-"), stays.count("-"))
    assert await live(api, devices) == [mark == "x" for mark in stays]


async def test_whoever_has_no_row_any_more_is_found_too(
    api: Api, console: Console, devices: list[Device], database: Any
) -> None:
    await database.rows("DELETE FROM users", [])
    assert (await ended(console, {"users": [1]}))["ended"] == 2
    assert (await ended(console, {"everyone": True}, headers=REASON))["ended"] == 2
    assert await live(api, devices) == [False] * 4


BAD: list[tuple[dict[str, Any], set[str]]] = [
    ({}, {"everyone"}),
    ({"everyone": False}, {"everyone"}),
    ({"dry_run": True}, {"everyone"}),
    ({"dry_run": "yes", "everyone": True}, {"dry_run"}),
    ({"everyone": 1}, {"everyone"}),
    ({"everyone": True, "prefix": "138"}, {"everyone"}),
    ({"everyone": True, "device": "x", "before": ALL}, {"everyone"}),
    ({"users": []}, {"users"}),
    ({"users": ""}, {"users"}),
    ({"users": ["x", 1]}, {"users"}),
    ({"users": [True]}, {"users"}),
    ({"users": [0]}, {"users"}),
    ({"users": [1.5]}, {"users"}),
    ({"users": ["13700137000"]}, {"users"}),
    ({"prefix": ""}, {"prefix"}),
    ({"prefix": "13"}, {"prefix"}),
    ({"prefix": 138}, {"prefix"}),
    ({"prefix": "138001380001"}, {"prefix"}),
    ({"prefix": "１３８"}, {"prefix"}),
    ({"prefix": "13%"}, {"prefix"}),
    ({"prefix": None, "before": ALL}, {"prefix"}),
    ({"ip": ""}, {"ip"}),
    ({"ip": "203.0.113.7/24"}, {"ip"}),
    ({"ip": "203.0.113.0/33"}, {"ip"}),
    ({"ip": "0.0.0.0/0"}, {"ip"}),
    ({"ip": "::/0"}, {"ip"}),
    ({"ip": "::ffff:0:0/96"}, {"ip"}),
    ({"ip": 7}, {"ip"}),
    ({"device": ""}, {"device"}),
    ({"device": ["x"]}, {"device"}),
    ({"before": ""}, {"before"}),
    ({"before": "2026-01-01"}, {"before"}),
    ({"before": "2026-01-01T00:00:00"}, {"before"}),
    ({"before": 1}, {"before"}),
    ({"before": "2027-01-01T00:00:00Z"}, {"before"}),
    ({"before": "0001-01-01T00:00:00+14:00"}, {"before"}),
    ({"prefix": "1", "ip": "x", "before": ""}, {"prefix", "ip", "before"}),
]


async def test_a_bad_or_an_empty_value_is_named_and_ends_nothing(
    api: Api, console: Console, devices: list[Device]
) -> None:
    for filters, fields in BAD:
        assert set(await refused(console, filters, headers=REASON)) == fields, filters
    assert await live(api, devices) == [True] * 4


async def test_a_number_that_nobody_has_is_named_masked(console: Console) -> None:
    assert await refused(console, {"users": ["13700137000"]}) == {"users": "nobody has 137****7000"}


async def test_for_everybody_a_reason_is_due_unless_they_are_only_counted(console: Console) -> None:
    for headers in ({}, {"X-Reason": "%20"}):
        assert set(await refused(console, {"everyone": True}, headers=headers)) == {"X-Reason"}
    assert (await ended(console, {"everyone": True, "dry_run": True}))["state"] == "done"


async def test_whoever_logs_in_while_it_runs_stays(
    api: Api, console: Console, devices: list[Device], log_in: LogIn, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins = SessionWalk.logins
    fresh: list[Device] = []

    async def with_a_login_before(walk: SessionWalk, places: Any) -> Any:
        if not fresh:
            clock.wait(1)
            fresh.append(await log_in(ADA))
        return await logins(walk, places)

    monkeypatch.setattr(SessionWalk, "logins", with_a_login_before)
    assert (await ended(console, {"everyone": True}, headers=REASON))["ended"] == 4
    assert await live(api, [*devices, *fresh]) == [False] * 4 + [True]


async def test_a_session_that_bears_a_time_to_come_is_ended_with_the_others(
    api: Api, console: Console, devices: list[Device], redis: Any
) -> None:
    key = f"session:{{1}}:{devices[0]['session_id']}"
    record = (await redis.get(key)).replace(
        b'"created_at":1767225600.0,"refreshed_at"', b'"created_at":1797225600.0,"refreshed_at"'
    )
    await redis.set(key, record)
    assert (await ended(console, {"everyone": True}, headers=REASON))["ended"] == 4
    assert not await api.is_live(devices[0]["token"])


async def test_tombstones_and_what_cannot_be_read_do_not_count(
    api: Api, console: Console, devices: list[Device], redis: Any
) -> None:
    await api.log_out(devices[0]["token"])
    await redis.set("session:{7}:0123456789abcdef", "[]")
    await redis.set("session:{8}:typo", "{}")
    await redis.lpush("session:{9}:0123456789abcdef", "x")
    job = await ended(console, {"everyone": True}, headers=REASON)
    assert (job["matched"], job["ended"]) == (3, 3)


async def test_a_refresh_does_not_bring_a_session_back(api: Api, console: Console, devices: list[Device]) -> None:
    job = asyncio.create_task(ended(console, {"everyone": True}, headers=REASON))
    while not job.done():
        await asyncio.gather(*(api.refresh(device["refresh_token"]) for device in devices))
    for device in devices:
        assert error(await api.refresh(device["refresh_token"])) == (403, "session_ended")
    assert await live(api, devices) == [False] * 4


async def test_it_says_who_began_it_when_and_over_whom(console: Console, devices: list[Device]) -> None:
    job = await ended(console, {"prefix": "138", "before": FIRST_TWO}, headers=REASON)
    assert len(job.pop("id")) == 16
    assert job == {
        "what": "prefix 138, before 2026-01-01T00:02:00+00:00",
        "by": "act",
        "started_at": "2026-01-01T00:04:00Z",
        "dry_run": False,
        "state": "done",
        "matched": 2,
        "ended": 2,
        "why": None,
    }


def outcomes(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log tells of revocations that are over, without their ids."""
    ended = [vars(record) for record in caplog.records if record.getMessage() == "revocation_ended"]
    return [line["reason"].partition(": ")[2] for line in ended]


async def trail(database: Any, kind: str) -> list[Any]:
    return await EventStore(database).find(EventFilter(kind=kind), None, 100)


async def test_the_trail_tells_of_the_job_and_of_each_session(
    console: Console, devices: list[Device], database: Any
) -> None:
    job = await ended(console, {"ip": "203.0.113.0/24"}, headers={**REASON, "X-Request-ID": "of-the-request-that-did"})
    await ended(console, {"users": [3], "dry_run": True})
    sessions = await trail(database, "session_revoked")
    assert {(event.user_id, event.session_id) for event in sessions} == {
        (devices[n]["user_id"], devices[n]["session_id"]) for n in (0, 2)
    }
    await console.stop()  # which writes what is queued
    [begun], [finished] = await trail(database, "revocation_started"), await trail(database, "revocation_ended")
    assert {event.operator for event in [*sessions, begun, finished]} == {"act"}
    assert {event.request_id for event in [*sessions, begun, finished]} == {"of-the-request-that-did"}
    assert {event.reason for event in sessions} == {"leaked backup"}
    assert begun.reason == f"leaked backup; {job['id']}: ip 203.0.113.0/24"
    assert finished.reason == f"leaked backup; {job['id']}: ip 203.0.113.0/24: done, 2 of 2 sessions ended"


async def test_of_very_many_the_job_s_own_events_tell(
    console: Console, devices: list[Device], database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revoking, "TOLD_APART", 1)
    assert (await ended(console, {"users": [1]}))["ended"] == 2
    assert await trail(database, "session_revoked") == []
    await console.stop()
    [finished] = await trail(database, "revocation_ended")
    assert finished.reason.endswith("2 of 2 sessions ended")


async def test_with_audit_days_0_nothing_is_kept(
    api: Api, start_console: StartConsole, devices: list[Device], database: Any
) -> None:
    console = await start_console(audit_days=0)
    assert (await ended(console, {"users": [1]}))["ended"] == 2
    assert await trail(database, "session_revoked") == []


async def test_with_the_database_away_in_the_middle_sessions_end_and_it_is_said(
    console: Console, devices: list[Device], database: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    async def away(*_: Any) -> None:
        raise ServiceUnavailable

    monkeypatch.setattr(revoking, "BATCH", 1)
    with monkeypatch.context() as patch:
        patch.setattr(EventStore, "add", away)
        assert (await ended(console, {"everyone": True}, headers=REASON))["ended"] == 4
    assert caplog.text.count("ended sessions are not in the audit trail") == 1
    assert outcomes(caplog) == ["everyone: done, 4 of 4 sessions ended, 4 without an event each"]


async def test_it_is_stopped_in_the_middle_and_what_has_ended_stays_ended(
    api: Api, console: Console, devices: list[Device], database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    end, first = SessionWalk.end, asyncio.Event()
    go_on = asyncio.Event()

    async def one_then_wait(walk: SessionWalk, places: Any, *rest: Any) -> Any:
        done = await end(walk, places, *rest)
        first.set()
        await go_on.wait()
        return done

    monkeypatch.setattr(revoking, "BATCH", 1)
    monkeypatch.setattr(SessionWalk, "end", one_then_wait)
    job = await console.act("POST", PATH, json={"everyone": True}, headers=REASON)
    await first.wait()
    assert (await console.act("DELETE", f"{PATH}/{job['id']}"))["state"] == "running"
    go_on.set()
    stopped = await over(console, job["id"])
    assert (stopped["state"], stopped["matched"], stopped["ended"]) == ("stopped", 4, 1)
    assert len(await trail(database, "session_revoked")) == 1
    assert sorted(await live(api, devices)) == [False, True, True, True]
    assert await console.act("DELETE", f"{PATH}/{job['id']}") == stopped


async def test_another_process_asks_and_stops_and_knows_one_that_has_died(
    api: Api, console: Console, start_console: StartConsole, devices: list[Device], redis: Any, monkeypatch: Any
) -> None:
    another = await start_console(with_keys=False)
    another.keys = console.keys
    logins, found = SessionWalk.logins, asyncio.Event()
    go_on = asyncio.Event()

    async def wait_first(walk: SessionWalk, places: Any) -> Any:
        found.set()
        await go_on.wait()
        return await logins(walk, places)

    monkeypatch.setattr(SessionWalk, "logins", wait_first)
    monkeypatch.setattr(revoking, "NOTE_EVERY", 0)
    job = await console.act("POST", PATH, json={"everyone": True}, headers=REASON)
    await found.wait()
    path = f"{PATH}/{job['id']}"
    assert (await another.act("GET", path))["state"] == "running"
    await redis.delete(f"revocation:{{{job['id']}}}:lease")  # as time does where the process is killed
    gone = await another.act("GET", path)
    assert (gone["state"], gone["why"]) == ("failed", "its process has ended")
    await redis.set(f"revocation:{{{job['id']}}}:lease", "1")
    assert (await another.act("DELETE", path))["state"] == "running"
    go_on.set()
    stopped = await over(console, job["id"])
    assert (stopped["state"], stopped["ended"]) == ("stopped", 0)
    assert await another.act("GET", path) == stopped
    assert await live(api, devices) == [True] * 4


async def test_a_stop_of_the_process_stops_its_jobs_and_tells(
    console: Console, devices: list[Device], redis: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    end = SessionWalk.end
    first = asyncio.Event()

    async def slowly(walk: SessionWalk, places: Any, *rest: Any) -> Any:
        first.set()
        await asyncio.sleep(0.1)
        return await end(walk, places, *rest)

    monkeypatch.setattr(revoking, "BATCH", 1)
    monkeypatch.setattr(SessionWalk, "end", slowly)
    job = await console.act("POST", PATH, json={"everyone": True}, headers=REASON)
    await first.wait()
    await console.stop()
    noted = await redis.get(f"revocation:{{{job['id']}}}")
    assert b'"state":"stopped"' in noted
    assert outcomes(caplog) == ["everyone: stopped, 1 of 4 sessions ended"]


async def test_redis_away_for_a_moment_is_waited_for_and_looked_through_again(
    api: Api, console: Console, devices: list[Device], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    end, calls = SessionWalk.end, 0

    async def away_once(walk: SessionWalk, places: Any, *rest: Any) -> Any:
        nonlocal calls
        calls += 1
        clock.wait(1)
        if calls == 2:
            raise ServiceUnavailable
        return await end(walk, places, *rest)

    monkeypatch.setattr(revoking, "BATCH", 1)
    monkeypatch.setattr(patience, "PAUSE", 0.01)
    monkeypatch.setattr(SessionWalk, "end", away_once)
    job = await ended(console, {"everyone": True}, headers=REASON)
    assert (job["state"], job["ended"], calls) == ("done", 4, 9)  # one failed, and four of them once more
    assert await live(api, devices) == [False] * 4


async def test_redis_away_for_long_is_a_failure_that_says_how_far_it_got(
    console: Console, devices: list[Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    end, calls = SessionWalk.end, 0

    async def away_after_two(walk: SessionWalk, places: Any, *rest: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise ServiceUnavailable
        return await end(walk, places, *rest)

    monkeypatch.setattr(revoking, "BATCH", 1)
    monkeypatch.setattr(revoking, "WITHOUT_STORE", 0.05)
    monkeypatch.setattr(patience, "PAUSE", 0.02)
    monkeypatch.setattr(SessionWalk, "end", away_after_two)
    job = await ended(console, {"everyone": True}, headers=REASON)
    assert (job["state"], job["matched"], job["ended"]) == ("failed", 4, 2)
    assert job["why"] == revoking.AWAY


async def test_a_bug_fails_the_job_and_stands_in_the_log(
    console: Console, devices: list[Device], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    async def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(SessionWalk, "end", broken)
    job = await ended(console, {"everyone": True}, headers=REASON)
    assert (job["state"], job["ended"], job["why"]) == ("failed", 0, revoking.BUG)
    assert "ZeroDivisionError" in caplog.text


async def test_no_more_than_a_few_at_once(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = asyncio.Event()

    async def waits(_walk: SessionWalk, user_ids: Any) -> list[Any]:
        await go_on.wait()
        return []

    monkeypatch.setattr(SessionWalk, "of_users", waits)
    jobs = [await console.act("POST", PATH, json={"users": [1]}) for _ in range(4)]
    response = await console.as_role(Role.ACT, "POST", PATH, json={"users": [1]})
    assert error(response) == (429, "too_many_requests")
    go_on.set()
    assert [(await over(console, job["id"]))["state"] for job in jobs] == ["done"] * 4


async def test_a_full_redis_hinders_none_of_it(
    api: Api, console: Console, start_console: StartConsole, devices: list[Device], redis: Any
) -> None:
    another = await start_console(with_keys=False)
    another.keys = console.keys
    await redis.config_set("maxmemory", "1mb")
    try:
        job = await ended(console, {"everyone": True}, headers=REASON)
        assert (job["state"], job["ended"]) == ("done", 4)
        assert await another.act("GET", f"{PATH}/{job['id']}") == job
        assert await live(api, devices) == [False] * 4
    finally:
        await redis.config_set("maxmemory", 0)


async def test_a_store_that_is_away_is_503_and_begins_nothing(
    api: Api, start_console: StartConsole, unused_port: int
) -> None:
    no_redis = await start_console(redis_url=f"redis://127.0.0.1:{unused_port}")
    for method, path, body in (
        ("POST", PATH, {"users": [1]}),
        ("GET", f"{PATH}/x", None),
        ("DELETE", f"{PATH}/x", None),
    ):
        response = await no_redis.as_role(Role.ACT, method, path, **({"json": body} if body else {}))
        assert error(response) == (503, "service_unavailable"), method


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("job_id", ["0123456789abcdef", "x", "%7B1%7D", "lease"])
async def test_an_unknown_one_is_404(console: Console, method: str, job_id: str) -> None:
    assert error(await console.as_role(Role.ACT, method, f"{PATH}/{job_id}")) == (404, "not_found")


async def test_what_has_ended_is_counted(console: Console, devices: list[Device]) -> None:
    await ended(console, {"users": [1]})
    text = (await console.ask("GET", "/metrics", None)).text
    assert 'latch_sessions_ended_total{reason="revoked"} 2.0' in text
    assert 'latch_revocations_total{outcome="done"} 1.0' in text
    assert "latch_revocation_progress_timestamp_seconds 0.0" in text


async def test_a_device_hears_that_it_was_revoked(api: Api, console: Console, devices: list[Device]) -> None:
    await ended(console, {"device": "tablet"})
    assert (await api.check(devices[1]["token"])).json()["reason"] == "revoked"
