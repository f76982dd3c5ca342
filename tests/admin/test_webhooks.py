"""Receivers of events and dead letters over the operators' API."""

from typing import Any

import pytest

from service.events import Event
from service.roles import Role
from service.stores.dead_letters import DeadLetterStore
from service.stores.deliveries import NEW, DeliveryStore
from service.stores.outbox import appending
from service.stores.redis.connection import Connection
from service.webhooks import ReceiverState, receivers_of
from tests.admin.conftest import Console, StartConsole
from tests.client import Api, error
from tests.dispatch.conftest import SECRET

URLS = ("https://crm.example.com/hook?token=hush", "https://billing.example.com/hook")
NOW = 1_767_225_600.0
CRM, BILLING = receivers_of(URLS)

pytestmark = pytest.mark.slow


async def given_up(connection: Connection, users: list[int]) -> list[str]:
    """A dead letter of the first receiver for each; their ids, the newest first."""
    deliveries, letters = DeliveryStore(connection), DeadLetterStore(connection)
    entries = [f'= login {user} {{"user_id":{user}}}' for user in users]
    await connection.run(*appending(100, NOW, entries, "1"))
    assert await deliveries.hold("token", 60)
    for event in (await deliveries.read("token", CRM.key, NEW, 100, 0)).events:
        await letters.bury("token", CRM.key, event, 3, "status 500")
    await deliveries.release("token")
    return [letter.letter_id for letter in await letters.newest("", 100)]


@pytest.fixture
async def console(api: Api, start_console: StartConsole) -> Console:
    assert api
    return await start_console(webhook_urls=URLS, webhook_secret=SECRET)


async def test_receivers_are_told_with_what_waits_and_no_address(console: Console, connection: Connection) -> None:
    await given_up(connection, [1])
    store = DeliveryStore(connection)
    await store.note({CRM.key: ReceiverState(NOW, NOW + 1, "status 500", NOW + 30), BILLING.key: ReceiverState(NOW)})
    await connection.run(*appending(100, NOW, ["= login 2 {}"], "1"))
    told = await console.act("GET", "/webhooks")
    crm, billing = told["receivers"]
    assert (crm["number"], crm["name"], crm["state"], crm["waiting"]) == (1, "1 crm.example.com", "paused", 1)
    assert (crm["last_failure"], crm["dead_letters"]) == ("status 500", 1)
    assert (billing["state"], billing["last_failure"], billing["dead_letters"]) == ("ok", None, 0)
    assert "hush" not in str(told)


async def test_a_letter_is_shown_sent_once_more_and_is_there_no_more(
    console: Console, connection: Connection, redis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    [letter_id] = await given_up(connection, [7])
    [listed] = (await console.act("GET", "/dead-letters"))["dead_letters"]
    shown = await console.act("GET", f"/dead-letters/{letter_id}")
    assert listed == shown
    assert (shown["receiver"], shown["type"], shown["user_id"]) == ("1 crm.example.com", "login", "7")
    assert (shown["data"], shown["tries"], shown["problem"]) == ({"user_id": 7}, 3, "status 500")
    assert await console.act("POST", f"/dead-letters/{letter_id}/resend", headers={"X-Reason": "back"}) == {"resent": 1}
    assert (await console.act("GET", "/dead-letters")) == {"dead_letters": [], "next": None}
    [_, (_, fields)] = await redis.xrange("{outbox}:events")
    assert (fields[b"id"].decode(), fields[b"to"].decode()) == (shown["webhook_id"], CRM.key)
    [told] = [vars(one) for one in caplog.records if one.getMessage() == Event.DEAD_LETTER_RESENT]
    assert (told["user_id"], told["operator"], told["remark"]) == (7, "act", "back")
    again = await console.as_role(Role.ACT, "POST", f"/dead-letters/{letter_id}/resend")
    assert error(again) == (404, "not_found")


async def test_all_letters_of_a_receiver_are_sent_once_more_the_oldest_first(
    console: Console, connection: Connection, redis: Any
) -> None:
    await given_up(connection, [1, 2, 3])
    assert await console.act("POST", "/dead-letters/resend", json={"receiver": 2}) == {"resent": 0}
    assert await console.act("POST", "/dead-letters/resend", json={"receiver": 1}) == {"resent": 3}
    entries = await redis.xrange("{outbox}:events")
    assert [fields[b"user"] for _, fields in entries] == [b"1", b"2", b"3"] * 2


@pytest.mark.parametrize("receiver", [3, 0, "1", True, None])
async def test_a_receiver_that_there_is_not_is_named(console: Console, receiver: object) -> None:
    response = await console.as_role(Role.ACT, "POST", "/dead-letters/resend", json={"receiver": receiver})
    assert error(response) == (400, "invalid_request")
    assert set(response.json()["fields"]) == {"receiver"}


async def test_a_letter_that_is_deleted_is_never_sent(console: Console, connection: Connection, redis: Any) -> None:
    newest, oldest = await given_up(connection, [1, 2])
    await console.act("DELETE", f"/dead-letters/{newest}")
    assert [one["id"] for one in (await console.act("GET", "/dead-letters"))["dead_letters"]] == [oldest]
    assert await redis.xlen("{outbox}:events") == 2
    assert (await console.as_role(Role.ACT, "DELETE", f"/dead-letters/{newest}")).status_code == 404


async def test_letters_come_in_pages(console: Console, connection: Connection) -> None:
    ids = await given_up(connection, list(range(1, 53)))
    first = await console.act("GET", "/dead-letters")
    rest = await console.act("GET", f"/dead-letters?cursor={first['next']}")
    assert [one["id"] for one in (*first["dead_letters"], *rest["dead_letters"])] == ids
    assert (len(rest["dead_letters"]), rest["next"]) == (2, None)
    assert error(await console.as_role(Role.LOOK, "GET", "/dead-letters?cursor=x")) == (400, "invalid_request")
