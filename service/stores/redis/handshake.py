"""What is said first on a new connection: who we are and which database is meant, in one round trip.

redis-py takes one for the password and another for the rest, and tells its own name, which many a host refuses. Its
parser is told of the connection here as it would be there: that attribute is not public; a test tells when it moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import AuthenticationError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from service.stores.redis.refusals import text_of


class DatabaseRefused(RedisConnectionError):
    """The server has no database of the number in the URL, or none but 0."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """Who connects, and to which database."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    db: int = 0
    client_name: str = ""

    async def shake(self, connection: AbstractConnection) -> None:
        """For redis-py's `redis_connect_func`. Raises AuthenticationError or DatabaseRefused."""
        opened: Any = connection
        opened._parser.on_connect(connection)  # noqa: SLF001 - see above
        commands = self._commands()
        if commands:
            await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
        for command in commands:
            await _answered(connection, str(command[0]))

    def _commands(self) -> list[Sequence[str | int]]:
        commands: list[Sequence[str | int]] = []
        if self.password:
            commands.append(("AUTH", *([self.username] if self.username else []), self.password))
        if self.client_name:
            commands.append(("CLIENT", "SETNAME", self.client_name))
        if self.db:
            commands.append(("SELECT", self.db))
        return commands


async def _answered(connection: AbstractConnection, command: str) -> None:
    try:
        await connection.read_response()
    except ResponseError as error:
        if command == "AUTH":
            raise AuthenticationError(text_of(error)) from error
        if command == "SELECT":
            raise DatabaseRefused(text_of(error)) from error
        # CLIENT is switched off: the name was for people
