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

from collections.abc import Sequence
from typing import NamedTuple

from service.stores.redis.scripts import Script, ScriptCall

STREAM = "{outbox}:events"
COUNTS = "{outbox}:counts"
# Running it twice appends twice, under two ids: an event is told at least once.
APPEND = Script("append_outbox", repeatable=True)
IN_CHAIN = "?"
# Why other systems do not hear of something: Redis refused the entry, could not be reached, or took too long; a
# revocation ended too many sessions to tell of each; the stream was trimmed before the entry was sent.
REFUSED, UNAVAILABLE, MANY, TRIMMED = LOST = ("refused", "unavailable", "many", "trimmed")


class Entry(NamedTuple):
    """One event to be. `when` says whether it is one, by what the first script of its chain returns: see the script."""

    type: str
    user_id: int
    at: float
    data: str
    when: str = "always"


def appending(most: int, entries: Sequence[Entry], answer: str = IN_CHAIN) -> ScriptCall:
    """What appends these, and keeps the newest `most`, about: the last step of a chain, or by itself with the `answer`.

    It returns how many were appended, and how many could not be.
    """
    arguments: list[str | bytes | int] = [most, answer]
    for kind, user_id, at, data, when in entries:
        arguments += (when, kind, user_id, f"{at:.3f}", data)
    return APPEND, [STREAM, COUNTS], arguments
