"""Links that operators enrol by, in Redis: `operator:{<name>}:link` holds the digest of the one that is good."""

from service.stores.redis.connection import Connection, milliseconds
from service.stores.redis.scripts import Script

SPEND = Script("spend_link", repeatable=False)  # a second run would find it spent


class OperatorLinks:
    """One for each operator, at most."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, name: str, digest: str, life: float) -> None:
        """Keep the digest of a new link for `life` seconds; the one before it is good no more."""
        await self._connection.write("SET", _key(name), digest, "PX", str(milliseconds(life)))

    async def find(self, name: str) -> str:
        """The digest of the link that is good; empty where none is."""
        [digest] = await self._connection.values(_key(name))
        return (digest or b"").decode("ascii", "replace")

    async def spend(self, name: str, digest: str) -> bool:
        """Whether a link with this digest is good. Of many at once it is for one; another digest leaves it good."""
        return bool(await self._connection.run(SPEND, [_key(name)], [digest]))

    async def forget(self, name: str) -> bool:
        """Delete the link. False where there was none."""
        return bool(await self._connection.delete(_key(name)))


def _key(name: str) -> str:
    return f"operator:{{{name}}}:link"
