"""What became of each login and each refresh: `ok`, or why not. The followers of the audit trail are told."""

from collections.abc import Awaitable, Callable, Coroutine
from enum import StrEnum
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from service.errors import (
    InvalidCode,
    InvalidRefreshToken,
    ServiceError,
    ServiceUnavailable,
    SessionEnded,
    TooManyRequests,
    UserDisabled,
)
from service.observability import audit

OK, REUSED, ERROR = "ok", "reused", "error"  # the last one is a bug of ours
FAILURES = {
    InvalidCode.code: "invalid_code",
    UserDisabled.code: "user_disabled",
    TooManyRequests.code: "too_many_requests",
    ServiceUnavailable.code: "unavailable",
    InvalidRefreshToken.code: "invalid",
    SessionEnded.code: "ended",
}

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")
Use = Callable[Arguments, Awaitable[Answer]]
Told = Callable[Arguments, Coroutine[Any, Any, Answer]]


class Attempt(StrEnum):
    """What is tried."""

    LOGIN = "login_attempt"
    REFRESH = "refresh_attempt"


OUTCOMES = {
    Attempt.LOGIN: (OK, "invalid_code", "user_disabled", "too_many_requests", "unavailable", ERROR),
    Attempt.REFRESH: (OK, REUSED, "ended", "invalid", "unavailable", ERROR),
}


def told(attempt: Attempt) -> Callable[[Use[Arguments, Answer]], Told[Arguments, Answer]]:
    """Tell what becomes of each call of a use case."""

    def decorate(use: Use[Arguments, Answer]) -> Told[Arguments, Answer]:
        @wraps(use)
        async def tried(*arguments: Arguments.args, **named: Arguments.kwargs) -> Answer:
            try:
                answer = await use(*arguments, **named)
            except Exception as error:
                audit.tell(attempt, _outcome(error))
                raise
            audit.tell(attempt, OK)
            return answer

        return tried

    return decorate


def _outcome(error: Exception) -> str:
    if isinstance(error, SessionEnded) and error.just_now:
        return REUSED
    return FAILURES.get(error.code, ERROR) if isinstance(error, ServiceError) else ERROR
