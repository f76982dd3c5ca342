"""Login codes in Redis: one hash per number, `code:{<mobile>}`. Holds no code, only what one was made from.

Each method is one script, so that of any number of tries at once exactly as many are judged as are allowed.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from enum import IntEnum

from service.stores.connection import Connection, Script, milliseconds

LEAST_LIFE = 60.0  # seconds; a code with less left is not worth sending again
ISSUE = Script("issue_code", repeatable=True)
TAKE = Script("take_code", repeatable=False)  # a wrong try that is repeated would count twice
RELEASE = Script("release_code", repeatable=True)
SPEND = Script("spend_code", repeatable=False)  # the second run could not tell "spent by me" from "gone"


@dataclass(frozen=True, slots=True)
class Issued:
    """The nonce and the digest of the code that is good now, and how long it is, in seconds."""

    nonce: str
    life: float
    digest: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Wrong tries have ended the code; in `wait` seconds a new one can be had."""

    wait: float


class Verdict(IntEnum):
    """What became of a try. UNJUDGED: there was no code to try, or it is ended, or lent to another login."""

    WRONG = -1
    UNJUDGED = 0
    RIGHT = 1


class CodeStore:
    """Issues, judges, lends and spends codes. Times are in seconds.

    What is answered as an awaitable has begun, so that a caller can begin something else before it waits.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def issue(
        self,
        mobile: str,
        nonce: str,
        digest: str,
        *,
        now: float,
        life: float,
        longest: float,
        attempts: int,
        afresh: bool = False,
    ) -> Issued | Ended:
        """The code that is good for this number: the one sent before, or a new one from `nonce`, always if `afresh`.

        Either way the tries at it have been counted since the first.
        """
        times = [milliseconds(seconds) for seconds in (now, life, longest)]
        least = milliseconds(min(LEAST_LIFE, life / 2))
        arguments: list[str | int] = [nonce, digest, *times, attempts, least, int(afresh)]
        good, found, left, of = await self._connection.run(ISSUE, [_key(mobile)], arguments)
        return Issued(found.decode(), left / 1000, of.decode()) if good else Ended(left / 1000)

    def is_open(self, mobile: str, attempts: int) -> Awaitable[bool]:
        """Whether there is a code to try, with tries left."""

        def read(tried: bytes | None) -> bool:
            return tried is not None and tried.isdigit() and int(tried) < attempts

        return self._connection.read("HGET", _key(mobile), "attempts").read_by(read)

    def take(
        self, mobile: str, digest: str, holder: str, *, now: float, lease: float, attempts: int
    ) -> Awaitable[Verdict]:
        """Judge one try; if it is right and nobody else holds the code, lend it to `holder` for `lease` seconds."""
        arguments: list[str | int] = [digest, attempts, holder, milliseconds(now), milliseconds(lease)]
        return self._connection.run(TAKE, [_key(mobile)], arguments).read_by(Verdict)

    async def release(self, mobile: str, holder: str) -> bool:
        """Give the code back unspent."""
        return bool(await self._connection.run(RELEASE, [_key(mobile)], [holder]))

    async def forget(self, mobile: str) -> bool:
        """Delete the code, whoever holds it. False where there was none."""
        return bool(await self._connection.delete(_key(mobile)))

    def spend(self, mobile: str, holder: str) -> Awaitable[bool]:
        """Delete the code. False where `holder` no longer has it."""
        return self._connection.run(SPEND, [_key(mobile)], [holder]).read_by(bool)


def _key(mobile: str) -> str:
    return f"code:{{{mobile}}}"
