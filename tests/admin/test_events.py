"""The audit trail, as operators ask for it."""

import asyncio
import csv
import itertools
from typing import Any

import httpx
import pytest

from service.audit_events import EventFilter, NewEvent
from service.errors import ServiceUnavailable
from service.http import event_csv
from service.roles import Role
from service.stores.database import Database
from service.stores.events import EventStore
from tests.admin.conftest import ADMIN, HOST, Console
from tests.client import MOBILE, Api, error

pytestmark = pytest.mark.slow

START = 1_767_225_600.0  # 2026-01-01T00:00:00Z


@pytest.fixture
async def written(database: Database) -> None:
    """A hundred and twenty logins, of two users by turns, and one act of an operator."""
    logins = [
        NewEvent(START + n, "login", user_id=1 + n % 2, session_id=f"{n:016x}", mobile=MOBILE, ip="203.0.113.7")
        for n in range(120)
    ]
    await EventStore(database).add(logins)
    by_support = NewEvent(START + 200, "user_disabled", user_id=1, operator="support", reason="fraud", ip="::1")
    await EventStore(database).add([by_support])


async def asked(console: Console, query: str = "") -> Any:
    response = await console.as_role(Role.LOOK, "GET", f"/events{query}")
    assert response.status_code == 200, response.text
    return response.json()["data"]


async def test_the_trail_is_read_newest_first_and_page_by_page(console: Console, written: None) -> None:
    moments, cursor = [], ""
    for size in (50, 50, 21):
        page = await asked(console, f"?cursor={cursor}" if cursor else "")
        assert len(page["events"]) == size
        moments += [event["at"] for event in page["events"]]
        cursor = page["next"]
    assert cursor is None
    assert moments == sorted(moments, reverse=True)


async def test_an_event_says_who_what_when_whence_and_why(console: Console, written: None) -> None:
    newest = (await asked(console))["events"][0]
    assert newest.pop("id") > 0
    assert newest == {
        "at": "2026-01-01T00:03:20Z",
        "kind": "user_disabled",
        "user_id": 1,
        "session_id": None,
        "mobile": None,
        "ip": "::1",
        "device": None,
        "operator": "support",
        "reason": "fraud",
        "request_id": None,
    }
    assert (await asked(console, "?kind=login"))["events"][0]["mobile"] == "138****8000"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?operator=support", 1),
        ("?user_id=2&since=2026-01-01T00:01:40Z", 10),
        ("?user_id=2&until=2026-01-01T00:00:10Z&kind=login", 5),
        ("?ip=203.0.113.7&since=2026-01-01T08:01:50%2B08:00", 10),
        ("?user_id=3", 0),
        ("?user_id=-7", 0),
        ("?something=else&kind=user_disabled", 1),
    ],
)
async def test_all_that_is_asked_for_must_fit(console: Console, written: None, query: str, count: int) -> None:
    assert len((await asked(console, query))["events"]) == count


async def test_what_a_key_does_stands_there_with_its_name_and_reason(
    api: Api, console: Console, database: Database
) -> None:
    user_id = (await api.log_in())["user_id"]
    await console.act("POST", f"/users/{user_id}/reveal", headers={"X-Reason": "call 7 of 13800138000"})
    await console.stop()  # which writes what is queued
    [event] = await EventStore(database).find(EventFilter(kind="number_revealed"), None, 2)
    assert (event.user_id, event.operator, event.reason) == (user_id, "act", "call 7 of 138****8000")
    assert event.mobile == "138****8000"


async def test_bad_fields_and_empty_ones_are_named_all_at_once(console: Console) -> None:
    bad = "?user_id=x&kind=party&ip=here&operator=&since=yesterday&until=2026-01-01T00:00:00"
    response = await console.as_role(Role.LOOK, "GET", f"/events{bad}")
    assert error(response) == (400, "invalid_request")
    assert set(response.json()["fields"]) == {"user_id", "kind", "ip", "operator", "since", "until"}
    empty = await console.as_role(Role.LOOK, "GET", "/events?user_id=")
    assert set(empty.json()["fields"]) == {"user_id"}
    stale = await console.as_role(Role.LOOK, "GET", "/events?cursor=made-up")
    assert set(stale.json()["fields"]) == {"cursor"}


async def as_csv(console: Console, query: str = "") -> list[list[str]]:
    response = await console.as_role(Role.LOOK, "GET", f"/events.csv{query}")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert response.headers["content-disposition"] == 'attachment; filename="latch-events.csv"'
    assert response.headers["cache-control"] == "no-store"
    return list(csv.reader(response.text.splitlines()))


async def test_as_csv_the_trail_comes_over_all_pages_with_the_same_filters(
    console: Console, written: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_csv, "PAGE", 7)
    for query in ("", "?user_id=2&until=2026-01-01T00:00:10Z&kind=login", "?user_id=3"):
        columns, *lines = await as_csv(console, query)
        listed: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await asked(console, f"{query or '?'}&cursor={cursor}" if cursor else query)
            listed, cursor = listed + page["events"], page["next"]
        shown = [["" if one[name] is None else str(one[name]) for name in columns] for one in listed]
        assert lines == shown, query


async def test_a_head_has_the_heads_alone_and_bad_fields_are_named(console: Console, written: None) -> None:
    head = await console.as_role(Role.LOOK, "HEAD", "/events.csv")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith("text/csv")
    assert error(await console.as_role(Role.LOOK, "GET", "/events.csv?ip=here")) == (400, "invalid_request")
    assert error(await console.as_role(Role.LOOK, "GET", "/events.csv?cursor=x")) == (400, "invalid_request")


@pytest.mark.parametrize("pages", [0, 2])
async def test_csv_that_breaks_off_is_never_taken_for_all(
    console: Console, written: None, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    monkeypatch.setattr(event_csv, "PAGE", 7)
    find, asked_for = EventStore.find, itertools.count()

    async def goes_away(*args: Any) -> Any:
        if next(asked_for) >= pages:
            raise ServiceUnavailable
        return await find(*args)

    monkeypatch.setattr(EventStore, "find", goes_away)
    if pages:
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            await console.as_role(Role.LOOK, "GET", "/events.csv")
    else:
        assert error(await console.as_role(Role.LOOK, "GET", "/events.csv")) == (503, "service_unavailable")


async def test_a_client_that_hangs_up_ends_the_reading(
    console: Console, written: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_csv, "PAGE", 1)
    find, asked_for, is_cut = EventStore.find, itertools.count(1), asyncio.Event()
    is_under_way = asyncio.Event()

    async def slowly(*args: Any) -> Any:
        if next(asked_for) == 3:
            is_under_way.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                is_cut.set()
                raise
        return await find(*args)

    monkeypatch.setattr(EventStore, "find", slowly)
    _, writer = await asyncio.open_connection("127.0.0.1", console.port)
    key = console.keys[Role.LOOK]
    writer.write(f"GET {ADMIN}/events.csv HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
    await asyncio.wait_for(is_under_way.wait(), 10)
    writer.close()
    await writer.wait_closed()
    await asyncio.wait_for(is_cut.wait(), 10)
    assert next(asked_for) == 4
