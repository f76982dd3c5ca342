"""What the dispatcher reads and writes, on every kind of Redis, with the rights of deploy/redis/latch.acl."""

import pytest

from service.stores.dead_letters import DeadLetterStore
from service.stores.deliveries import NEW, DeliveryStore, NotHeldError
from service.stores.outbox import appending
from service.stores.redis.connection import Connection
from service.webhooks import Backlog, ReceiverState


@pytest.fixture
def connection(connection_of_latch: Connection) -> Connection:
    return connection_of_latch


async def test_an_event_is_read_given_up_and_sent_once_more(connection: Connection) -> None:
    deliveries, letters = DeliveryStore(connection), DeadLetterStore(connection)
    assert await deliveries.backlogs(["one"]) == [Backlog(0, None)]
    await connection.run(*appending(10, 1.5, [f"= login {user} {{}}" for user in (1, 2)], "1"))
    assert await deliveries.hold("token", 10)
    assert not await deliveries.hold("other", 10)
    first, second = (await deliveries.read("token", "one", NEW, 10, 0)).events
    assert [one.waiting for one in await deliveries.backlogs(["one"])] == [2]
    assert [one.place for one in (await deliveries.read("token", "one", "0", 10, 0)).events] == [
        first.place,
        second.place,
    ]
    await deliveries.done("one", [first.place])
    assert await letters.bury("token", "one", second, 3, "status 500") == 0
    assert await letters.bury("token", "one", second, 3, "status 500") == 0  # once alone
    [letter] = await letters.newest("", 10)
    assert (letter.event.id, letter.event.user, letter.tries) == (second.id, "2", 3)
    assert await letters.find(letter.letter_id) == letter
    assert await letters.resend(letter.letter_id)
    [again] = (await deliveries.read("token", "one", NEW, 10, 0)).events
    assert again.id == second.id
    await deliveries.note({"one": ReceiverState(1.5)})
    assert await deliveries.states() == {"one": ReceiverState(1.5)}


async def test_whoever_does_not_hold_the_lease_reads_nothing(connection: Connection) -> None:
    deliveries = DeliveryStore(connection)
    with pytest.raises(NotHeldError):
        await deliveries.read("token", "one", NEW, 10, 0)
    assert await deliveries.hold("token", 10)
    await deliveries.release("other")
    await deliveries.read("token", "one", NEW, 10, 0)
    await deliveries.release("token")
    assert await deliveries.hold("other", 10)


async def test_all_letters_are_counted_though_few_are_read_at_a_time(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.stores.dead_letters.COUNTED", 2)
    deliveries, letters = DeliveryStore(connection), DeadLetterStore(connection)
    assert not await letters.counts()
    await connection.run(*appending(10, 1.5, [f"= login {user} {{}}" for user in range(1, 6)], "1"))
    assert await deliveries.hold("token", 10)
    events = {receiver: (await deliveries.read("token", receiver, NEW, 10, 0)).events for receiver in ("one", "two")}
    for event in events["one"]:
        await letters.bury("token", "one", event, 3, "status 500")
    await letters.bury("token", "two", events["two"][0], 3, "status 500")
    assert await letters.counts() == {"one": 5, "two": 1}
