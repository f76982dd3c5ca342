"""How far revocations have come, in Redis, so that any process can be asked.

revocation:{<id>}         the job: readable JSON, for a day after its last step
revocation:{<id>}:lease   there while the process of a running one lives
revocation:{<id>}:stop    somebody wants it to stop
revocation:newest         the ids of the newest, but for those that only count: with commas between, the newest first
"""

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from service.selections import Revocation, State
from service.stores import session_records
from service.stores.redis.connection import Connection, milliseconds
from service.stores.redis.scripts import Script

NOTE = Script("note_revocation", repeatable=True)
STOP = Script("stop_revocation", repeatable=True)
LIST = Script("list_revocation", repeatable=True)
LIFE = 86_400.0  # seconds
NEWEST = "revocation:newest"
LISTED = 20
LEASE = 20.0  # seconds without a sign of life, after which a job is taken for one whose process is gone


class Noted(NamedTuple):
    """A job as it was noted last; `is_alone`: it says that it runs, and nobody runs it."""

    revocation: Revocation
    is_alone: bool


class RevocationStore:
    """Notes and finds jobs. Raises ServiceUnavailable."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def note(self, revocation: Revocation) -> bool:
        """Note where it is. Whether somebody wants it to stop. Goes through where Redis is full."""
        keys = [_key(revocation.id), _lease_key(revocation.id), _stop_key(revocation.id)]
        lease = milliseconds(LEASE) if revocation.state is State.RUNNING else 0
        record = orjson.dumps(revocation._asdict())
        return bool(await self._connection.run(NOTE, keys, [record, milliseconds(LIFE), lease]))

    async def enlist(self, revocation_id: str) -> None:
        """List it among the newest. Goes through where Redis is full, and is then left out."""
        await self._connection.run(LIST, [NEWEST], [revocation_id, LISTED, milliseconds(LIFE)])

    async def newest(self) -> Sequence[Noted]:
        """Those that are listed, the newest first."""
        [listed] = await self._connection.values(NEWEST)
        ids = (listed or b"").decode("ascii", "replace").split(",") if listed else []
        values = await self._connection.values_of_slots([(_key(one), _lease_key(one)) for one in ids])
        found = (_noted(record, lease) for record, lease in zip(values[::2], values[1::2], strict=True))
        return [noted for noted in found if noted]

    async def find(self, revocation_id: str) -> Noted | None:
        """The job of an id."""
        record, lease = await self._connection.values(_key(revocation_id), _lease_key(revocation_id))
        return _noted(record, lease)

    async def stop(self, revocation_id: str) -> None:
        """Have the process that runs it stop it at its next step."""
        await self._connection.run(STOP, [_stop_key(revocation_id)], [milliseconds(LIFE)])


def _key(revocation_id: str) -> str:
    return f"revocation:{{{revocation_id}}}"


def _lease_key(revocation_id: str) -> str:
    return f"{_key(revocation_id)}:lease"


def _stop_key(revocation_id: str) -> str:
    return f"{_key(revocation_id)}:stop"


def _noted(record: bytes | None, lease: bytes | None) -> Noted | None:
    revocation = _load(record)
    return Noted(revocation, revocation.state is State.RUNNING and lease is None) if revocation else None


def _load(value: bytes | None) -> Revocation | None:
    record = session_records.load(value)
    try:
        return Revocation(**{**record, "state": State(record["state"])}) if record else None
    except (KeyError, TypeError, ValueError):
        return None
