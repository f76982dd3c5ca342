"""Events that know a number alone, written by one worker after another has erased whose it was."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.audit_events import AuditEvent, EventFilter, NewEvent
from service.errors import ServiceUnavailable
from service.events import Event, Events
from service.observability.audit_writer import AuditWriter
from service.stores.database import Database
from service.stores.events import EventStore
from service.stores.users import UserStore
from service.trail import UNDER_WAY, Trail
from tests.conftest import NAMES

pytestmark = pytest.mark.slow

MOBILE, NEIGHBOUR = "13800138000", "13812348000"  # both are masked as 138****8000
NOW = datetime.now(UTC)
Erase = Callable[..., Any]


@pytest.fixture
def database(migrated: Database) -> Database:
    return migrated


@pytest.fixture
def events(database: Database) -> EventStore:
    return EventStore(database, NAMES.of)


@pytest.fixture
def users(database: Database) -> UserStore:
    return UserStore(database)


@pytest.fixture
def erase(database: Database, users: UserStore) -> Erase:
    """Erase a user as PersonalData does: announced, deleted, forgotten. By a process that writes none of the events."""

    async def run(user_id: int, mobile: str | None = MOBILE, *, only_announce: bool = False) -> None:
        trail = Trail(EventStore(database), NOW.timestamp)
        await trail.announce(user_id, NAMES.of(mobile) if mobile else None)
        if not only_announce:
            await users.erase(user_id)
            await trail.forget(user_id)

    return run


def sent(seconds: float, mobile: str = MOBILE) -> NewEvent:
    return NewEvent(NOW.timestamp() + seconds, "code_sent", mobile=mobile, ip="10.0.0.1")


async def found(events: EventStore) -> list[AuditEvent]:
    """The oldest first."""
    return (await events.find(EventFilter(), None, 1000))[::-1]


async def test_what_was_queued_of_an_erased_number_is_forgotten_when_it_is_written(
    events: EventStore, users: UserStore, erase: Erase, database: Database
) -> None:
    user = await users.log_in(MOBILE, NOW)
    await erase(user.id)
    await events.add([sent(-1), sent(-0.5, NEIGHBOUR)])
    [row] = await database.rows("SELECT alias, number FROM forgotten", [])
    mine, neighbours = await found(events)
    assert (mine.user_id, mine.mobile, mine.ip, mine.device) == (row["alias"], None, None, None)
    assert (neighbours.user_id, neighbours.mobile, neighbours.ip) == (None, "138****8000", "10.0.0.1")
    assert row["number"] == NAMES.of(MOBILE)


async def test_what_happens_to_the_number_later_is_its_next_owners(
    events: EventStore, users: UserStore, erase: Erase
) -> None:
    user = await users.log_in(MOBILE, NOW)
    await erase(user.id)
    await events.add([sent(UNDER_WAY.total_seconds() + 0.1)])
    next_owner = await users.log_in(MOBILE, NOW)
    await events.add([sent(-1), sent(UNDER_WAY.total_seconds() + 0.2)])
    late, before_login, known = await found(events)
    assert ((late.user_id or 0) < 0, late.ip) == (True, None)  # though its number has another owner when it is written
    assert (before_login.user_id, before_login.ip) == (None, "10.0.0.1")
    assert (known.user_id, known.ip) == (next_owner.id, "10.0.0.1")


async def test_of_two_who_had_the_number_each_keeps_their_own_events(
    events: EventStore, users: UserStore, database: Database
) -> None:
    for days in (2, 1):
        user = await users.log_in(MOBILE, NOW)
        await events.announce(user.id, NOW - timedelta(days=days), NAMES.of(MOBILE))
        await users.erase(user.id)
    day = timedelta(days=1).total_seconds()
    await events.add([sent(-2.5 * day), sent(-1.5 * day), sent(-0.5 * day)])
    aliases = [row["alias"] for row in await database.rows("SELECT alias FROM forgotten ORDER BY at", [])]
    assert [event.user_id for event in await found(events)] == [*aliases, None]


async def test_between_the_row_and_its_events_a_writer_forgets_by_itself(
    events: EventStore, users: UserStore, erase: Erase
) -> None:
    user = await users.log_in(MOBILE, NOW)
    await erase(user.id, only_announce=True)
    await users.erase(user.id)
    await events.add([sent(-1), sent(-1)._replace(user_id=user.id)])
    assert [((event.user_id or 0) < 0, event.mobile, event.ip) for event in await found(events)] == [
        (True, None, None)
    ] * 2


async def test_who_was_announced_and_not_erased_keeps_all_events(
    events: EventStore, users: UserStore, erase: Erase
) -> None:
    user = await users.log_in(MOBILE, NOW)
    await erase(user.id, only_announce=True)
    await events.add([sent(-1), sent(-1)._replace(user_id=user.id)])
    await events.sweep_forgotten(NOW)
    assert [(event.user_id, event.ip) for event in await found(events)] == [(user.id, "10.0.0.1")] * 2


async def test_forgetting_again_keeps_the_number_that_was_announced(
    erase: Erase, users: UserStore, database: Database
) -> None:
    user = await users.log_in(MOBILE, NOW)
    await erase(user.id)
    await erase(user.id, None)
    assert [row["number"] for row in await database.rows("SELECT number FROM forgotten", [])] == [NAMES.of(MOBILE)]


async def test_another_workers_queue_is_forgotten_also_where_its_database_goes_away_amid_that(
    events: EventStore, users: UserStore, erase: Erase, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await users.log_in(MOBILE, NOW)
    writer = AuditWriter(events, 180)
    monkeypatch.setattr("time.time", lambda: NOW.timestamp() - 1)
    Events(writer.follow).record(Event.CODE_SENT, mobile=MOBILE)
    await erase(user.id)

    async def is_away(*_: Any) -> None:
        raise ServiceUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(events, "scrub_written", is_away)
        with pytest.raises(ServiceUnavailable):
            await writer.flush()
    assert [event.mobile for event in await found(events)] == ["138****8000"]
    await writer.flush()
    [event] = await found(events)
    assert ((event.user_id or 0) < 0, event.mobile) == (True, None)
