"""What limits allow, and to whom: the names of the keys where it is counted. Pure."""

from dataclasses import dataclass, field
from typing import NamedTuple, Self

from limits import RateLimitItem, parse_many

PREFIX = "limit"
NOBODY = "\0"
DAY = 86_400  # seconds
ALL = "all"  # whom a budget that is everybody's belongs to


class Window(NamedTuple):
    """So many within so many seconds. `before` and `after` stand around the caller in its key."""

    item: RateLimitItem
    amount: int
    seconds: int
    before: str
    after: str

    @classmethod
    def of(cls, item: RateLimitItem) -> Self:
        """What the library makes of it, worked out once."""
        before, _, after = item.key_for(NOBODY).partition(NOBODY)
        return cls(item, item.amount, item.get_expiry(), f"{PREFIX}:{before}", after)

    @property
    def is_long(self) -> bool:
        """Whether it is of more than a day: nobody waits for the end of that."""
        return self.seconds > DAY

    def key(self, who: str) -> str:
        """The list of moments of this caller."""
        return f"{self.before}{who}{self.after}"


class Budget(NamedTuple):
    """What one limit allows to one caller, number or prefix. `name` is the limit's, in lower case.

    `who` stands in its keys: so of a number it is the name that it has in Redis.
    """

    name: str
    who: str
    windows: tuple[Window, ...]

    @property
    def keys(self) -> list[str]:
        """Where it is counted."""
        return [window.key(self.who) for window in self.windows]


def windows_of(name: str, text: str) -> tuple[Window, ...]:
    """The windows of a limit in the notation of the `limits` library."""
    items = parse_many(text)
    for item in items:
        item.namespace = name
    return tuple(Window.of(item) for item in items)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A budget without room, the whole seconds until it has some, and whether that is one of more than a day."""

    name: str
    wait: int
    is_long: bool = field(default=False, compare=False)
