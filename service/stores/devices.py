"""The devices that a user has logged in with, by what they are called (`DeviceNames`). A login adds its own.

devices:{<user_id>}   names with commas between, the one that has logged in last at the end
"""

from service.errors import ServiceUnavailable
from service.stores.redis.connection import Connection
from service.stores.redis.refusals import denies_keys
from service.stores.session_keys import devices_key

MOST, LIFE = 32, 400 * 86_400.0  # that are known of a user, and for how many seconds after the last login


class DeviceStore:
    """Counts and forgets. Raises ServiceUnavailable."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def is_allowed(self) -> bool:
        """Whether Redis lets Latch use such a key; True where it cannot be asked, too."""
        try:
            await self._connection.delete(devices_key(0))
        except ServiceUnavailable as error:
            return error.__cause__ is None or not denies_keys(error.__cause__)
        return True

    async def forget(self, user_id: int) -> int:
        """Forget all of a user. Returns 1 where any was known, else 0."""
        return int(await self._connection.delete(devices_key(user_id)))

    async def count(self, user_id: int) -> int:
        """How many are known of a user."""
        [names] = await self._connection.values(devices_key(user_id))
        return len([name for name in (names or b"").split(b",") if name])
