"""What happens and is worth telling: security events, and what became of each login and each refresh.

Use cases record it once, in one place. What is done with it is for the followers: the audit line, the
audit trail, the metrics. The names do not change (docs/events.md).
"""

from collections.abc import Callable
from contextvars import ContextVar
from enum import StrEnum
from typing import NamedTuple

from service import errors
from service.roles import Actor

TEST_CODE = "test_code"  # the reason of events of the numbers in TEST_CODES, which get no messages
ACTOR: ContextVar[Actor | None] = ContextVar("actor", default=None)  # the operator or key behind this request, if any


class Event(StrEnum):
    """A security event. The value is its name in the log."""

    __hash__ = str.__hash__  # Enum's own is Python, and each follower looks an event up

    CODE_SENT = "code_sent"
    CODE_REFUSED = "code_refused"
    LIMIT_HIT = "limit_hit"
    LOGIN = "login"
    LOGIN_NEW_DEVICE = "login_new_device"
    LOGIN_REFUSED = "login_refused"
    REFRESH = "refresh"
    LOGOUT = "logout"
    SESSION_REVOKED = "session_revoked"
    SESSION_REPLACED = "session_replaced"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105 - the name of an event
    USER_DISABLED = "user_disabled"
    USER_ENABLED = "user_enabled"
    USER_ERASED = "user_erased"
    USER_EXPORTED = "user_exported"
    NAME_CHANGED = "name_changed"
    MOBILE_CHANGED = "mobile_changed"
    NUMBER_LOCKED = "number_locked"
    NUMBER_UNLOCKED = "number_unlocked"
    NUMBER_REVEALED = "number_revealed"
    NUMBER_TAKEN = "number_taken"
    REVOCATION_STARTED = "revocation_started"
    REVOCATION_ENDED = "revocation_ended"
    OPERATOR_ADDED = "operator_added"
    OPERATOR_REMOVED = "operator_removed"
    OPERATOR_LINKED = "operator_linked"
    OPERATOR_REFUSED = "operator_refused"
    OPERATOR_ENROLLED = "operator_enrolled"
    OPERATOR_LOGIN = "operator_login"
    OPERATOR_LOGOUT = "operator_logout"
    OPERATOR_SESSION_ENDED = "operator_session_ended"
    KEY_ADDED = "key_added"
    KEY_REMOVED = "key_removed"
    DEAD_LETTER_RESENT = "dead_letter_resent"
    DEAD_LETTER_DELETED = "dead_letter_deleted"
    INTROSPECTION_REFUSED = "introspection_refused"


class Attempt(StrEnum):
    """What is tried. Its reason is its outcome, one of OUTCOMES."""

    __hash__ = str.__hash__

    LOGIN = "login_attempt"
    REFRESH = "refresh_attempt"


OK, REUSED, ERROR = "ok", "reused", "error"  # the last one is a bug of ours
FAILURES = {
    errors.InvalidCode.code: "invalid_code",
    errors.UserDisabled.code: "user_disabled",
    errors.TooManyRequests.code: "too_many_requests",
    errors.ServiceUnavailable.code: "unavailable",
    errors.InvalidRefreshToken.code: "invalid",
    errors.SessionEnded.code: "ended",
}
OUTCOMES = {
    Attempt.LOGIN: (OK, "invalid_code", "user_disabled", "too_many_requests", "unavailable", ERROR),
    Attempt.REFRESH: (OK, REUSED, "ended", "invalid", "unavailable", ERROR),
}


class Details(NamedTuple):
    """Whom an event is about, and why it happened. `mobile` is the whole number: a follower masks what it writes.

    `operator` is who did it, where it was an operator or a key, and `remark` the reason that was given.
    """

    user_id: int | None = None
    session_id: str | None = None
    mobile: str | None = None
    reason: str | None = None
    device: str | None = None
    operator: str | None = None
    remark: str | None = None


Follower = Callable[[Event | Attempt, Details], None]  # called on the path of a request: quick, and raises nothing


class Events:
    """One per app, and one per command of the operator."""

    def __init__(self, *followers: Follower) -> None:
        self._followers = followers

    def follow(self, follower: Follower) -> None:
        """Call this with every event and every attempt from now on."""
        self._followers = (*self._followers, follower)

    def unfollow(self, follower: Follower) -> None:
        """Call it no more."""
        self._followers = tuple(other for other in self._followers if other != follower)

    def record(
        self,
        event: Event | Attempt,
        *,
        user_id: int | None = None,
        session_id: str | None = None,
        mobile: str | None = None,
        reason: str | None = None,
        device: str | None = None,
    ) -> None:
        """Tell all followers, in the order in which they came."""
        actor = ACTOR.get()
        operator, remark = (actor.name, actor.remark or None) if actor else (None, None)
        details = Details(user_id, session_id, mobile, reason, device, operator, remark)
        for follower in self._followers:
            follower(event, details)

    def attempt(self, attempt: Attempt) -> "Trial":
        """Record what becomes of the block: OK, or why it failed. Nothing where it is cancelled."""
        return Trial(self, attempt)


class Trial:
    """A context manager; one made by `contextlib` would take three times as long."""

    __slots__ = ("_attempt", "_events")

    def __init__(self, events: Events, attempt: Attempt) -> None:
        self._events = events
        self._attempt = attempt

    def __enter__(self) -> None:
        """Nothing is to be recorded yet."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None:
            self._events.record(self._attempt, reason=OK)
        elif isinstance(error, Exception):
            self._events.record(self._attempt, reason=_outcome(error))


def _outcome(error: Exception) -> str:
    if isinstance(error, errors.SessionEnded) and error.just_now:
        return REUSED
    return FAILURES.get(error.code, ERROR) if isinstance(error, errors.ServiceError) else ERROR
