"""Events reach other systems: each at least once, in order for each user, whatever the receivers do."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from config import Settings
from service.dispatch.dispatcher import Dispatcher
from service.dispatch.receiver import Stores
from service.stores.dead_letters import DeadLetterStore
from service.stores.deliveries import DeliveryStore
from service.stores.outbox import STREAM
from service.stores.redis.connection import Connection
from service.webhooks import ReceiverState, receivers_of
from tests.dispatch.conftest import SECRET, Counts, Dispatch, Open, Receiver, append, until

pytestmark = pytest.mark.slow

AT_ONCE = -1.0  # every event is old enough to be given up
GIVE_UP_AFTER = "service.dispatch.receiver.GIVE_UP_AFTER"


def failing(times: int, status: int = 500) -> Any:
    """So many answers of this status, and then good ones."""
    left = [times]

    def answer(_: dict[str, Any]) -> int:
        left[0] -= 1
        return status if left[0] >= 0 else 204

    return answer


async def test_events_are_posted_signed_with_type_moment_and_data(
    connection: Connection, receiver: Receiver, dispatch: Dispatch, redis: Any
) -> None:
    await append(connection, [7], [1])
    dispatch(receiver.url)
    await until(lambda: bool(receiver.taken))
    [(place, _)] = await redis.xrange(STREAM)
    assert receiver.taken == [
        {
            "type": "login",
            "timestamp": "2023-11-14T22:13:20.500000Z",
            "data": {"user_id": "7", "number": 1},
            "id": f"evt_{place.decode()}",
        }
    ]
    [asked] = receiver.asked
    assert asked["first"] == "POST /hook?token=hush HTTP/1.1"
    assert asked["host"] == f"localhost:{receiver.port}"
    assert asked["user-agent"].startswith("Latch/")


async def test_all_are_sent_in_order_for_each_user_and_none_twice(
    connection: Connection, receiver: Receiver, dispatch: Dispatch, redis: Any
) -> None:
    users = range(1, 101)
    dispatch(receiver.url)
    await append(connection, users, range(5))
    await until(lambda: len(receiver.taken) >= 500)
    assert receiver.numbers() == {str(user): [0, 1, 2, 3, 4] for user in users}
    assert len(receiver.taken) == 500
    assert receiver.most_under_way > 1


async def test_what_was_taken_is_pending_no_more(
    connection: Connection, receiver: Receiver, dispatch: Dispatch, counts: Counts
) -> None:
    dispatcher = dispatch(receiver.url)
    await append(connection, [1, 2], [1])
    await until(lambda: len(receiver.taken) == 2)
    await dispatcher.stop()
    [key] = [one.key for one in receivers_of([receiver.url])]
    assert [one.waiting for one in await DeliveryStore(connection).backlogs([key])] == [0]
    assert not counts.missed.total()


async def test_a_dispatcher_that_has_sent_nothing_yet_forgets_nothing_but_the_pause(
    connection: Connection, receiver: Receiver, dispatch: Dispatch, counts: Counts
) -> None:
    store = DeliveryStore(connection)
    [key] = [one.key for one in receivers_of([receiver.url])]
    noted = ReceiverState(5.0, 4.0, "status 500", 9.0)
    await store.note({key: noted})
    dispatcher = dispatch(receiver.url)
    await until(lambda: bool(counts.backlog))
    await dispatcher.stop()
    assert await store.states() == {key: noted._replace(paused_until=None)}


async def test_an_event_that_failed_is_sent_again_with_its_id_and_before_the_next_of_its_user(
    connection: Connection, receiver: Receiver, dispatch: Dispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.webhook_rules.FIRST_WAIT", 0.02)
    receiver.statuses = failing(3)
    await append(connection, [1], [1, 2, 3])
    dispatch(receiver.url)
    await until(lambda: len(receiver.taken) == 3)
    assert receiver.numbers() == {"1": [1, 2, 3]}
    ids = [asked["webhook-id"] for asked in receiver.asked]
    assert ids[:4] == ids[:1] * 4
    assert len(set(ids)) == 3


async def test_one_user_whose_event_always_fails_holds_up_nobody_else(
    connection: Connection, receiver: Receiver, dispatch: Dispatch
) -> None:
    receiver.statuses = lambda event: 500 if event["data"]["user_id"] == "1" else 204
    await append(connection, range(1, 41), range(3))
    dispatch(receiver.url)
    await until(lambda: len(receiver.taken) == 39 * 3)
    assert "1" not in receiver.numbers()


async def test_a_receiver_that_hangs_delays_no_other(
    connection: Connection, open_receiver: Open, dispatch: Dispatch
) -> None:
    hangs, works = await open_receiver(), await open_receiver()
    hangs.seconds = 60
    await append(connection, range(100), [1])
    begun = time.monotonic()
    dispatch(hangs.url, works.url)
    await until(lambda: len(works.taken) == 100)
    assert time.monotonic() - begun < 5
    assert not hangs.taken
    assert hangs.most_under_way <= 50


@pytest.mark.slow
async def test_a_receiver_that_takes_a_tenth_of_a_second_takes_200_a_second(
    connection: Connection, receiver: Receiver, dispatch: Dispatch
) -> None:
    receiver.seconds = 0.1
    await append(connection, range(600), [1])
    dispatch(receiver.url)
    await until(lambda: bool(receiver.taken))
    begun = time.monotonic()
    await until(lambda: len(receiver.taken) == 600)
    assert time.monotonic() - begun < 3


async def test_a_receiver_that_is_down_is_left_alone_and_gets_all_in_order_once_it_is_back(
    connection: Connection, receiver: Receiver, dispatch: Dispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.webhook_rules.FIRST_PAUSE", 0.1)
    monkeypatch.setattr("service.webhook_rules.LONGEST_PAUSE", 0.2)
    receiver.statuses = failing(10_000)
    await append(connection, range(300), range(2))
    dispatch(receiver.url)
    await until(lambda: len(receiver.asked) >= 50)
    asked = len(receiver.asked)
    begun = time.monotonic()
    await until(lambda: time.monotonic() - begun > 0.5)
    assert len(receiver.asked) - asked <= 8
    receiver.statuses = failing(0)
    await until(lambda: len(receiver.taken) == 600)
    assert receiver.numbers() == {str(user): [0, 1] for user in range(300)}


async def test_a_redirect_is_a_failure_and_is_not_followed(
    connection: Connection, open_receiver: Open, dispatch: Dispatch, counts: Counts
) -> None:
    first, other = await open_receiver(), await open_receiver()
    first.statuses = failing(10, 307)
    first.head = f"Location: {other.url}\r\n"
    await append(connection, [1], [1])
    dispatch(first.url)
    await until(lambda: bool(counts.attempts))
    assert counts.attempts == {f"1 localhost:{first.port} status 307": 1}
    assert not other.asked


async def test_a_look_that_redis_refuses_counts_for_none(
    connection: Connection, receiver: Receiver, dispatch: Dispatch, counts: Counts, redis: Any
) -> None:
    await redis.set(STREAM, "no stream")
    dispatch(receiver.url)
    name = f"1 localhost:{receiver.port}"
    begun = time.monotonic()
    await until(lambda: time.monotonic() - begun > 0.5)
    assert counts.looks == {name: 0}
    await redis.delete(STREAM)
    await append(connection, [1], [1])
    await until(lambda: counts.looks[name] > 0 and bool(receiver.taken))


async def test_what_was_trimmed_before_it_was_sent_is_counted(
    connection: Connection, receiver: Receiver, dispatch: Dispatch, counts: Counts, redis: Any
) -> None:
    dispatcher = dispatch(receiver.url)
    await append(connection, [1], [1])
    await until(lambda: len(receiver.taken) == 1)
    await dispatcher.stop()
    await append(connection, [1], range(2, 12))
    await redis.xtrim(STREAM, maxlen=4, approximate=False)
    dispatch(receiver.url)
    await until(lambda: len(receiver.taken) == 5)
    assert receiver.numbers() == {"1": [1, 8, 9, 10, 11]}
    assert counts.missed == {f"1 localhost:{receiver.port}": 6}


async def test_what_was_trimmed_while_it_was_pending_is_counted(
    connection: Connection, receiver: Receiver, dispatch: Dispatch, counts: Counts, redis: Any
) -> None:
    receiver.statuses = failing(10_000)
    await append(connection, [1], range(10))
    first = dispatch(receiver.url)
    await until(lambda: bool(receiver.asked))
    await first.stop()
    await redis.xtrim(STREAM, maxlen=4, approximate=False)
    receiver.statuses = failing(0)
    dispatch(receiver.url)
    await until(lambda: len(receiver.taken) == 4)
    assert receiver.numbers() == {"1": [6, 7, 8, 9]}
    assert counts.missed == {f"1 localhost:{receiver.port}": 6}


async def test_after_a_day_an_event_is_a_dead_letter_and_the_next_of_its_user_is_sent(
    connection: Connection, receiver: Receiver, dispatch: Dispatch, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GIVE_UP_AFTER, AT_ONCE)
    receiver.statuses = lambda event: 500 if event["data"]["number"] == 1 else 204
    await append(connection, [1], [1, 2])
    dispatch(receiver.url)
    await until(lambda: counts.dead.total() == 1)
    await until(lambda: bool(receiver.taken))
    assert receiver.numbers() == {"1": [2]}
    letters = DeadLetterStore(connection)
    [letter] = await letters.newest("", 10)
    assert (letter.problem, letter.tries, letter.event.data) == ("status 500", 1, '{"user_id": "1", "number": 1}')
    assert letter.event.id == receiver.asked[0]["webhook-id"]


async def test_a_letter_that_is_sent_once_more_keeps_its_id_and_goes_to_its_receiver_alone(
    connection: Connection, open_receiver: Open, dispatch: Dispatch, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GIVE_UP_AFTER, AT_ONCE)
    fails, other = await open_receiver(), await open_receiver()
    fails.statuses = failing(1)
    await append(connection, [1], [1])
    dispatch(fails.url, other.url)
    await until(lambda: counts.dead.total() == 1)
    letters = DeadLetterStore(connection)
    [letter] = await letters.newest("", 10)
    assert await letters.resend(letter.letter_id)
    assert not await letters.resend(letter.letter_id)
    assert await letters.count() == 0
    await until(lambda: bool(fails.taken))
    await append(connection, [1], [2])
    await until(lambda: len(other.taken) == 2)
    assert fails.taken[0]["id"] == letter.event.id == other.taken[0]["id"]
    assert other.numbers() == {"1": [1, 2]}


async def test_one_of_two_dispatchers_sends_and_the_other_goes_on_when_it_stops(
    connection: Connection, receiver: Receiver, dispatch: Dispatch
) -> None:
    one, _ = dispatch(receiver.url), dispatch(receiver.url)
    await append(connection, range(50), [1])
    await until(lambda: len(receiver.taken) == 50)
    await one.stop()
    await append(connection, range(50), [2])
    await until(lambda: len({event["id"] for event in receiver.taken}) == 100)
    assert receiver.numbers() == {str(user): [1, 2] for user in range(50)}
    assert len(receiver.asked) == 100


async def test_what_is_under_way_at_a_stop_is_done_and_not_sent_again(
    connection: Connection, receiver: Receiver, dispatch: Dispatch
) -> None:
    receiver.seconds = 0.5
    one = dispatch(receiver.url)
    await append(connection, range(20), [1])
    await until(lambda: receiver.under_way == 20)
    await one.stop()
    dispatch(receiver.url)
    await append(connection, range(20), [2])
    await until(lambda: len({event["id"] for event in receiver.taken}) == 40)
    assert len(receiver.asked) == 40


async def test_what_takes_longer_than_a_stop_gives_it_is_sent_again_by_the_next_one(
    connection: Connection, receiver: Receiver, dispatch: Dispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.dispatch.dispatcher.GRACE", 0.1)
    receiver.seconds = 5
    one = dispatch(receiver.url)
    await append(connection, [1], [1])
    await until(lambda: receiver.under_way == 1)
    await one.stop()
    receiver.seconds = 0
    dispatch(receiver.url)
    await until(lambda: receiver.numbers() == {"1": [1]})
    first, second = receiver.asked
    assert first["webhook-id"] == second["webhook-id"]


async def test_that_redis_is_away_is_said_once(
    make_settings: Callable[..., Settings],
    counts: Counts,
    unused_port: int,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.dispatch.dispatcher.PAUSE", 0.02)
    connection = Connection(f"redis://127.0.0.1:{unused_port}", timeout=1)
    stores = Stores(DeliveryStore(connection), DeadLetterStore(connection))
    settings = make_settings(webhook_urls=("http://localhost:1",), webhook_secret=SECRET)
    dispatcher = Dispatcher(settings, stores, counts, time.time)
    dispatcher.start()

    await until(lambda: sum(one.startswith("redis cannot be reached") for one in caplog.messages) > 5)
    await dispatcher.stop()
    await connection.close()
    assert caplog.messages.count("redis is away: webhooks wait") == 1
