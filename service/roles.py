"""Those who may ask the private listener: what they are called, and how much each may do. Pure."""

import re
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from service.languages import N_

NAME = re.compile(r"[a-z][a-z0-9._-]{0,31}", re.ASCII)
NAME_EXPECTED = N_("should be a lower-case letter, then up to 31 of a-z, 0-9, dot, hyphen and underscore")
NAME_TAKEN = N_("is taken")
LINK_LIFE = 600  # seconds for which the link is good that an operator enrols by


class Role(StrEnum):
    """What an operator or a key may do: each role also what those before it may."""

    LOOK = "look"
    ACT = "act"
    OWNER = "owner"

    def reaches(self, needed: "Role") -> bool:
        """Whether this role is enough where `needed` is asked for."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class Operator(NamedTuple):
    """Somebody who may ask the private listener: a person, or a program's key."""

    name: str
    role: Role
    created_at: datetime
    last_used_at: datetime | None


class Actor(NamedTuple):
    """Which operator or key does something just now, and the reason that was given for it."""

    name: str
    role: Role
    remark: str = ""
