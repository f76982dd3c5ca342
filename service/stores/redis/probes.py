"""What comes of writing to a server and running scripts there, tried with keys that nobody else uses."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from redis.exceptions import AskError, ResponseError, TryAgainError

from service.stores.redis.connection import PROBE
from service.stores.redis.refusals import is_switched_off, keeps_keys_apart
from service.stores.redis.scripts import Script

FEW = 8
MANY = 32  # keys: a proxy before two servers puts all of them on one once in 2 ** 31 times
LIFE = 5_000  # ms
ALL_COMMANDS = Script("probe", repeatable=True)
WRITE_ALL = Script(
    "write all",
    repeatable=True,
    source="for _, key in ipairs(KEYS) do redis.call('SET', key, '', 'PX', ARGV[1]) end return 1",
)
LONGEST = 120  # characters of a server's own words

MOVED = (AskError, TryAgainError)  # of a Cluster; MovedError is an AskError

Ask = Callable[..., Awaitable[Any]]


def probe_keys() -> tuple[str, ...]:
    """Keys that a proxy would spread over its servers."""
    return (PROBE, *(f"{PROBE}{n}" for n in range(MANY)))


@dataclass(frozen=True, slots=True)
class Probes:
    """What was refused, in the server's own words; empty where all went well.

    `writes`: why it takes none, for want of memory or as a replica. `scripts`: why it runs none, or not all that they
    do. `reads`: why MGET is not answered. `by_text`: it takes scripts as text alone. `scattered`: what a script has
    written is not there, as behind a proxy that runs it on one of many servers, or reads from replicas. `elsewhere`: it
    is a node of a Cluster, and some keys are on others.
    """

    writes: str = ""
    scripts: str = ""
    reads: str = ""
    by_text: bool = False
    scattered: bool = False
    elsewhere: bool = False

    @classmethod
    async def of(cls, ask: Ask, keys: Sequence[str]) -> Self:
        """Try all of it, up to what is refused. Leaves nothing. One key alone shows nothing of other servers."""
        key = keys[0]
        if error := await _refused(ask, ("SET", key, "", "PX", str(LIFE)), ("DEL", key)):
            return cls(elsewhere=True) if isinstance(error, MOVED) else cls(writes=_words(error))
        error = await _refused(ask, ("EVALSHA", ALL_COMMANDS.sha, "1", key))
        by_text = bool(error and is_switched_off(error))
        if error := await _refused(ask, ("EVAL", ALL_COMMANDS.source, "1", key)):
            return cls(scripts=_words(error, ALL_COMMANDS.source), by_text=by_text)
        if error := await _refused(ask, ("MGET", key)):
            return cls(reads=_words(error), by_text=by_text)
        return cls(by_text=by_text, **await _of_many(ask, keys))


UNTRIED = Probes()


async def _of_many(ask: Ask, keys: Sequence[str]) -> dict[str, Any]:
    error = await _refused(ask, ("EVAL", WRITE_ALL.source, str(len(keys)), *keys, str(LIFE)))
    if error and keeps_keys_apart(error):  # scripts go one by one then
        moved = await _refused(ask, *(("GET", key) for key in keys[:FEW]))
        return {"elsewhere": isinstance(moved, MOVED)}
    return {"scripts": _words(error)} if error else {"scattered": await _are_missing(ask, keys)}


async def _refused(ask: Ask, *commands: Sequence[str]) -> ResponseError | None:
    """The first refusal of one of these."""
    try:
        for command in commands:
            await ask(*command)
    except ResponseError as error:
        return error
    return None


def _words(error: ResponseError, script: str = "") -> str:
    """What the server says, without what it repeats of the command; and at which command of a script."""
    said = re.split(r"\. |, with args| script: ", str(error), maxsplit=1)[0].rstrip(".")[:LONGEST]
    if script and (line := re.search(r"user_script: ?(\d+)", str(error))):
        said += f", at {script.splitlines()[int(line[1]) - 1].split(chr(39))[1]}"
    return said


async def _are_missing(ask: Ask, keys: Sequence[str]) -> bool:
    found = await ask("MGET", *keys)
    await ask("DEL", *keys)
    return None in found
