"""The values of an export and of an erasing: what is kept of a person. Pure."""

from typing import NamedTuple

from service.entities import Session, User


class Kept(NamedTuple):
    """What is kept of a person, but for the events. `user` is None where only sessions or events are left.

    `codes` and `limits` are how many keys there are of the number; `limits` holds its cool-down too. `devices`
    are those whose ids are known.
    """

    user_id: int
    user: User | None
    sessions: list[Session]
    codes: int
    limits: int
    devices: int


class Erased(NamedTuple):
    """How many of each there were. `limits` are those of the number, with its cool-down; `users` is 1 or 0.

    `devices` is 1 where the ids of any were known, else 0.
    """

    users: int = 0
    sessions: int = 0
    codes: int = 0
    limits: int = 0
    events: int = 0
    devices: int = 0
