"""AuditWriter: queued and written in batches, kept while the database is away, bounded, and once."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from service.audit_events import EventFilter, EventValues, NewEvent
from service.errors import ServiceUnavailable
from service.events import ACTOR, Attempt, Event, Events
from service.observability.audit_writer import FLOOD, INTERVAL, QUEUE_MAX, AuditWriter, Lost
from service.roles import Actor, Role
from service.stores.database import Database
from service.stores.event_rows import MOST
from service.stores.events import EventStore
from tests.client import MOBILE
from tests.conftest import Start

EVERYTHING = EventFilter()


class FlakyStore(EventStore):
    """A store that fails before or after its statement is done, as often as is asked."""

    fails_before = fails_after = 0

    async def add(self, events: Sequence[EventValues]) -> None:
        if self.fails_before:
            self.fails_before -= 1
            raise ServiceUnavailable
        await super().add(events)
        if self.fails_after:
            self.fails_after -= 1
            raise ServiceUnavailable


@pytest.fixture
async def store(database: Database) -> FlakyStore:
    return FlakyStore(database)


@pytest.fixture
def lost() -> dict[str, int]:
    return dict.fromkeys(Lost._fields, 0)


@pytest.fixture
def writer(store: FlakyStore, lost: dict[str, int]) -> AuditWriter:
    def count(reason: str) -> Callable[[int], None]:
        return lambda times: lost.update({reason: lost[reason] + times})

    return AuditWriter(store, 180, lost=Lost(*map(count, Lost._fields)))


async def kinds(store: EventStore) -> list[str]:
    return [event.kind for event in await store.find(EVERYTHING, None, 100_000)]


async def test_a_login_over_http_is_written_with_device_address_and_request(start: Start, store: EventStore) -> None:
    api = await start()
    code = await api.new_code(MOBILE)
    headers = {"X-Device-Name": "phone of 13800138000", "X-Request-ID": "mine-1"}
    body = {"mobile": MOBILE, "code": code}
    response = await api.request("POST", "/app/v1_0/authorizations", json=body, headers=headers)
    data = response.json()["data"]
    await api.stop()
    login, sent = await store.find(EVERYTHING, None, 10)
    assert sent.kind == "code_sent"
    assert login[2:] == (
        "login", data["user_id"], data["session_id"], "138****8000", "127.0.0.1", "phone of 138****8000", None, None,
        "mine-1",
    )  # fmt: skip


async def test_what_an_operator_does_is_told_with_name_and_reason(writer: AuditWriter, store: EventStore) -> None:
    token = ACTOR.set(Actor("li", Role.OWNER, "lost phone of 13800138000"))
    Events(writer.follow).record(Event.SESSION_REVOKED, user_id=42, reason="revoked")
    ACTOR.reset(token)
    await writer.flush()
    [event] = await store.find(EVERYTHING, None, 10)
    assert (event.operator, event.reason) == ("li", "lost phone of 138****8000")


async def test_nothing_is_lost_or_written_twice_while_the_database_comes_and_goes(
    writer: AuditWriter, store: FlakyStore, lost: dict[str, int]
) -> None:
    events = Events(writer.follow)
    events.record(Event.LOGIN, user_id=1, session_id="a")
    store.fails_before = store.fails_after = 1
    for number in range(2):
        with pytest.raises(ServiceUnavailable):
            await writer.flush()
        events.record(Event.LOGIN, user_id=1, session_id=f"b{number}")
    for number in range(2 * MOST):
        events.record(Event.REFRESH, user_id=number + 2)
    await writer.flush()
    await writer.flush()
    assert sorted(await kinds(store)) == ["login"] * 3 + ["refresh"] * 2 * MOST
    assert set(lost.values()) == {0}


async def test_what_comes_during_a_write_waits_for_the_next_and_a_stop_leaves_nothing(
    writer: AuditWriter, store: FlakyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement for each few of them, as long as people log in, would cost the logins more than it writes."""
    events, written = Events(writer.follow), []
    add = store.add

    async def busy(batch: Sequence[EventValues]) -> None:
        written.append(len(batch))
        if len(written) < 4:
            events.record(Event.REFRESH)
        await add(batch)

    monkeypatch.setattr(store, "add", busy)
    for _ in range(MOST + 2):
        events.record(Event.LOGIN)
    await writer.flush()
    assert written == [MOST, 2]
    await writer.stop()
    assert written == [MOST, 2, 2, 1]
    assert len(await kinds(store)) == MOST + 5


async def test_the_queue_is_bounded_and_what_is_too_much_is_counted(writer: AuditWriter, lost: dict[str, int]) -> None:
    events = Events(writer.follow)
    for _ in range(QUEUE_MAX + 3):
        events.record(Event.REFRESH)
    assert lost == {"full": 3, "flood": 0, "failed": 0}


async def test_a_flood_of_refusals_does_not_fill_the_database(
    writer: AuditWriter, store: EventStore, lost: dict[str, int]
) -> None:
    events = Events(writer.follow)
    for _ in range(2):
        for _ in range(FLOOD + 5):
            events.record(Event.LIMIT_HIT)
        events.record(Event.LOGIN, user_id=1)
        await writer.flush()
    assert (await kinds(store)).count("limit_hit") == 2 * FLOOD
    assert lost["flood"] == 10


async def test_a_stop_writes_what_is_left_and_counts_what_it_cannot(
    writer: AuditWriter, store: FlakyStore, lost: dict[str, int]
) -> None:
    events = Events(writer.follow)
    writer.start()
    events.record(Event.LOGIN, user_id=1)
    await writer.stop()
    assert await kinds(store) == ["login"]
    store.fails_before = 1
    events.record(Event.LOGOUT, user_id=1)
    await writer.stop()
    assert lost["failed"] == 1


async def test_attempts_are_no_events_and_zero_days_keep_none(writer: AuditWriter, store: EventStore) -> None:
    off = AuditWriter(store, 0)
    with Events(writer.follow).attempt(Attempt.LOGIN):
        Events(off.follow).record(Event.LOGIN)
    for each in (writer, off):
        await each.flush()
    assert await kinds(store) == []


@pytest.mark.slow
async def test_what_is_older_than_audit_days_is_swept(store: EventStore, writer: AuditWriter, loop: Any) -> None:
    await store.add([NewEvent(1_000_000_000, "login", user_id=1)])
    writer.start()
    await asyncio.sleep(2 * INTERVAL)
    await writer.stop()
    assert await kinds(store) == []
