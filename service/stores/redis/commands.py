"""What goes over a pipelined connection: the commands of callers, and those of many that can be one.

A message knows whose answer it brings, and what becomes of them where the server refuses it.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from hiredis import pack_command
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError

from service.stores.pending_call import PendingCall
from service.stores.redis.refusals import is_demoted, wants_text

MGET, EVALSHA = "MGET", "EVALSHA"


class Command:
    """What one caller asks of Redis. `repeatable`: doing it twice does what doing it once does.

    `script` is the text of the one that `arguments` name by its digest, if they do.
    """

    __slots__ = ("arguments", "key", "repeatable", "script")

    def __init__(self, key: str, arguments: Sequence[Any], repeatable: bool, script: str = "") -> None:  # noqa: FBT001 - made for every command
        self.key = key
        self.arguments = arguments
        self.repeatable = repeatable
        self.script = script

    @property
    def whole(self) -> Sequence[Any]:
        """What is sent instead where the server does not know the script."""
        return ("EVAL", self.script, *self.arguments[2:])


Call = PendingCall[Command, Any]

# One command as it goes over the wire, and those who asked for it: an MGET may be that of many. A plain tuple: a named
# one takes two thousand instructions to make.
Message = tuple[Sequence[Any], Sequence[Call]]


def deliver(message: Message, answer: Any) -> Sequence[Message]:
    """Resolve the callers' futures with a reply. Returns what to send instead where the server has refused it for now.

    That is the message itself where a replica has refused it: its master is elsewhere. Raises what says that the server
    cannot be spoken to (it loads its data, it wants a password).
    """
    calls = message[1]
    if isinstance(answer, Exception):
        return _refused(message, answer)
    if len(calls) == 1:
        calls[0].answer(answer)
        return ()
    start = 0
    for call in calls:
        end = start + len(call.item.arguments) - 1
        call.answer(answer[start:end])
        start = end
    return ()


def _refused(message: Message, error: Exception) -> Sequence[Message]:
    arguments, calls = message
    if isinstance(error, RedisConnectionError):
        raise error
    if is_demoted(error):
        return [message]
    if len(calls) > 1:  # one of them may be to blame: each by itself
        return one_per_call(calls)
    [call] = calls
    if arguments[0] == EVALSHA and call.item.script and wants_text(error):
        return [(call.item.whole, calls)]
    call.fail(error)
    return []


def one_per_call(calls: Iterable[Call], *, by_text: bool = False) -> list[Message]:
    """A message for each; with `by_text` scripts go whole, as the server knows no digests."""
    if by_text:
        return [(call.item.whole if call.item.script else call.item.arguments, (call,)) for call in calls]
    return [(call.item.arguments, (call,)) for call in calls]


def merge_mgets(calls: Sequence[Call]) -> list[Message]:
    """One MGET for all of these, which are MGETs."""
    if len(calls) == 1:
        return one_per_call(calls)
    return [((MGET, *chain.from_iterable(call.item.arguments[1:] for call in calls)), calls)]


def encode(messages: Iterable[Message]) -> tuple[bytes, list[Message]]:
    """The bytes to be sent, and whose answers will come. What cannot be told in bytes fails by itself.

    Packed by hiredis itself: redis-py's own packing of a batch takes several times as long.
    """
    parts: list[bytes] = []
    sent: list[Message] = []
    for message in messages:
        arguments, calls = message
        try:
            parts.append(pack_command(tuple(arguments)))
            sent.append(message)
        except (TypeError, ValueError) as error:  # the latter: half of a surrogate pair
            if len(calls) == 1:
                calls[0].fail(error if isinstance(error, ValueError) else DataError(str(error)))
                continue
            rest, others = encode(one_per_call(calls))
            parts.append(rest)
            sent += others
    return b"".join(parts), sent
