"""The first screen: whom the one box finds, who may find by what, and that nothing typed is kept anywhere."""

import re
import time
from typing import Any

import pytest

from service.audit_events import NewEvent
from service.people import PAGE
from service.stores.database import Database
from service.stores.events import EventStore
from tests.admin.console.conftest import Visitor, text_of
from tests.client import MOBILE, Api

pytestmark = pytest.mark.slow

OTHER, MASKED = "13900139000", "138****8000"
PART = {"HX-Request": "true"}
PERSON = re.compile(r'<td><a href="/people/(\d+)">(.*?)</a>')
CURSOR = re.compile(r'name="cursor" value="(\d+)"')
TYPED = re.compile(r'<input id="f-q" name="q" value="([^"]*)"')
EMOJI = "\U0001f600" * 64


async def found(visitor: Visitor, text: str) -> list[int]:
    """The ids of those in the list."""
    response = await visitor.post("/", {"q": text})
    assert response.status_code == 200, text_of(response)
    return [int(user_id) for user_id, _ in PERSON.findall(response.text)]


@pytest.fixture
async def ada(api: Api) -> dict[str, Any]:
    """The tokens of Ada Lovelace, who came before somebody else."""
    tokens = await api.log_in()
    assert (await api.rename(tokens["token"], "Ada Lovelace")).status_code == 200
    await api.log_in(OTHER)
    return tokens


async def test_somebody_is_found_by_number_by_ids_and_by_the_start_of_a_name(
    ada: dict[str, Any], actor: Visitor, database: Database
) -> None:
    ended = "9f86d081884c7d65"
    await EventStore(database).add([NewEvent(time.time(), "login", ada["user_id"], ended)])
    for text in (MOBILE, "+86 138 0013 8000", str(ada["user_id"]), ended, "Ada", f"  {MOBILE}  "):
        assert await found(actor, text) == [ada["user_id"]], text


async def test_where_nobody_fits_the_page_says_so(ada: dict[str, Any], actor: Visitor) -> None:
    for text in ("15000150000", "4711", "00000000000000ff", "Lovelace", "x" * 64):
        response = await actor.post("/", {"q": text})
        assert PERSON.findall(response.text) == [], text
        assert response.status_code == 200
    assert "Nobody fits." in text_of(await actor.post("/", {"q": "Lovelace"}))


async def test_the_newest_stand_there_first_with_number_masked_and_devices_counted(
    ada: dict[str, Any], api: Api, looker: Visitor
) -> None:
    await api.log_in()
    response = await looker.get("/")
    assert [name for _, name in PERSON.findall(response.text)] == ["139****9000", "Ada Lovelace"]
    assert MOBILE not in response.text
    assert re.search(rf"Ada Lovelace id {ada['user_id']} 138\*{{4}}8000 active [\d :-]+ 2 ", text_of(response))


async def test_more_come_by_the_cursor_until_there_are_none(actor: Visitor, database: Any) -> None:
    rows = ", ".join(f"('{13_000_000_000 + n}', 'Ada', 'active', '2026-01-01', '2026-01-01')" for n in range(PAGE + 1))
    await database.rows(f"INSERT INTO users (mobile, name, status, created_at, last_login) VALUES {rows}", [])
    for text in ("", "Ada"):
        first = await actor.post("/", {"q": text})
        [cursor] = CURSOR.findall(first.text)
        second = await actor.post("/", {"q": text, "cursor": cursor})
        assert CURSOR.findall(second.text) == []
        assert "Further ones" in text_of(second)
        ids = [int(user_id) for user_id, _ in PERSON.findall(first.text + second.text)]
        assert ids == sorted(set(ids), reverse=True)
        assert len(ids) == PAGE + 1


async def test_a_cursor_that_was_not_made_here_is_refused_by_a_page(actor: Visitor) -> None:
    response = await actor.post("/", {"cursor": "x"})
    assert response.status_code == 400
    assert "This cannot be done so" in text_of(response)


@pytest.mark.parametrize("kind", ["token", "refresh_token"])
async def test_a_token_is_explained_to_everybody_and_not_sent_back(
    ada: dict[str, Any], api: Api, looker: Visitor, actor: Visitor, kind: str
) -> None:
    end = f"/people/{ada['user_id']}/sessions/{ada['session_id']}/end"
    for visitor in (looker, actor):
        response = await visitor.post("/", {"q": f" {ada[kind]} "})
        assert "The token is live" in text_of(response)
        assert ada["session_id"] in response.text
        assert ada[kind] not in response.text
        assert TYPED.findall(response.text) == [""]
        assert PERSON.findall(response.text) == [(str(ada["user_id"]), "Ada Lovelace")]
        assert (end in response.text) == (visitor is actor)
    await api.log_out(ada["token"])
    response = await actor.post("/", {"q": ada[kind]})
    assert "The token is not live" in text_of(response)
    assert ada[kind] not in response.text
    assert end not in response.text


async def test_who_may_only_look_finds_by_whole_numbers_and_is_told_so(ada: dict[str, Any], looker: Visitor) -> None:
    assert await found(looker, MOBILE) == [ada["user_id"]]
    for text in ("Ada", str(ada["user_id"]), ada["session_id"], MOBILE[:10]):
        for headers in ({}, PART):
            response = await looker.post("/", {"q": text}, **headers)
            assert response.status_code == 403
            assert "The role look finds people by whole numbers and tokens only." in text_of(response)
            assert PERSON.findall(response.text) == []


async def test_while_one_types_the_list_alone_is_sent(ada: dict[str, Any], actor: Visitor) -> None:
    response = await actor.post("/", {"q": "Ada"}, **PART)
    assert PERSON.findall(response.text) == [(str(ada["user_id"]), "Ada Lovelace")]
    for beside in ("<html", "<form", 'id="f-q"', 'id="found"'):
        assert beside not in response.text
    assert "One person fits." in text_of(response)


async def test_what_was_typed_is_in_no_address_and_in_no_log(
    ada: dict[str, Any], actor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    for text in (MOBILE, "Ada Love", ada["token"]):
        response = await actor.post("/", {"q": text})
        assert text not in " ".join(re.findall(r'(?:href|action|hx-get|hx-post)="([^"]*)"', response.text))
        assert text not in str(response.headers)
        assert text not in " ".join(str(vars(record)) for record in caplog.records if record.name.startswith("latch"))
    assert PERSON.findall((await actor.get("/?q=Ada")).text) == PERSON.findall((await actor.get("/")).text)


@pytest.mark.parametrize(("name", "shown"), [("<script>alert(1)</script>", "&lt;script&gt;"), (EMOJI, EMOJI)])
async def test_a_name_is_shown_whole_and_as_text(api: Api, actor: Visitor, name: str, shown: str) -> None:
    tokens = await api.log_in()
    assert (await api.rename(tokens["token"], name)).status_code == 200
    for page in (await actor.post("/", {"q": name}), await actor.get(f"/people/{tokens['user_id']}")):
        assert page.status_code == 200
        assert shown in page.text
        assert "<script>" not in page.text
