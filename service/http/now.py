"""How it is now, as the route and the command tell it."""

from typing import Any

from service.activity import (
    CODES_SENT,
    CODES_USED,
    LOGINS,
    REFUSED,
    SHED,
    Estimate,
    Minute,
    Moment,
    Picture,
    SenderState,
)
from service.http.responses import timestamp

WORKS = {True: "ok", False: "failing", None: "unknown"}


def described(picture: Picture) -> dict[str, Any]:
    """`{active, sessions, by_minute, stores, senders}`, null where Redis does not tell."""
    return {
        "active": picture.active and picture.active._asdict(),
        "sessions": picture.sessions and _estimate(picture.sessions),
        "by_minute": None if picture.minutes is None else [_minute(minute) for minute in picture.minutes],
        "stores": {name: "ok" if up else "unavailable" for name, up in picture.stores.items()},
        "senders": None if picture.senders is None else [_sender(sender) for sender in picture.senders],
    }


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {
        "live": estimate.live,
        "standard_error": estimate.standard_error,
        "estimated_at": timestamp(estimate.at),
    }


def _minute(minute: Minute) -> dict[str, Any]:
    happened = {name: minute.of(name) for name in (LOGINS, CODES_SENT, CODES_USED, SHED)}
    return {"at": timestamp(minute.at), **happened, "refused": minute.below(REFUSED)}


def _sender(sender: SenderState) -> dict[str, Any]:
    return {
        "name": sender.name,
        "state": WORKS[sender.works],
        "sent": sender.sent,
        "failed": sender.failed,
        "refused": sender.refused,
        "last_sent_at": _at(sender.last_sent),
        "last_failed_at": _at(sender.last_failed),
        "last_failure": sender.last_failed and sender.last_failed.word,
    }


def _at(moment: Moment | None) -> str | None:
    return timestamp(moment.at) if moment else None
