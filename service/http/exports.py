"""What is kept of a person as JSON, in pieces, because of events there can be very many."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson

from service.audit_events import AuditEvent
from service.entities import Session, User
from service.http.responses import timestamp
from service.kept import Kept

HIDDEN = {"user_id", "operator"}  # whose it is is said once; who acted is told of operators to nobody but operators


async def pieces(kept: Kept, pages: AsyncIterator[Sequence[AuditEvent]]) -> AsyncIterator[bytes]:
    """`{user_id, user, sessions, codes, limits, devices, events}`. No secrets, and of operators no names."""
    head = {
        "user_id": kept.user_id,
        "user": _user(kept.user) if kept.user else None,
        "sessions": [described(session) for session in kept.sessions],
        "codes": kept.codes,
        "limits": kept.limits,
        "devices": kept.devices,
    }
    yield orjson.dumps(head)[:-1] + b',"events":['
    comma = b""
    async for page in pages:
        if page:
            yield comma + orjson.dumps([_event(event) for event in page])[1:-1]
            comma = b","
    yield b"]}"


async def enveloped(data: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same as an answer."""
    yield b'{"message":"ok","data":' + await anext(data)
    async for piece in data:
        yield piece
    yield b"}"


def described(session: Session) -> dict[str, Any]:
    """A session as its user and operators see it."""
    return {
        "id": session.session_id,
        "device": session.device.name,
        "ip": session.device.ip,
        "created_at": timestamp(session.created_at),
        "refreshed_at": timestamp(session.refreshed_at),
        "expires_at": timestamp(session.expires_at),
    }


def _user(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.name,
        "mobile": user.mobile,
        "status": user.status.value,
        "created_at": timestamp(user.created_at.timestamp()),
        "last_login": timestamp(user.last_login.timestamp()),
    }


def _event(event: AuditEvent) -> dict[str, Any]:
    shown = {name: value for name, value in event._asdict().items() if name not in HIDDEN}
    return {**shown, "at": timestamp(event.at.timestamp()), "by_operator": event.operator is not None}
