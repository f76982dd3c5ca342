"""Webhooks at the console: how receivers fare, and dead letters with what can be done to them."""

import pytest

from service.stores.dead_letters import DeadLetterStore
from service.stores.redis.connection import Connection
from tests.admin.conftest import StartConsole
from tests.admin.console.conftest import Visitor, text_of
from tests.admin.test_webhooks import URLS, given_up
from tests.client import Api
from tests.dispatch.conftest import SECRET

PART = {"HX-Request": "true"}

pytestmark = pytest.mark.slow


@pytest.fixture
async def console(api: Api, start_console: StartConsole) -> object:
    assert api
    return await start_console(webhook_urls=URLS, webhook_secret=SECRET)


async def test_receivers_and_letters_are_shown(looker: Visitor, connection: Connection) -> None:
    [letter_id] = await given_up(connection, [7])
    answer = await looker.get("/webhooks")
    shown = text_of(answer)
    assert "1 crm.example.com nothing sent yet 0" in shown
    assert "1 crm.example.com login 7 status 500" in shown
    assert "resend" not in answer.text
    letter = await looker.get(f"/webhooks/{letter_id}")
    assert "user_id" in letter.text
    assert "resend" not in letter.text


async def test_a_letter_is_sent_once_more_by_whoever_acts(actor: Visitor, connection: Connection) -> None:
    newest, oldest = await given_up(connection, [7, 8])
    answer = await actor.post(f"/webhooks/{oldest}/resend", {"reason": "back"})
    assert answer.headers["location"] == "/webhooks?done=letter_resent&n=1"
    assert "The event is sent once more." in await actor.shown(answer.headers["location"])
    answer = await actor.post(f"/webhooks/{newest}/delete")
    assert answer.headers["location"] == "/webhooks?done=letter_deleted"
    assert await DeadLetterStore(connection).count() == 0


async def test_all_letters_of_a_receiver_are_sent_once_more(actor: Visitor, connection: Connection) -> None:
    await given_up(connection, [7, 8])
    assert "/webhooks/receivers/1/resend" in (await actor.get("/webhooks")).text
    answer = await actor.post("/webhooks/receivers/1/resend")
    assert answer.headers["location"] == "/webhooks?done=letter_resent&n=2"
    assert (await actor.post("/webhooks/receivers/9/resend")).status_code == 404


async def test_what_is_shown_is_renewed_by_a_part_the_older_letters_too(
    looker: Visitor, connection: Connection
) -> None:
    newest, oldest = await given_up(connection, [7, 8])
    for path, shown, others in (("/webhooks", newest, "none"), (f"/webhooks?cursor={newest}", oldest, newest)):
        whole, part = await looker.get(path), await looker.get(path, **PART)
        assert f'hx-get="{path}" hx-trigger="every 5s"' in whole.text
        assert "<h1>" not in part.text
        for answer in (whole, part):
            assert f'id="l-{shown}"' in answer.text
            assert f'id="l-{others}"' not in answer.text
    assert (await looker.get('/webhooks?cursor="x', **PART)).status_code == 400


async def test_looking_sends_nothing(looker: Visitor, connection: Connection) -> None:
    [letter_id] = await given_up(connection, [7])
    assert (await looker.post(f"/webhooks/{letter_id}/resend")).status_code == 403
    assert await DeadLetterStore(connection).count() == 1
