"""Several senders, tried in turn; and each real one behind it, with a provider that misbehaves."""

import asyncio
import logging
import re
import time
from dataclasses import dataclass, field, replace

import pytest

from service.entities import Purpose
from service.errors import SmsUnavailable, TooManyRequests
from service.messages import Message
from service.senders import close
from service.senders.failover import Failover, Sender
from tests.senders.conftest import HTML, MESSAGE, MOBILE, NAMES, NOTED, Make, Provider

GOOD = {
    "webhook": ({}, 200),
    "aliyun": ({"Code": "OK"}, 200),
    "tencent": ({"Response": {"SendStatusSet": [{"Code": "Ok"}], "RequestId": "1"}}, 200),
    "twilio": ({"sid": "SM1", "error_code": None}, 201),
}


@dataclass
class Scripted:
    """A sender that raises what it is given, or hangs, or takes the message."""

    failure: BaseException | None = None
    hangs: bool = False
    taken: list[Message] = field(default_factory=list)
    closed: bool = False

    async def send(self, message: Message) -> None:
        if self.hangs:
            await asyncio.sleep(30)
        if self.failure:
            raise self.failure
        self.taken.append(message)

    async def close(self) -> None:
        self.closed = True
        if self.failure:
            raise self.failure


Counts = list[tuple[str, str]]


@pytest.fixture
def counts() -> Counts:
    return []


def failover(counts: Counts, timeout: float = 0.2, **senders: Sender) -> Failover:
    return Failover(list(senders.items()), timeout, lambda name, outcome, *_: counts.append((name, outcome)))


async def test_the_first_that_takes_the_message_is_the_last_that_is_asked(
    counts: Counts, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = Scripted(), Scripted()
    await failover(counts, a=first, b=second).send(MESSAGE)
    assert (first.taken, second.taken) == ([MESSAGE], [])
    assert counts == [("a", "sent")]
    assert ("service.senders.failover", logging.INFO, "a took a message") in caplog.record_tuples


@pytest.mark.parametrize(
    ("bad", "level", "reason"),
    [
        (Scripted(SmsUnavailable("isv.AMOUNT_NOT_ENOUGH")), "WARNING", "isv.AMOUNT_NOT_ENOUGH"),
        (Scripted(SmsUnavailable()), "WARNING", "SmsUnavailable"),
        (Scripted(hangs=True), "WARNING", "no answer within 0.2 s"),
        (Scripted(KeyError(MOBILE)), "ERROR", r"KeyError at failover\.py:\d+ > test_failover\.py:\d+"),
        (Scripted(ConnectionResetError(f"about {MOBILE}")), "ERROR", r"ConnectionResetError at .*"),
    ],
)
async def test_a_sender_that_fails_hands_on_to_the_next_and_the_log_says_why(
    counts: Counts, caplog: pytest.LogCaptureFixture, bad: Scripted, level: str, reason: str
) -> None:
    good = Scripted()
    await failover(counts, a=bad, b=good).send(MESSAGE)
    assert good.taken == [MESSAGE]
    assert counts == [("a", "failed"), ("b", "sent")]
    [told] = [record for record in caplog.records if "did not take" in record.message]
    assert told.levelname == level
    assert re.fullmatch(f"a did not take a message: {reason}", told.message)
    assert MOBILE not in told.message


async def test_a_sender_without_a_template_for_the_purpose_is_passed_over(counts: Counts) -> None:
    first, second = Scripted(), Scripted()
    erasing = replace(MESSAGE, purpose=Purpose.ERASE)
    takes = lambda name, purpose: name == "b" or purpose is Purpose.LOGIN  # noqa: E731
    senders = Failover(
        [("a", first), ("b", second)], 0.2, lambda name, outcome, *_: counts.append((name, outcome)), takes
    )
    await senders.send(erasing)
    await senders.send(MESSAGE)
    assert (first.taken, second.taken) == ([MESSAGE], [erasing])
    assert counts == [("b", "sent"), ("a", "sent")]


async def test_a_notice_that_no_sender_has_a_template_for_is_sent_by_none(counts: Counts) -> None:
    first, second = Scripted(), Scripted()
    takes = lambda name, kind: name == "b" and kind == "notice"  # noqa: E731
    one, both = [("a", first)], [("a", first), ("b", second)]
    note = lambda name, outcome, _, _why: counts.append((name, outcome))  # noqa: E731
    with pytest.raises(SmsUnavailable) as caught:
        await Failover(one, 0.2, note, takes).send(NOTED)
    assert caught.value.reason == "no sender has a template for it"
    await Failover(both, 0.2, note, takes).send(NOTED)
    assert (first.taken, second.taken) == ([], [NOTED])


async def test_each_sender_has_the_whole_time_limit(counts: Counts) -> None:
    start = time.monotonic()
    with pytest.raises(SmsUnavailable):
        await failover(counts, 0.1, a=Scripted(hangs=True), b=Scripted(hangs=True)).send(MESSAGE)
    assert 0.2 <= time.monotonic() - start < 10


async def test_when_all_fail_it_is_unavailable_because_of_the_last(counts: Counts) -> None:
    last = ValueError("the last")
    with pytest.raises(SmsUnavailable) as caught:
        await failover(counts, a=Scripted(SmsUnavailable()), b=Scripted(last)).send(MESSAGE)
    assert caught.value.__cause__ is last
    assert counts == [("a", "failed"), ("b", "failed")]


async def test_a_number_that_gets_too_many_is_not_handed_on(counts: Counts) -> None:
    second = Scripted()
    with pytest.raises(TooManyRequests) as caught:
        await failover(counts, a=Scripted(TooManyRequests(30)), b=second).send(MESSAGE)
    assert caught.value.retry_after == 30
    assert counts == [("a", "refused")]
    assert not second.taken


async def test_a_cancelled_call_is_not_handed_on(counts: Counts) -> None:
    second = Scripted()
    task = asyncio.create_task(failover(counts, 5, a=Scripted(hangs=True), b=second).send(MESSAGE))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (counts, second.taken) == ([], [])


async def test_every_sender_is_closed_whatever_becomes_of_the_others(counts: Counts) -> None:
    first, second = Scripted(OSError("broken")), Scripted()
    await close(failover(counts, a=first, b=second))
    assert (first.closed, second.closed) == (True, True)


@pytest.mark.parametrize("name", NAMES)
async def test_a_real_sender_takes_a_message(make: Make, provider: Provider, counts: Counts, name: str) -> None:
    body, status = GOOD[name]
    provider.answers(body, status)
    await failover(counts, 20, real=make(name)).send(MESSAGE)
    assert counts == [("real", "sent")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("behaviour", ["hang", "hang up"])
async def test_a_provider_that_hangs_or_hangs_up_is_given_up_in_time(
    make: Make, provider: Provider, counts: Counts, name: str, behaviour: str
) -> None:
    provider.behaviour = behaviour
    start = time.monotonic()
    with pytest.raises(SmsUnavailable) as caught:
        await failover(counts, real=make(name, sms_timeout=0.2)).send(MESSAGE)
    assert time.monotonic() - start < 10  # it would hang for 30 s
    assert caught.value.__cause__ is not None
    assert counts == [("real", "failed")]


@pytest.mark.parametrize("name", NAMES)
async def test_a_real_sender_keeps_its_time_limit_without_failover(make: Make, provider: Provider, name: str) -> None:
    provider.behaviour = "hang"
    sender = make(name, sms_timeout=0.2)
    start = time.monotonic()
    with pytest.raises((SmsUnavailable, TimeoutError)):
        await sender.send(MESSAGE)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("body", "status"), [(HTML, 500), (HTML, 404), ("", 503)])
async def test_a_provider_that_answers_in_html_or_nothing_is_a_failure(
    make: Make, provider: Provider, counts: Counts, name: str, body: str, status: int
) -> None:
    provider.answers(body, status)
    with pytest.raises(SmsUnavailable):
        await failover(counts, 20, real=make(name)).send(MESSAGE)
    assert counts == [("real", "failed")]
    assert len(provider.received) == 1


@pytest.mark.parametrize("name", [name for name in NAMES if name != "webhook"])
@pytest.mark.parametrize("body", [HTML, "", "[]", "null", '"Ok"', "{}", '{"Response": {}}', '{"Code": null}'])
async def test_a_200_that_does_not_say_ok_is_a_failure(
    make: Make, provider: Provider, counts: Counts, name: str, body: str
) -> None:
    provider.answers(body)
    with pytest.raises(SmsUnavailable):
        await failover(counts, 20, real=make(name)).send(MESSAGE)
    assert counts == [("real", "failed")]


@pytest.mark.parametrize("name", NAMES)
async def test_a_port_where_nobody_listens_is_a_failure(make: Make, provider: Provider, name: str) -> None:
    provider.port = 1
    with pytest.raises(SmsUnavailable):
        await failover([], 2, real=make(name)).send(MESSAGE)
