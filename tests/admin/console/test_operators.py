"""The screen of owners: who may ask, since when, from where; and how somebody comes and goes."""

import pytest

from service.entities import Device
from service.roles import Role
from tests.admin.console.conftest import LogIn, Visitor, text_of

pytestmark = pytest.mark.slow


async def test_an_owner_adds_a_person_and_sees_the_link_once(owner: Visitor) -> None:
    response = await owner.post("/operators", {"kind": "person", "name": "ada", "role": "act", "reason": "new shift"})
    assert response.status_code == 201
    assert "http://localhost:8001/enrol#ada." in response.text
    page = await owner.shown("/operators")
    assert "ada acts" in page
    assert "enrol#" not in page


async def test_an_owner_adds_a_program_and_its_key_opens_the_api(owner: Visitor) -> None:
    response = await owner.post("/operators", {"kind": "key", "name": "crm", "role": "look"})
    assert response.status_code == 201
    key = next(word for word in text_of(response).split() if word.startswith("latch_"))
    assert (await owner.console.ask("GET", "/admin/v1/now", key)).status_code == 200
    assert "removed" in (await owner.done("/operators/key/crm/remove")).lower()
    assert (await owner.console.ask("GET", "/admin/v1/now", key)).status_code == 401


@pytest.mark.parametrize("name", ["Ada", "", "<script>alert(1)</script>", "owner"])
async def test_a_name_that_cannot_be_is_told_beside_what_was_typed(owner: Visitor, name: str) -> None:
    response = await owner.post("/operators", {"kind": "person", "name": name, "role": "act"})
    assert response.status_code == 400
    assert 'aria-invalid="true"' in response.text
    assert "<script>alert" not in response.text


async def test_a_new_link_is_made_for_a_lost_passkey_and_logs_out(owner: Visitor, log_in: LogIn) -> None:
    looker = await log_in(Role.LOOK)
    response = await owner.post("/operators/look/link")
    assert response.status_code == 201
    assert "enrol#look." in response.text
    assert (await looker.get("/")).status_code == 303
    assert (await owner.post("/operators/nobody/link")).status_code == 404


async def test_who_is_removed_is_logged_out_at_the_next_request(owner: Visitor, log_in: LogIn) -> None:
    looker = await log_in(Role.LOOK)
    await looker.shown("/")
    assert "logged out everywhere" in await owner.shown("/operators/person/look/remove")
    assert "Removed" in await owner.done("/operators/person/look/remove")
    assert (await looker.get("/")).headers["location"] == "/log-in?next=/"


async def test_one_browser_of_an_operator_is_logged_out(owner: Visitor, log_in: LogIn) -> None:
    here, there = await log_in(Role.ACT), await log_in(Role.ACT)
    sessions = owner.console.app.ctx.operator_sessions
    session = (await sessions.identify(there.cookie)).id
    assert "Firefox on Debian, 192.0.2.7" in await owner.shown("/operators")
    assert "Logged out there" in await owner.done(f"/operators/act/sessions/{session}/end")
    assert (await there.get("/")).status_code == 303
    assert "Whom are you looking for?" in await here.shown("/")


async def test_others_neither_see_the_screen_nor_post_to_it(actor: Visitor, looker: Visitor) -> None:
    for visitor in (actor, looker):
        assert "Operators and keys" not in await visitor.shown("/")
        for path in ("/operators", "/operators/person/owner/remove"):
            assert (await visitor.get(path)).status_code == 403
        for path in (
            "/operators",
            "/operators/owner/link",
            "/operators/person/owner/remove",
            "/operators/key/look/remove",
        ):
            assert (await visitor.post(path, {"name": "eve", "role": "owner"})).status_code == 403


async def test_a_person_of_the_provider_sees_the_pages_of_their_role(owner: Visitor) -> None:
    sessions = owner.console.app.ctx.operator_sessions
    cookie = await sessions.begin("ada@example.com", Role.LOOK, Device("Firefox", "192.0.2.8"))
    guest = Visitor(owner.console, cookie, (await sessions.identify(cookie)).csrf)
    assert "ada@example.com looks" in await guest.shown("/")
    assert (await guest.get("/operators")).status_code == 403
