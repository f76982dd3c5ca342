"""Sessions of operators in Redis: `operator:{<name>}:session:<id>` is one, `operator:{<name>}:sessions` their list.

A session is live only while both know it, so a DEL of either ends it at the next request. Neither holds a secret.
"""

from typing import Any, NamedTuple

import orjson

from service.entities import Device
from service.roles import Role
from service.stores.redis.connection import Connection, milliseconds
from service.stores.redis.scripts import Script

IDLE = 1800.0  # seconds without a request after which a session is over
LONGEST = 28_800.0  # seconds after its log-in at which it is over in any case
OPEN = Script("open_operator_session", repeatable=True)
END_ALL = Script("end_operator_sessions", repeatable=False)  # a second run would find none that it has ended


class OperatorRecord(NamedTuple):
    """What is kept of one session. `role` is that of somebody whom the company's OpenID provider has let in."""

    digest: str
    role: Role | None
    device: Device
    created_at: float
    used_at: float

    @property
    def expires_at(self) -> float:
        """When it is over, if nothing more is asked by it."""
        return min(self.used_at + IDLE, self.created_at + LONGEST)


class OperatorSessionStore:
    """One operation is one command or one script. Raises ServiceUnavailable where Redis does not answer."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def open(self, name: str, session_id: str, record: OperatorRecord) -> None:
        """Keep a new session, which begins and is used now."""
        keys = [key_name(name, session_id), _list_key(name), key_name(name, "")]
        lives = (milliseconds(min(IDLE, LONGEST)), milliseconds(LONGEST))
        await self._connection.run(OPEN, keys, [session_id, _dumped(record), *lives])

    async def find(self, name: str, session_id: str) -> OperatorRecord | None:
        """The session, if both keys know it. Its times are the caller's to look at."""
        value, listed = await self._connection.values(key_name(name, session_id), _list_key(name))
        return _loaded(value) if session_id in _ids(listed) else None

    async def keep(self, name: str, session_id: str, record: OperatorRecord) -> None:
        """Keep a session that is used again, until it expires; one that was ended meanwhile stays ended."""
        life = milliseconds(record.expires_at - record.used_at)
        await self._connection.write("SET", key_name(name, session_id), _dumped(record), "XX", "PX", str(life))

    async def all(self, name: str) -> dict[str, OperatorRecord]:
        """Those that both keys know, by their ids, in the order of their log-ins."""
        [listed] = await self._connection.values(_list_key(name))
        ids = _ids(listed)
        values = await self._connection.values(*(key_name(name, one) for one in ids)) if ids else []
        found = ((session_id, _loaded(value)) for session_id, value in zip(ids, values, strict=True))
        return {session_id: record for session_id, record in found if record}

    async def end(self, name: str, session_id: str) -> bool:
        """Delete one. False where there was none."""
        return bool(await self._connection.delete(key_name(name, session_id)))

    async def end_all(self, name: str) -> list[str]:
        """Delete all. Returns the ids of those that were there."""
        ended = await self._connection.run(END_ALL, [_list_key(name), key_name(name, "")], [])
        return [session_id.decode() for session_id in ended]


def key_name(name: str, session_id: str) -> str:
    """What is deleted by hand to end this session."""
    return f"operator:{{{name}}}:session:{session_id}"


def _list_key(name: str) -> str:
    return f"operator:{{{name}}}:sessions"


def _ids(listed: bytes | None) -> list[str]:
    return (listed or b"").decode("ascii", "replace").split(",") if listed else []


def _dumped(record: OperatorRecord) -> str:
    """JSON that an operator can read."""
    role = {"role": record.role.value} if record.role else {}
    device = {"name": record.device.name, "ip": record.device.ip}
    times = {"created_at": record.created_at, "used_at": record.used_at}
    return orjson.dumps({"device": device, **role, **times, "digest": record.digest}).decode()


def _loaded(value: bytes | None) -> OperatorRecord | None:
    """None for what cannot be read: an operator's typo, a foreign value."""
    try:
        record: dict[str, Any] = orjson.loads(value or b"")
        role = Role(record["role"]) if "role" in record else None
        device = Device(str(record["device"]["name"]), str(record["device"]["ip"]))
        return OperatorRecord(
            str(record["digest"]), role, device, float(record["created_at"]), float(record["used_at"])
        )
    except (KeyError, TypeError, ValueError):  # of which orjson.JSONDecodeError is one
        return None
