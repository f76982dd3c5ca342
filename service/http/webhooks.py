"""Receivers of webhooks and dead letters, as the routes, the console and the commands tell them."""

from typing import Any

import orjson

from service.http.responses import timestamp
from service.webhooks import DeadLetter, Standing

WORKS, FAILING, PAUSED, UNKNOWN = "ok", "failing", "paused", "unknown"


def receiver_described(standing: Standing) -> dict[str, Any]:
    """`{number, name, state, waiting, oldest_at, last_success_at, last_failure_at, last_failure, ...}`."""
    state, backlog = standing.state, standing.backlog
    return {
        "number": standing.receiver.number,
        "name": standing.receiver.name,
        "state": _state(standing),
        "waiting": backlog.waiting,
        "oldest_at": _moment(backlog.oldest_at),
        "last_success_at": _moment(state.last_success_at),
        "last_failure_at": _moment(state.last_failure_at),
        "last_failure": state.last_failure or None,
        "paused_until": _moment(state.paused_until),
        "dead_letters": standing.letters,
    }


def letter_described(letter: DeadLetter, receiver: str) -> dict[str, Any]:
    """`{id, receiver, webhook_id, type, user_id, timestamp, data, tries, problem, given_up_at}`."""
    event = letter.event
    return {
        "id": letter.letter_id,
        "receiver": receiver or None,
        "webhook_id": event.id,
        "type": event.type,
        "user_id": event.user,
        "timestamp": timestamp(event.at),
        "data": orjson.loads(event.data),
        "tries": letter.tries,
        "problem": letter.problem,
        "given_up_at": timestamp(letter.given_up_at),
    }


def _state(standing: Standing) -> str:
    state = standing.state
    if state.paused_until:
        return PAUSED
    if state.last_failure_at and state.last_failure_at > (state.last_success_at or 0):
        return FAILING
    return WORKS if state.last_success_at else UNKNOWN


def _moment(seconds: float | None) -> str | None:
    return timestamp(seconds) if seconds else None
