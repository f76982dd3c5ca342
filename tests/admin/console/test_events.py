"""The screen of the audit trail: what stands there, the filters, the way to older ones, and what a poll is answered."""

import re
from typing import Any

import pytest

from service.audit_events import NewEvent
from service.stores.database import Database
from service.stores.events import EventStore
from tests.admin.console.conftest import Visitor, text_of
from tests.client import MOBILE

pytestmark = pytest.mark.slow

START = 1_767_225_600.0  # 2026-01-01T00:00:00Z
ROW = re.compile(r'<tr id="e-(\d+)">(.*?)</tr>', re.DOTALL)
OLDER = re.compile(r'data-live-older href="([^"]*)"')
PAST = "/events?until=2026-01-02T00%3A00%3A00Z"  # without those of the keys and sessions that a test makes
PART = {"HX-Request": "true"}


@pytest.fixture
async def written(database: Database) -> None:
    """A hundred and twenty logins, of two users by turns, and one act of an operator."""
    logins = [
        NewEvent(START + n, "login", user_id=1 + n % 2, mobile=MOBILE, ip="203.0.113.7", device="Ada's <script>")
        for n in range(120)
    ]
    await EventStore(database).add(logins)
    by_support = NewEvent(
        START + 200, "user_disabled", 1, operator="support", reason="<script>fraud", ip="::1", request_id="request-7"
    )
    await EventStore(database).add([by_support])


async def rows(visitor: Visitor, path: str, **headers: str) -> list[str]:
    """What stands in each row."""
    response = await visitor.get(path, **headers)
    assert response.status_code == 200, text_of(response)
    return [row for _, row in ROW.findall(response.text)]


def link(row: str, address: str) -> bool:
    return f'href="{address}"' in row


async def chosen(visitor: Visitor, **form: str) -> str:
    """The address that a form leads to."""
    response = await visitor.post("/events", form)
    assert response.status_code == 303, text_of(response)
    return str(response.headers["location"])


def problems(response: Any) -> dict[str, str]:
    assert response.status_code == 400
    return dict(re.findall(r'<span class="hint bad" id="h-(\w+)">(.*?)</span>', response.text))


async def test_a_row_says_what_when_who_whence_by_whom_and_why(looker: Visitor, written: None) -> None:
    newest, login = (await rows(looker, PAST))[:2]
    assert "2026-01-01 00:03:20" in newest
    assert "Account disabled" in newest
    assert link(newest, "/people/1")
    assert link(newest, f"{PAST}&amp;ip=%3A%3A1")
    assert link(newest, f"{PAST}&amp;operator=support")
    assert "support</a>: &lt;script&gt;fraud" in newest
    assert "request-7" in newest
    assert link(login, "/people/2")
    assert "138****8000" in login
    assert "Ada&#39;s &lt;script&gt;" in login


async def test_an_event_of_somebody_erased_leads_to_their_others_and_to_no_person(
    looker: Visitor, database: Database
) -> None:
    await EventStore(database).add([NewEvent(START, "user_erased", user_id=-7, ip="unknown")])
    [row] = await rows(looker, "/events?kind=user_erased")
    assert link(row, "/events?kind=user_erased&amp;user_id=-7")
    assert "/people/" not in row
    assert "ip=" not in row


async def test_older_ones_follow_by_the_same_filters(looker: Visitor, written: None) -> None:
    path, seen = "/events?kind=login&ip=203.0.113.7", set[str]()
    for size in (50, 50, 20):
        response = await looker.get(path)
        found = ROW.findall(response.text)
        assert len(found) == size
        assert ("data-live-rows" in response.text) == (not seen)  # new ones come at the top of the first page alone
        seen |= {event_id for event_id, _ in found}
        [path] = OLDER.findall(response.text) or [""]
        path = path.replace("&amp;", "&")
    assert path == ""
    assert len(seen) == 120


async def test_the_form_leads_to_the_address_of_its_filters(looker: Visitor, written: None) -> None:
    empty = dict.fromkeys(("kind", "user_id", "ip", "operator", "since", "until"), "")
    assert await chosen(looker, **empty) == "/events"
    assert await chosen(looker, **empty | {"kind": "login", "user_id": " 2 "}) == "/events?user_id=2&kind=login"
    path = await chosen(looker, since="2026-01-01T00:01:40", until="2026-01-01T00:01:50.500")
    assert path == "/events?since=2026-01-01T00%3A01%3A40Z&until=2026-01-01T00%3A01%3A50.500000Z"
    assert len(await rows(looker, path)) == 11
    page = (await looker.get("/events?since=2026-01-01T08:01:40%2B08:00&user_id=2&kind=login")).text
    assert 'value="2026-01-01T00:01:40"' in page
    assert 'value="2"' in page
    assert '<option value="login" selected>' in page


async def test_a_filter_that_is_none_is_named_at_its_field_and_finds_nothing(looker: Visitor, written: None) -> None:
    bad = {"kind": "party", "user_id": "x", "ip": "here", "operator": "a\tb", "since": "yesterday", "until": "2026"}
    assert set(problems(await looker.post("/events", bad))) == set(bad)
    response = await looker.get("/events?kind=party&user_id=&ip=here&operator=&since=&until=2026-01-01T00:00:00")
    assert set(problems(response)) == set(bad)
    assert not ROW.findall(response.text)
    assert "data-live-rows" not in response.text
    made_up = await looker.get("/events?cursor=made-up")
    assert made_up.status_code == 400
    assert "should be one that was answered" in text_of(made_up)


@pytest.mark.parametrize("number", [MOBILE, f"+86 {MOBILE}", "138 0013 8000"])
async def test_a_number_never_comes_to_stand_in_an_address(looker: Visitor, number: str) -> None:
    found = problems(await looker.post("/events", {"user_id": number}))
    assert found == {"user_id": "This is a number. Find the person first: their page has their id."}


async def test_a_poll_gets_the_list_alone(looker: Visitor, written: None) -> None:
    response = await looker.get("/events?kind=user_disabled", **PART)
    assert len(ROW.findall(response.text)) == 1
    assert "<form" not in response.text
    assert "<html" not in response.text
    assert "data-live-rows" not in response.text


async def test_events_are_read_in_chinese(looker: Visitor, written: None) -> None:
    page = await looker.shown(PAST, **{"Accept-Language": "zh-CN"})
    assert "2026-01-01 00:03:20" in page


async def test_the_events_that_are_shown_are_had_as_csv(looker: Visitor) -> None:
    assert 'href="/events.csv?kind=operator_login"' in (await looker.get("/events?kind=operator_login")).text
    response = await looker.get("/events.csv?kind=operator_login")
    assert response.status_code == 200
    assert response.headers["content-disposition"] == 'attachment; filename="latch-events.csv"'
    assert response.text.startswith("id,at,kind,")
