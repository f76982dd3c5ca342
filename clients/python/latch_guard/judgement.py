"""What to ask Latch, and what an answer means. Knows neither sockets nor frameworks."""

import json
import logging
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

PATH = "/app/v1_0/authorizations"
KEPT = ("content-type", "www-authenticate", "cache-control", "content-language", "x-request-id")  # of a refusal
LONGEST_VALUE = 4096  # characters of a header; a token has 64, and Latch takes heads of 32 KiB
LONGEST_BODY = 65_536  # bytes; whoever sends more is not Latch
SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)  # what Latch takes for an id; of another it makes its own
log = logging.getLogger("latch_guard")

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Identity:
    """Whose the token is, and for how many seconds it is good, if nobody ends the session."""

    user_id: int
    session_id: str
    expires_in: int


@dataclass(frozen=True)
class Answer:
    """What the client is to hear instead of the backend. The names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Refused(Answer):
    """The token is not good: Latch's own answer, to be passed on as it is."""


class Unavailable(Answer):
    """Nobody knows whether the token is good: a 503. Never a 401, because apps delete their tokens on that."""


Outcome = Identity | Refused | Unavailable


class Question:
    """What is sent to Latch of a request: None for what it has not, or has twice."""

    def __init__(self, authorization: str | None, request_id: str | None, language: str | None) -> None:
        self.request_id = request_id if request_id and SANE_ID.fullmatch(request_id) else uuid.uuid4().hex
        sent = {"Authorization": authorization, "X-Request-ID": self.request_id, "Accept-Language": language}
        self.headers: dict[bytes | str, bytes | str] = {
            name: value for name, value in sent.items() if value and _is_sendable(value)
        }


def _is_sendable(value: str) -> bool:
    """What HTTP cannot carry is no token: Latch is asked without it, and words the refusal."""
    return value.isascii() and value.isprintable() and len(value) <= LONGEST_VALUE


def judge(question: Question, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Outcome:
    """What an answer means. One that Latch does not give is trouble, whatever its status."""
    match status, _read(body):
        case 200, {"data": {"user_id": int(user_id), "session_id": str(session_id), "expires_in": int(seconds)}}:
            if not isinstance(user_id, bool):
                return Identity(user_id, session_id, seconds)
        case 401 | 403, {"error": str()}:
            return Refused(status, _kept(headers), body)
    return unavailable(question, f"answered {status}, and not as Latch does; is the address right?")


def _read(body: bytes) -> Any:
    """The JSON; None for what is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _kept(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    named = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers)
    return {name: value for name, value in named if name in KEPT}


def unavailable(question: Question, trouble: str) -> Unavailable:
    """The 503 that a client hears, in the shape of Latch's own. The trouble is logged."""
    log.warning("Latch %s (request %s)", trouble, question.request_id)
    message = "The service is temporarily unavailable. Please try again."
    body = {"message": message, "error": "service_unavailable", "request_id": question.request_id}
    headers = {"content-type": "application/json", "cache-control": "no-store", "retry-after": "1"}
    return Unavailable(503, headers | {"x-request-id": question.request_id}, json.dumps(body).encode())
