"""The audit trail: one structured log line per security event, under names that do not change (docs/audit.md).

The request's id and the client's address are added by `logs.py`; mobile numbers are masked here.
Whoever counts can follow the trail: the use cases tell of an event once, in one place.
"""

import logging
from collections.abc import Callable
from enum import StrEnum

from service import mobiles
from service.observability import logs


class Event(StrEnum):
    """What is worth a line. The value is the line's `event`."""

    CODE_SENT = "code_sent"
    LIMIT_HIT = "limit_hit"
    LOGIN = "login"
    LOGIN_REFUSED = "login_refused"
    REFRESH = "refresh"
    LOGOUT = "logout"
    SESSION_REVOKED = "session_revoked"
    SESSION_REPLACED = "session_replaced"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105 - the name of an event
    USER_DISABLED = "user_disabled"
    USER_ENABLED = "user_enabled"
    NUMBER_LOCKED = "number_locked"
    NUMBER_UNLOCKED = "number_unlocked"
    INTROSPECTION_REFUSED = "introspection_refused"


WARNINGS = {Event.REFRESH_TOKEN_REUSED, Event.NUMBER_LOCKED, Event.INTROSPECTION_REFUSED}

TEST_CODE = "test_code"  # the reason of events of the numbers in TEST_CODES, which get no messages

Follower = Callable[[StrEnum, str | None], None]  # is told an event and its reason, on the path of a request

log = logging.getLogger("latch.audit")
_followers: list[Follower] = []


def follow(follower: Follower) -> None:
    """Tell this follower of every event from now on."""
    _followers.append(follower)


def unfollow(follower: Follower) -> None:
    """Tell it no more. Who does not follow may be named, too."""
    if follower in _followers:
        _followers.remove(follower)


def tell(event: StrEnum, reason: str | None) -> None:
    """Tell the followers alone."""
    for follower in _followers:
        follower(event, reason)


def record(
    event: Event,
    *,
    user_id: int | None = None,
    session_id: str | None = None,
    mobile: str | None = None,
    reason: str | None = None,
) -> None:
    """Write one line. What is None is left out."""
    fields: dict[str, object] = {}
    if user_id is not None:
        fields["user_id"] = user_id
    if session_id is not None:
        fields["session_id"] = session_id
    if mobile:
        fields["mobile"] = mobiles.mask(mobile)
    if reason is not None:
        fields["reason"] = reason
    logs.event(log, logging.WARNING if event in WARNINGS else logging.INFO, event, fields)
    tell(event, reason)
