"""What is recorded reaches every follower of this app, and what becomes of an attempt is one of its outcomes."""

import asyncio
import logging

import pytest

from service.errors import (
    InvalidCode,
    InvalidRefreshToken,
    NotFound,
    ServiceUnavailable,
    SessionEnded,
    TooManyRequests,
    UserDisabled,
)
from service.events import OUTCOMES, Attempt, Details, Event, Events
from service.observability import audit

Heard = list[tuple[Event | Attempt, Details]]


def followed() -> tuple[Events, Heard]:
    heard: Heard = []
    return Events(lambda event, details: heard.append((event, details))), heard


def test_every_follower_is_told_in_the_order_in_which_they_came() -> None:
    told: list[str] = []
    events = Events(lambda *_: told.append("first"))
    events.follow(lambda *_: told.append("second"))
    events.record(Event.LOGIN)
    assert told == ["first", "second"]


def test_who_unfollows_is_told_no_more_and_the_others_are() -> None:
    events, heard = followed()
    other: Heard = []

    def follower(event: Event | Attempt, details: Details) -> None:
        other.append((event, details))

    events.follow(follower)
    events.record(Event.LOGIN)
    events.unfollow(follower)
    events.record(Event.LOGOUT)
    assert [event for event, _ in heard] == [Event.LOGIN, Event.LOGOUT]
    assert [event for event, _ in other] == [Event.LOGIN]


def test_what_one_app_records_another_does_not_hear() -> None:
    (first, its), (_, other) = followed(), followed()
    first.record(Event.LOGIN, user_id=7, session_id="s", mobile="13800138000", reason="test_code")
    assert its == [(Event.LOGIN, Details(7, "s", "13800138000", "test_code"))]
    assert other == []


@pytest.mark.parametrize(
    ("attempt", "error", "outcome"),
    [
        (Attempt.LOGIN, InvalidCode(), "invalid_code"),
        (Attempt.LOGIN, UserDisabled(), "user_disabled"),
        (Attempt.LOGIN, TooManyRequests(3), "too_many_requests"),
        (Attempt.LOGIN, ServiceUnavailable(), "unavailable"),
        (Attempt.LOGIN, KeyError("a bug"), "error"),
        (Attempt.LOGIN, NotFound(), "error"),
        (Attempt.REFRESH, InvalidRefreshToken(), "invalid"),
        (Attempt.REFRESH, SessionEnded("reused"), "ended"),
        (Attempt.REFRESH, SessionEnded("reused", just_now=True), "reused"),
    ],
    ids=lambda value: str(getattr(value, "code", value)),
)
def test_why_an_attempt_failed_is_its_outcome_and_the_error_goes_on(
    attempt: Attempt, error: Exception, outcome: str
) -> None:
    events, heard = followed()
    with pytest.raises(type(error)), events.attempt(attempt):
        raise error
    assert heard == [(attempt, Details(reason=outcome))]
    assert outcome in OUTCOMES[attempt]


def test_an_attempt_that_succeeds_is_ok() -> None:
    events, heard = followed()
    with events.attempt(Attempt.LOGIN):
        assert heard == []
    assert heard == [(Attempt.LOGIN, Details(reason="ok"))]


def test_an_attempt_that_is_cancelled_has_no_outcome() -> None:
    events, heard = followed()
    with pytest.raises(asyncio.CancelledError), events.attempt(Attempt.LOGIN):
        raise asyncio.CancelledError
    assert heard == []


def test_an_attempt_has_no_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "latch.audit")
    events = Events(audit.write_line)
    with events.attempt(Attempt.LOGIN):
        events.record(Event.LOGIN, user_id=7, mobile="13800138000")
    [line] = [record for record in caplog.records if record.name == "latch.audit"]
    assert (line.message, vars(line)["user_id"], vars(line)["mobile"]) == ("login", 7, "138****8000")
