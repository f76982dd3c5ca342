"""Activity and its writer: what workers note in passing, and where it goes."""

import asyncio
import logging
import sys
from typing import Any

import pytest

from service.activity import Active, Moment
from service.errors import ServiceUnavailable, TooManyRequests
from service.events import TEST_CODE, Attempt, Details, Event
from service.message_counts import ASKED, SENT, USED, CodeCounts
from service.observability import activity as noting
from service.observability.activity import Activity, ActivityWriter
from service.senders.failover import Failover
from service.stores.activity import ActivityStore
from service.stores.message_figures import MessageFigureStore
from service.stores.redis.connection import Connection
from tests.client import MOBILE, Api, bearer
from tests.conftest import Clock, Outbox, Start
from tests.senders.conftest import MESSAGE


@pytest.fixture
def activity(clock: Clock) -> Activity:
    return Activity(clock)


def told(activity: Activity, *events: tuple[Event | Attempt, Details]) -> dict[str, int]:
    for event, details in events:
        activity.follow(event, details)
    return dict(activity.take().counts)


def test_events_are_counted_by_what_operators_ask_for(activity: Activity) -> None:
    user, fixed = Details(user_id=1), Details(user_id=2, reason=TEST_CODE)
    assert told(activity, (Event.LOGIN, user), (Event.LOGIN, fixed)) == {"logins": 2, "codes_used": 1}
    assert told(activity, (Event.CODE_SENT, Details()), (Event.CODE_SENT, fixed)) == {"codes_sent": 1}
    assert told(activity, (Event.MOBILE_CHANGED, user), (Event.USER_ERASED, user)) == {"codes_used": 3}
    limits = [Details(reason=name) for name in ("codes_per_ip", "codes_per_ip", "conversion")]
    refused = {"refused:codes_per_ip": 2, "refused:conversion": 1}
    assert told(activity, *((Event.LIMIT_HIT, limit) for limit in limits)) == refused
    assert told(activity, (Attempt.LOGIN, Details(reason="ok")), (Event.SESSION_REVOKED, user)) == {}


def test_who_logs_in_or_refreshes_is_active(activity: Activity) -> None:
    for event in (Event.LOGIN, Event.REFRESH, Event.SESSION_REVOKED):
        activity.follow(event, Details(user_id=len(event)))
    assert set(activity.take().users) == {len(Event.LOGIN), len(Event.REFRESH)}


def test_what_is_taken_is_noted_no_more_and_the_set_stays_the_same(activity: Activity) -> None:
    add = activity.users.add
    add(1)
    activity.note_shed()
    activity.note_sms("aliyun", "sent", 0.2, "")
    activity.note_code("1380013", ASKED)
    assert activity.take()
    add(2)
    assert activity.take() == ([2], {}, {}, {})


async def test_of_each_sender_is_known_what_became_of_its_messages(activity: Activity, clock: Clock) -> None:
    bad, good = Outbox(refuses=True), Outbox()
    senders = Failover([("bad", bad), ("good", good)], 1, activity.note_sms)
    await senders.send(MESSAGE)
    bad.refuses, bad.too_many = False, 60
    with pytest.raises(TooManyRequests):
        await senders.send(MESSAGE)
    taken = activity.take()
    outcomes = {"sms:bad:failed": 1, "sms:good:sent": 1, "sms:bad:refused": 1}
    assert taken.counts == {**outcomes, "sms_seconds:bad:0.05": 2, "sms_seconds:good:0.05": 1}
    assert taken.last == {"sms:bad:failed": Moment(clock(), "SmsUnavailable"), "sms:good:sent": Moment(clock(), "")}


def test_codes_are_noted_by_prefix(activity: Activity) -> None:
    for prefix, what in (("1380013", ASKED), ("1380013", ASKED), ("1380013", SENT), ("1700000", USED)):
        activity.note_code(prefix, what)
    assert activity.take().codes == {"1380013": CodeCounts(asked=2, sent=1), "1700000": CodeCounts(used=1)}


async def test_what_a_worker_has_seen_is_written_when_it_stops(
    start: Start, connection: Connection, clock: Clock
) -> None:
    api = await start(limit_logins_per_ip="3/minute")
    first, second = await api.log_in(), await api.log_in("13900139000")
    await api.check(first["token"])
    await api.refresh(second["refresh_token"])
    for code in ("000000", "000000"):
        await api.post_login(MOBILE, code)
    await api.stop()
    store = ActivityStore(connection)
    assert await store.active(clock()) == Active(2, 2, 2)
    counts = (await store.minutes(clock()))[-1].counts
    assert counts == {"logins": 2, "codes_sent": 2, "codes_used": 2, "refused:logins_per_ip": 1}


@pytest.mark.parametrize("way", ["check", "forward-auth", "introspection", "refresh", "Sanic's own"])
async def test_whoever_brings_a_live_token_in_any_way_is_active(start: Start, way: str) -> None:
    api = await start(service_keys="k" * 32)
    tokens = await api.log_in()
    activity = api.app.ctx.telemetry.activity
    activity.take()
    await bring(api, way, "x" * 64)
    assert activity.users == set()
    await bring(api, way, tokens["refresh_token" if way == "refresh" else "token"])
    assert activity.users == {tokens["user_id"]}


async def bring(api: Api, way: str, token: str) -> None:
    if way == "introspection":
        form = {"token": token, "client_secret": "k" * 32}
        await api.request("POST", "/app/v1_0/introspect", data=form)
    elif way == "refresh":
        await api.refresh(token)
    elif way == "check":
        await api.check(token)
    else:
        path = "/forward-auth/orders" if way == "forward-auth" else "/user"
        await api.request("GET", f"/app/v1_0{path}", headers=bearer(token))


async def test_a_check_runs_no_code_of_ours_for_it_and_asks_redis_nothing_more(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is noted goes into a set, and from there to Redis every few seconds, whoever asks meanwhile."""
    monkeypatch.setattr(noting, "INTERVAL", 3600.0)
    api = await start()
    token = (await api.log_in())["token"]
    passed: set[str] = set()
    sys.setprofile(lambda frame, *_: passed.add(frame.f_code.co_filename))
    try:
        await api.check(token)
    finally:
        sys.setprofile(None)
    assert any(name.endswith("service/authorizations.py") for name in passed)
    assert not [name for name in passed if name.endswith(("observability/activity.py", "stores/activity.py"))]


class Away(ActivityStore):
    """A store that fails as long as it is asked to, or hangs."""

    fails = True
    hangs = False

    async def add(self, *given: Any) -> None:
        if self.hangs:
            await asyncio.sleep(60)
        if self.fails:
            raise ServiceUnavailable
        await super().add(*given)


async def test_what_cannot_be_written_is_lost_and_what_comes_later_is_not(
    activity: Activity, connection: Connection, clock: Clock
) -> None:
    store = Away(connection)
    writer = ActivityWriter(activity, store, MessageFigureStore(connection), clock)
    activity.users.add(1)
    with pytest.raises(ServiceUnavailable):
        await writer.flush()
    store.fails = False
    activity.users.add(2)
    await writer.flush()
    assert await store.active(clock()) == Active(1, 1, 1)


async def test_a_redis_that_hangs_holds_up_no_stop(
    activity: Activity, connection: Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(noting, "PARTING", 0.05)
    store = Away(connection)
    store.hangs = True
    writer = ActivityWriter(activity, store, MessageFigureStore(connection), clock)
    activity.users.add(1)
    writer.start()
    await asyncio.wait_for(writer.stop(), 5)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
