"""What stands in the outbox, as a backend that reads the stream itself would see it."""

import asyncio
import json
from typing import Any, NamedTuple

from service.stores.outbox import STREAM

PATIENCE = 10.0  # seconds that what is told in the background may take on a busy machine


class Told(NamedTuple):
    """One entry of the stream."""

    type: str
    user: int
    at: float
    data: dict[str, Any]
    n: int


async def told(redis: Any) -> list[Told]:
    """All that was told, in order."""
    return [_read(fields) for _, fields in await redis.xrange(STREAM)]


async def told_soon(redis: Any, count: int) -> list[Told]:
    """The same, once there are so many."""
    async with asyncio.timeout(PATIENCE):
        while len(found := await told(redis)) < count:  # noqa: ASYNC110 - it is another process that writes it
            await asyncio.sleep(0.005)
    assert len(found) == count, found
    return found


async def names(redis: Any, count: int) -> list[str]:
    """The types of what was told, and the reasons where they have some, once there are so many."""
    return [" ".join(filter(None, (one.type, one.data.get("reason")))) for one in await told_soon(redis, count)]


def _read(fields: dict[bytes, bytes]) -> Told:
    kind, user, at, data, n = (fields[name].decode() for name in (b"type", b"user", b"at", b"data", b"n"))
    assert len(fields) == 5
    found = json.loads(data)
    assert found["user_id"] == int(user)
    return Told(kind, int(user), float(at), found, int(n))
