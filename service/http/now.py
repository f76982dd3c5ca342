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
    SenderState,
)
from service.http.messages import codes_described, sender_described
from service.http.responses import timestamp
from service.pictures import Picture


def described(picture: Picture) -> dict[str, Any]:
    """`{active, sessions, by_minute, stores, outages, senders, codes}`, null where Redis does not tell."""
    return {
        "active": picture.active and picture.active._asdict(),
        "sessions": picture.sessions and _estimate(picture.sessions),
        "by_minute": None if picture.minutes is None else [_minute(minute) for minute in picture.minutes],
        "stores": {name: "unavailable" if why else "ok" for name, why in picture.stores.items()},
        "outages": {name: why for name, why in picture.stores.items() if why},
        "senders": None if picture.senders is None else [_sender(sender) for sender in picture.senders],
        "codes": picture.codes and codes_described(picture.codes),
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
    told = sender_described(sender)
    return {**told, "sent": sender.sent, "failed": sender.failed, "refused": sender.refused}
