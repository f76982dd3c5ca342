"""Challenges for operators' passkeys in Redis: `operator:challenge:<digest>` is one that is still to be answered.

The digest is of the challenge and of what it was made for, so that it is good for nothing else.
"""

import hashlib

from service.stores.redis.connection import Connection, milliseconds

LIFE = 300.0  # seconds


class Challenges:
    """Each is good once, whatever becomes of it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, purpose: str, challenge: str) -> None:
        """Let it be answered, for five minutes."""
        await self._connection.write("SET", _key(purpose, challenge), "1", "PX", str(milliseconds(LIFE)))

    async def take(self, purpose: str, challenge: str) -> bool:
        """Whether it may be answered for this purpose. It may not from now on: of many at once it is for one."""
        return bool(await self._connection.write("DEL", _key(purpose, challenge)))


def _key(purpose: str, challenge: str) -> str:
    return f"operator:challenge:{hashlib.sha256(f'{purpose} {challenge}'.encode()).hexdigest()}"
