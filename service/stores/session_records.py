"""What stands in the values of the session keys, and how it is read back. Pure.

What cannot be read (an operator's typo, a foreign value, a number that is none, a time that no clock shows) is None.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from service.entities import AccessRecord, Device, EndReason, RefreshToken, RotationState, Session
from service.selections import Login

KEPT = 4096  # records that were read last
LATEST = 10**11  # seconds since the epoch, in the year 5138: `datetime` ends in 9999, and floats never
ACCESS_RECORD = re.compile(rb"([0-9]{1,11}\.[0-9]{3}) ([0-9]{1,11}\.[0-9]{3}) ([0-9a-f]{64})")


def dump_access(access: AccessRecord) -> str:
    """The record of an access token: its times and its digest."""
    return f"{access.issued_at:.3f} {access.expires_at:.3f} {access.digest}"


@lru_cache(maxsize=KEPT)
def load_access(value: bytes | None) -> AccessRecord | None:
    """The access token of a record."""
    found = ACCESS_RECORD.fullmatch(value or b"")
    return AccessRecord(found[3].decode(), float(found[1]), float(found[2])) if found else None


def dump_session(session: Session) -> bytes:
    """The record of a session: JSON that an operator can read."""
    state = session.refresh
    return orjson.dumps(
        {
            "device": {"name": session.device.name, "ip": session.device.ip},
            "created_at": session.created_at,
            "refreshed_at": session.refreshed_at,
            "expires_at": session.expires_at,
            "refresh": {
                "current": _dumped(state.current),
                "pending": [_dumped(token) for token in state.pending],
                "previous": _dumped(state.previous) if state.previous else None,
                "previous_retired_at": state.previous_retired_at,
            },
        }
    )


def _dumped(token: RefreshToken) -> dict[str, str | float]:
    digest, created_at, served_at, nonce = token
    return {"digest": digest, "created_at": created_at, "served_at": served_at, "nonce": nonce}


def load(value: bytes | None) -> dict[str, Any] | None:
    """The JSON object in a value."""
    try:
        record = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None


def load_session(value: bytes | None, user_id: int, session_id: str) -> Session | None:
    """The session of a record."""
    record = load(value)
    return session_of(record, user_id, session_id) if record else None


def load_login(value: bytes | None) -> Login | None:
    """What is known of the login that a live session began with. None where the record is none of a session."""
    record = load(value)
    try:
        device = record["device"] if record else {}
        return Login(str(device["name"]), str(device["ip"]), _moment(record["created_at"])) if record else None
    except (KeyError, TypeError, ValueError):
        return None


def session_of(record: Mapping[str, Any], user_id: int, session_id: str) -> Session | None:
    """The session of a JSON object."""
    try:
        return Session(
            user_id=user_id,
            session_id=session_id,
            device=Device(str(record["device"]["name"]), str(record["device"]["ip"])),
            created_at=_moment(record["created_at"]),
            refreshed_at=_moment(record["refreshed_at"]),
            expires_at=_moment(record["expires_at"]),
            refresh=_rotation(record["refresh"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def is_session(record: Mapping[str, Any]) -> bool:
    """Whether `session_of` would answer one. Looks at every field as well, and puts nothing together."""
    try:
        device, rotation = record["device"], record["refresh"]
        str(device["name"]), str(device["ip"])
        moments: bool = 0 <= record["created_at"] < LATEST and 0 <= record["refreshed_at"] < LATEST
        moments = moments and 0 <= record["expires_at"] < LATEST and 0 <= rotation["previous_retired_at"] < LATEST
        for token in (rotation["current"], *rotation["pending"], rotation["previous"] or rotation["current"]):
            bytes.fromhex(token["digest"]), bytes.fromhex(token["nonce"])
            moments = moments and 0 <= token["created_at"] < LATEST and 0 <= token["served_at"] < LATEST
    except (KeyError, TypeError, ValueError):
        return False
    return moments


def _moment(value: Any) -> float:
    """Seconds since the epoch. Raises TypeError or ValueError for what is none: text, infinity, the year 10000."""
    if 0 <= value < LATEST:
        return float(value)
    raise ValueError


def _rotation(record: Mapping[str, Any]) -> RotationState:
    return RotationState(
        current=_refresh_token(record["current"]),
        pending=tuple(_refresh_token(token) for token in record["pending"]),
        previous=_refresh_token(record["previous"]) if record["previous"] else None,
        previous_retired_at=_moment(record["previous_retired_at"]),
    )


def _refresh_token(record: Mapping[str, Any]) -> RefreshToken:
    digest, nonce = bytes.fromhex(record["digest"]).hex(), bytes.fromhex(record["nonce"]).hex()
    return RefreshToken(digest, _moment(record["created_at"]), _moment(record["served_at"]), nonce)


@lru_cache(maxsize=KEPT)
def glance(value: bytes) -> tuple[EndReason | None, float]:
    """All that a check needs of a record: why its session was ended, if it was, or when it expires, 0 for never alive.

    Kept by the bytes of the record, so that what Redis says decides: most sessions are checked many times as they are.
    """
    record = load(value)
    if record is None:
        return None, 0.0
    ended = ended_of(record)
    return ended, 0.0 if ended or not is_session(record) else float(record["expires_at"])


def tombstone(reason: EndReason, now: float) -> bytes:
    """What is left of a session that was ended on purpose."""
    return orjson.dumps({"ended": reason, "ended_at": now})


def ended_of(record: Mapping[str, Any] | None) -> EndReason | None:
    """Why the session of a JSON object was ended, if it was."""
    try:
        return EndReason(record["ended"]) if record else None
    except (KeyError, ValueError):
        return None
