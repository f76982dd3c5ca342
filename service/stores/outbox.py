"""What other systems hear of, as a stream in Redis that is written with the change itself, in the same script.

    {outbox}:events   the stream; an entry has the fields
                          type   what happened: `login`, `session.ended`, ...
                          user   the user's id
                          at     when, in seconds since the epoch, with decimals
                          data   a JSON object, what a webhook's body has as `data`; never a number
                          n      counts on by one from entry to entry: a gap is what was trimmed, or taken out
    {outbox}:counts   a hash; `written` is the last n

All keys share a hash tag, so the dispatcher's scripts take them together. On a Cluster they lie in another slot than a
user's: there an entry follows its change, in the background, and may be lost with the process or the node.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any

from service.errors import ServiceUnavailable
from service.runtime.background import BackgroundTasks
from service.stores.outbox_entries import EACH, Entry
from service.stores.redis.call import RedisCall
from service.stores.redis.connection import Connection
from service.stores.redis.refusals import denies_keys
from service.stores.redis.scripts import STOP_VALUES, Script, ScriptCall

STREAM = "{outbox}:events"
COUNTS = "{outbox}:counts"
# Running it twice appends twice, under two ids: an event is told at least once.
APPEND = Script("append_outbox", repeatable=True)
IN_CHAIN = "?"
PROBED = "{outbox}:probe"
PROBE = Script("probe_outbox", repeatable=True)
# Why other systems do not hear of something: Redis refused the entry, or could not be reached, or too many wait for it;
# a revocation ended too many sessions to tell of each; the stream was trimmed before the entry was sent.
REFUSED, UNAVAILABLE, MANY, TRIMMED = LOST = ("refused", "unavailable", "many", "trimmed")
WAITING = 10_000  # entries that are on their way by themselves, at most
QUIET = 10.0  # seconds between two lines in the log about what is lost

log = logging.getLogger(__name__)


def uncounted(_reason: str, _times: int) -> None:
    """Nobody is interested."""


class Outbox:
    """Appends entries, and keeps the newest `most`, about. `lost` is told how many were not, and why: one of LOST.

    What an entry tells of is done already: no method raises for want of one.
    """

    def __init__(self, connection: Connection, most: int, lost: Callable[[str, int], None] = uncounted) -> None:
        self._connection = connection
        self._most = most
        self._count = lost
        self._background = BackgroundTasks()
        self._waiting = 0
        self._unsaid = 0
        self._said_at = -QUIET

    async def run(
        self, steps: Sequence[ScriptCall], at: float, entries: Sequence[Entry], *, true_already: int = 0
    ) -> list[Any]:
        """Run a chain of scripts, and tell of it if it came to its end. Returns what those have answered that ran.

        All of it is one atomic operation where the connection joins keys. Else the entries follow, and nobody waits.
        So many of the first entries are true whatever becomes of the chain, and each end of a session once the first
        step is done. `at` is when, in seconds.
        """
        joins, true = self._connection.joins, entries[:true_already]
        try:
            answers = await self._connection.run_chain([*steps, appending(self._most, at, entries)] if joins else steps)
        except BaseException as error:
            if not _is_denied(error):
                self.add(at, true)
                raise
            self.lose(REFUSED, len(entries))
            return await self._connection.run_chain(steps)
        told = answers.pop() if len(answers) > len(steps) else 0
        if isinstance(told, list):
            self._note(told)
        elif len(answers) == len(steps) and answers[-1] not in STOP_VALUES:
            self.add(at, entries, answers[0])
        else:
            ended = [entry for entry in entries if entry.startswith(EACH)] if len(answers) > 1 else []
            self.add(at, [*true, *ended], answers[0])
        return answers

    def add(self, at: float, entries: Sequence[Entry], answer: object = ()) -> None:
        """Tell of what is done, in the background; `answer` is what the first script of its chain has returned.

        Each begins at once, so that they keep their order, and before a chain that is run after it.
        """
        if not entries:
            return
        if self._waiting + len(entries) > WAITING:
            self.lose(UNAVAILABLE, len(entries))
            return
        self._waiting += len(entries)
        # On a Cluster all entries come this way, by one script: none overtakes another, and a digest is enough.
        run = self._connection.run_ordered if self._connection.joins else self._connection.run
        # In nobody's context: a request's time may be up, and is not what this takes.
        call = Context().run(run, *appending(self._most, at, entries, _flat(answer)))
        self._background.begin(self._finish(call, len(entries)))

    def lose(self, reason: str, times: int) -> None:
        """Count what nobody is told of, and say so now and then."""
        self._count(reason, times)
        self._unsaid += times
        now = asyncio.get_running_loop().time()
        if now - self._said_at >= QUIET:
            log.warning("%d events were not written for other systems (%s)", self._unsaid, reason)
            self._said_at, self._unsaid = now, 0

    async def settle(self, seconds: float) -> None:
        """Wait for what is on its way, `seconds` at most. What is not written then is lost with the connection."""
        await self._background.drain(seconds)

    async def _finish(self, call: RedisCall, count: int) -> None:
        try:
            self._note(await call)
        except ServiceUnavailable:
            self.lose(UNAVAILABLE, count)
        finally:
            self._waiting -= count

    def _note(self, answer: Sequence[int]) -> None:
        _, refused = answer
        if refused:
            self.lose(REFUSED, refused)


def appending(most: int, at: float, entries: Sequence[Entry], answer: str = IN_CHAIN) -> ScriptCall:
    """What appends these, and keeps the newest `most`, about: the last step of a chain, or by itself with the `answer`.

    It returns how many were appended, and how many could not be.
    """
    return APPEND, (STREAM, COUNTS), (most, answer, f"{at:.3f}", *entries)


async def is_allowed(connection: Connection) -> bool:
    """Whether Redis lets Latch write such keys; True where it cannot be asked, too. Leaves nothing."""
    try:
        return bool(await connection.run(PROBE, [PROBED], []))
    except ServiceUnavailable as error:
        return not _is_denied(error)


def _is_denied(error: BaseException) -> bool:
    """Whether that is why nothing was done: this user of Redis may not use the keys of the outbox."""
    return isinstance(error, ServiceUnavailable) and error.__cause__ is not None and denies_keys(error.__cause__)


def _flat(answer: object) -> str:
    """The parts of an answer with commas between, as the script takes them."""
    parts = answer if isinstance(answer, Sequence) and not isinstance(answer, bytes) else ()
    return ",".join(part.decode(errors="replace") if isinstance(part, bytes) else str(part) for part in parts)
