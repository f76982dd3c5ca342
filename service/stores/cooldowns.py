"""Cool-downs between two codes to one number in Redis: one hash per number, `cooldown:{<number's name>}`."""

from dataclasses import dataclass

from service.entities import NumberName
from service.stores.redis.connection import Connection, milliseconds
from service.stores.redis.scripts import Script
from settings.limits import COOLDOWN_REST

START = Script("start_cooldown", repeatable=False)  # a second run would meet the cool-down of the first
END_HOLD = Script("end_cooldown_hold", repeatable=True)


@dataclass(frozen=True, slots=True)
class Cooldown:
    """Either one runs, and `wait` tells for how long, or one of `length` was started. Both in seconds."""

    wait: float
    length: float


class CooldownStore:
    """Starts cool-downs, confirms them and takes them back.

    `steps` are their lengths in seconds; the last one repeats. One that is neither confirmed nor taken back within
    `hold` seconds lapses, whatever became of who started it.
    """

    def __init__(self, connection: Connection, steps: tuple[int, ...], hold: float) -> None:
        self._connection = connection
        self._hold = milliseconds(hold)
        self._steps = steps

    async def look(self, name: NumberName, now: float) -> Cooldown:
        """What `start` would answer."""
        return await self._ask(name, now, start=False)

    async def start(self, name: NumberName, now: float) -> Cooldown:
        """Start a cool-down if none runs. Of many at once one starts it."""
        return await self._ask(name, now, start=True)

    async def confirm(self, name: NumberName, started: float) -> bool:
        """The code was sent. False where the cool-down that was started then is not the last one."""
        return await self._end_hold(name, started, sent=True)

    async def undo(self, name: NumberName, started: float) -> bool:
        """Take back the cool-down that was started then. False where it is not the last one."""
        return await self._end_hold(name, started, sent=False)

    async def forget(self, name: NumberName) -> bool:
        """Forget a number's cool-downs. False where there were none."""
        return bool(await self._connection.delete(key_name(name)))

    async def has(self, name: NumberName) -> bool:
        """Whether anything is kept of a number's cool-downs."""
        return bool(await self._connection.read("EXISTS", key_name(name)))

    async def _end_hold(self, name: NumberName, started: float, *, sent: bool) -> bool:
        return bool(await self._connection.run(END_HOLD, [key_name(name)], [milliseconds(started), int(sent)]))

    async def _ask(self, name: NumberName, now: float, *, start: bool) -> Cooldown:
        if not self._steps:
            return Cooldown(0, 0)
        arguments = [milliseconds(now), milliseconds(COOLDOWN_REST), self._hold, int(start), *self._steps]
        wait, length = await self._connection.run(START, [key_name(name)], arguments)
        return Cooldown(wait / 1000, length / 1000)


def key_name(name: NumberName) -> str:
    """Where the cool-downs of a number stand."""
    return f"cooldown:{{{name}}}"
