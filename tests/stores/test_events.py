"""EventStore on SQLite and on PostgreSQL: written once, found in the order of time by an index, anonymised, swept."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.audit_events import AuditEvent, EventFilter, NewEvent
from service.stores.database import Database
from service.stores.event_rows import MOST, text_at
from service.stores.events import REMEMBERED, EventStore, Place
from service.stores.users import UserStore

pytestmark = pytest.mark.slow

MOBILE, OTHER = "13800138000", "13900139000"
NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
EVERYTHING = EventFilter()


@pytest.fixture
def database(migrated: Database) -> Database:
    return migrated


@pytest.fixture
async def events(database: Database) -> EventStore:
    return EventStore(database)


def event(seconds: float = 0, kind: str = "login", **details: Any) -> NewEvent:
    return NewEvent(NOW.timestamp() + seconds, kind, **details)


async def rows(events: EventStore, wanted: EventFilter = EVERYTHING, before: Place | None = None) -> list[AuditEvent]:
    return await events.find(wanted, before, 1000)


async def test_what_is_written_is_found_with_the_number_masked(events: EventStore) -> None:
    what = event(
        user_id=42,
        session_id="0123456789abcdef",
        mobile=MOBILE,
        ip="2001:db8::1",
        device="小明的手机 \N{MOBILE PHONE}",
        operator="li",
        reason="lost phone",
        request_id="r-1",
    )
    await events.add([what])
    [found] = await rows(events)
    assert found == AuditEvent(found.id, NOW, *what[1:4], "138****8000", *what[5:])


async def test_the_newest_comes_first_whatever_was_written_first(events: EventStore) -> None:
    await events.add([event(2, user_id=2), event(3, user_id=3)])
    await events.add([event(1, user_id=1), event(2, user_id=4)])
    assert [found.user_id for found in await rows(events)] == [3, 4, 2, 1]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (EventFilter(user_id=1), [3, 0]),
        (EventFilter(kind="logout"), [3, 2]),
        (EventFilter(ip="10.0.0.1"), [2, 0]),
        (EventFilter(operator="li"), [3]),
        (EventFilter(user_id=1, kind="login", ip="10.0.0.1"), [0]),
        (EventFilter(user_id=1, operator="wang"), []),
        (EventFilter(since=NOW + SECOND), [3, 2, 1]),
        (EventFilter(until=NOW + SECOND), [0]),
        (EventFilter(user_id=1, since=NOW + SECOND, until=NOW + 3 * SECOND), []),
        (EventFilter(since=(NOW + SECOND).astimezone(), until=NOW + 3 * SECOND), [2, 1]),
    ],
    ids=str,
)
async def test_events_are_found_by_all_that_is_asked(events: EventStore, wanted: EventFilter, found: list[int]) -> None:
    await events.add(
        [
            event(0, user_id=1, ip="10.0.0.1", reason="0"),
            event(1, user_id=2, ip="10.0.0.2", reason="1"),
            event(2, "logout", user_id=2, ip="10.0.0.1", reason="2"),
            event(3, "logout", user_id=1, operator="li", reason="3"),
        ]
    )
    assert [int(each.reason or "") for each in await rows(events, wanted)] == found


async def test_a_page_goes_on_where_the_last_one_ended_also_within_one_moment(events: EventStore) -> None:
    await events.add([event(number // 4, user_id=number) for number in range(20)])
    seen: list[int | None] = []
    before = None
    while page := await events.find(EVERYTHING, before, 3):
        seen += [each.user_id for each in page]
        before = Place(page[-1].at, page[-1].id)
    assert seen == [*range(19, -1, -1)]


async def test_what_has_been_written_is_known_again(events: EventStore) -> None:
    await events.add([event(session_id="s", request_id="r"), event(1)])
    for known in (event(session_id="s", request_id="r"), event(1)):
        assert await events.has(known)
    for unknown in (event(session_id="t", request_id="r"), event(kind="logout"), event(0.000001), event(2)):
        assert not await events.has(unknown)


async def test_what_no_database_would_take_is_written_without_it(events: EventStore) -> None:
    strange = "x\0\ud800" + "y" * 1000
    await events.add([event(device=strange, reason=strange, operator=strange)])
    [found] = await rows(events)
    assert (found.device or "").startswith("x?y")
    assert (len(found.device or ""), len(found.reason or ""), len(found.operator or "")) == (128, 256, 64)


async def test_an_event_that_knows_a_number_alone_is_found_by_the_user_of_it(
    events: EventStore, database: Database
) -> None:
    user = await UserStore(database).log_in(MOBILE, NOW)
    await events.add([event(0, "code_sent", mobile=MOBILE), event(1, "code_sent", mobile=OTHER)])
    [found] = await rows(events, EventFilter(user_id=user.id))
    assert found.mobile == "138****8000"
    assert [each.user_id for each in await rows(events)] == [None, user.id]


async def test_whose_a_session_is_is_told_by_its_login_until_the_user_is_erased(events: EventStore) -> None:
    await events.add([event(0, user_id=42, session_id="a"), event(1, "logout", user_id=43, session_id="b")])
    assert [await events.user_of_session(session_id) for session_id in "abc"] == [42, None, None]
    await events.forget(42, NOW)
    assert await events.user_of_session("a") is None


@pytest.mark.parametrize("count", [1, 2, 8, 9, 32, 33, 101, MOST])
async def test_any_number_up_to_most_is_written_with_one_statement(events: EventStore, count: int) -> None:
    await events.add([event(number, user_id=number + 1) for number in range(count)])
    assert [found.user_id for found in await rows(events)] == [*range(count, 0, -1)]


# --- Forgetting -----------------------------------------------------------------------------------------------------


async def test_who_is_forgotten_is_an_id_that_says_nothing(events: EventStore) -> None:
    theirs = {"mobile": MOBILE, "ip": "10.0.0.1", "device": "phone"}
    await events.add([event(0, user_id=42, session_id="s", **theirs), event(1, "logout", user_id=42, reason="why")])
    await events.add([event(2, user_id=43, **theirs)])
    assert await events.forget(42, NOW) == 2
    other, logout, login = await rows(events)
    assert other[3:8] == (43, None, "138****8000", "10.0.0.1", "phone")
    assert login.user_id == logout.user_id != 42
    assert login[4:8] == ("s", None, None, None)
    assert (login.user_id or 0) < 0
    assert logout.reason == "why"
    assert await rows(events, EventFilter(user_id=42)) == []


async def test_codes_sent_before_the_first_login_are_forgotten_too(events: EventStore) -> None:
    own, neighbours = {"mobile": MOBILE, "ip": "10.0.0.1"}, {"mobile": OTHER, "ip": "10.0.0.1"}
    await events.add([event(0, "code_sent", **own), event(0, "code_sent", **neighbours), event(1, user_id=42, **own)])
    assert await events.forget(42, NOW) == 2
    login, *codes = await rows(events)
    assert sorted((code.user_id, code.mobile, code.ip) for code in codes if code.user_id) == [
        (login.user_id, None, None)
    ]
    assert [code.mobile for code in codes if code.user_id is None] == ["139****9000"]


async def test_what_is_written_after_it_is_forgotten_as_well(events: EventStore) -> None:
    await events.add([event(0, user_id=42, ip="10.0.0.1")])
    await events.forget(42, NOW)
    await events.add([event(1, user_id=42, ip="10.0.0.1"), event(2, user_id=43, ip="10.0.0.1")])
    assert await rows(events, EventFilter(user_id=42)) == []
    [other, late, early] = await rows(events)
    assert (late.user_id, late.ip) == (early.user_id, None)
    assert (other.user_id, other.ip) == (43, "10.0.0.1")


async def test_any_number_of_events_is_forgotten(events: EventStore) -> None:
    for page in range(3):
        await events.add([event(page * MOST + number, user_id=42, ip="10.0.0.1") for number in range(MOST)])
    assert await events.forget(42, NOW) == 3 * MOST
    assert await events.forget(42, NOW) == 0
    assert await rows(events, EventFilter(ip="10.0.0.1")) == []


async def test_what_a_killed_worker_left_is_forgotten_by_the_sweep(events: EventStore, database: Database) -> None:
    await events.forget(42, NOW)
    await database.rows(f"INSERT INTO events (at, kind, user_id, ip) VALUES ('{NOW}', 'login', 42, '10.0.0.1')", [])
    await events.sweep_forgotten(NOW)
    [found] = await rows(events)
    assert ((found.user_id or 0) < 0, found.ip) == (True, None)


async def test_after_a_week_nobody_knows_who_it_was(events: EventStore, database: Database) -> None:
    await events.forget(42, NOW)
    await events.sweep_forgotten(NOW + REMEMBERED)
    assert len(await database.rows("SELECT * FROM forgotten", [])) == 1
    await events.sweep_forgotten(NOW + REMEMBERED + SECOND)
    assert await database.rows("SELECT * FROM forgotten", []) == []


# --- Sweeping -------------------------------------------------------------------------------------------------------


async def test_the_oldest_are_swept_in_small_steps_and_the_rest_is_kept(events: EventStore) -> None:
    for page in (1, 0):
        await events.add([event(page * MOST + number, user_id=page * MOST + number) for number in range(MOST)])
    until = NOW + (MOST + 10) * SECOND
    assert await events.sweep(until) == MOST
    assert min(found.user_id or 0 for found in await rows(events)) == MOST
    assert [await events.sweep(until) for _ in range(2)] == [10, 0]
    assert len(await rows(events)) == MOST - 10


# --- Speed ----------------------------------------------------------------------------------------------------------

MANY = 20_000
FILL = {
    "sqlite": """INSERT INTO events (at, kind, user_id, ip, operator)
        WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {many})
        SELECT datetime('2026-01-01', n || ' seconds') || '+00:00', CASE n % 400 WHEN 0 THEN 'login' ELSE 'refresh' END,
            n % 500, '10.0.' || (n % 100) || '.1', CASE n % 500 WHEN 0 THEN 'li' END FROM n""",
    "postgres": """INSERT INTO events (at, kind, user_id, ip, operator)
        SELECT timestamptz '2026-01-01 00:00:00Z' + n * interval '1 second',
            CASE n % 400 WHEN 0 THEN 'login' ELSE 'refresh' END, n % 500, '10.0.' || (n % 100) || '.1',
            CASE n % 500 WHEN 0 THEN 'li' END FROM generate_series(1, {many}) AS n""",
}
QUESTIONS = {
    "events_user": EventFilter(user_id=7, since=NOW - timedelta(days=30)),
    "events_kind": EventFilter(kind="login"),
    "events_ip": EventFilter(ip="10.0.7.1", kind="refresh"),
    "events_operator": EventFilter(operator="li", kind="login", since=NOW - timedelta(days=30)),
    "events_at": EventFilter(since=NOW - timedelta(days=30), until=NOW),
}


class Explained(Database):
    """Keeps the plan of what it is asked, in place of asking it."""

    async def rows(self, statement: str, values: Any) -> list[dict[str, Any]]:
        explain = "EXPLAIN" if self.is_postgres else "EXPLAIN QUERY PLAN"
        self.plan = repr(await super().rows(f"{explain} {statement}", values))
        return []


@pytest.mark.parametrize("index", QUESTIONS)
async def test_every_question_is_answered_by_its_index_in_its_order(url: str, database: Database, index: str) -> None:
    kind = "postgres" if database.is_postgres else "sqlite"
    await database.rows(FILL[kind].format(many=MANY), [])
    if kind == "postgres":
        await database.rows("ANALYZE events", [])
    explained = Explained(url, timeout=10, pool_size=1)
    await explained.open()
    for before in (None, Place(datetime(2026, 1, 1, 3, tzinfo=UTC), 7)):
        await EventStore(explained).find(QUESTIONS[index], before, 50)
        assert index in explained.plan
        assert "B-TREE" not in explained.plan or "LAST TERM" in explained.plan  # SQLite sorts by itself
        assert "'Sort" not in explained.plan.replace("Incremental Sort", "")
        assert "Seq Scan" not in explained.plan
    await explained.close()


async def test_whose_a_session_is_is_answered_by_its_index(url: str, database: Database) -> None:
    await database.rows(FILL["postgres" if database.is_postgres else "sqlite"].format(many=MANY), [])
    if database.is_postgres:
        await database.rows("ANALYZE events", [])
    explained = Explained(url, timeout=10, pool_size=1)
    await explained.open()
    await EventStore(explained).user_of_session("9f86d081884c7d65")
    assert "events_session" in explained.plan
    await explained.close()


def test_a_moment_is_written_as_a_datetime_of_it_would_be() -> None:
    chosen = random.Random(7)
    moments = [0.0, 1.0, 1.5, 0.9999995, 0.9999994, 1.0000005, 1.0000015, 1_785_000_000.9999996, 1_785_000_000.000001]
    moments += [chosen.uniform(0, 4e9) for _ in range(5_000)] + [
        chosen.randrange(10**9) + 0.0000005 for _ in range(500)
    ]
    for at in moments:
        assert text_at(at) == datetime.fromtimestamp(at, UTC).isoformat(" ")
