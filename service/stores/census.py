"""How many sessions are live: estimated from keys drawn at random, since counting all would take a walk over all.

Each key of a server is drawn with the same chance (RANDOMKEY), whatever else that server keeps. One that is a user's
list of sessions stands for the live ones among them, any other for none; so the mean, times the number of keys, is the
number of live sessions, and how far the draws lie apart tells how exact that is. On a Cluster each primary is drawn
from by its share of the keys. Keys that have expired and are not yet freed count among a server's: 1 in 100, or so.
"""

import math
from collections.abc import Collection, Sequence
from functools import partial
from statistics import fmean, variance
from typing import NamedTuple

from service.activity import Estimate
from service.runtime.background import settled
from service.stores.redis.connection import Connection, Node
from service.stores.session_keys import user_of
from service.stores.sessions import SessionStore

DRAWS = 10_000  # in all: a standard error of 2 %, where a fourth of the keys are such lists
AT_ONCE = 100  # in one script: others wait less than a millisecond for it
USERS = 100  # whose sessions are read together
# Not a file of lua/: what `check` and a start try is what people cannot log in without.
DRAW = "local keys = {} for n = 1, tonumber(ARGV[1]) do keys[n] = redis.call('RANDOMKEY') end return keys"


class Stratum(NamedTuple):
    """A server with so many keys, and for how many live sessions each of its keys stood that were drawn."""

    keys: int
    drawn: Sequence[int]


class SessionCensus:
    """Draws so many keys, by short scripts, and reads the sessions of as many users at most."""

    def __init__(self, connection: Connection, sessions: SessionStore, draws: int = DRAWS) -> None:
        self._connection = connection
        self._sessions = sessions
        self._draws = draws

    async def estimate(self, now: float) -> Estimate:
        """How many sessions are live. Raises ServiceUnavailable, also where one server of a Cluster is away."""
        nodes = await self._connection.nodes()
        sizes = [int(await self._connection.ask(partial(node, "DBSIZE"))) for node in nodes]
        shares = [(node, size) for node, size in zip(nodes, sizes, strict=True) if size]
        drawn = [await self._draw(node, math.ceil(self._draws * size / sum(sizes))) for node, size in shares]
        live = await self._live_of({user for users in drawn for user in users if user}, now)
        strata = [
            Stratum(size, [live.get(user, 0) for user in users]) for (_, size), users in zip(shares, drawn, strict=True)
        ]
        return estimated(strata, now)

    async def _draw(self, node: Node, draws: int) -> list[int]:
        """Whose list of sessions each of so many keys is; 0 for any other key."""
        users: list[int] = []
        while len(users) < draws:
            some = min(AT_ONCE, draws - len(users))
            keys = await self._connection.ask(partial(node, "EVAL", DRAW, "0", str(some)))
            users += [user_of(key or b"") or 0 for key in keys]
            users += [0] * (some - len(keys))  # the last key has gone meanwhile
        return users

    async def _live_of(self, users: Collection[int], now: float) -> dict[int, int]:
        """How many live sessions each user has."""
        left, live = list(users), dict[int, int]()
        while left:
            some, left = left[:USERS], left[USERS:]
            found = await settled(*(self._sessions.of_user(user) for user in some))
            for user, sessions in zip(some, found, strict=True):
                live[user] = sum(now < session.expires_at for session in sessions)
        return live


def estimated(strata: Sequence[Stratum], now: float) -> Estimate:
    """What the draws tell. The standard error is at least that of a single find: few draws find nothing of the rare."""
    live = sum(keys * fmean(drawn) for keys, drawn in strata)
    errors = (
        keys * max(math.sqrt(variance(drawn) / len(drawn)) if len(drawn) > 1 else 0.0, 1 / len(drawn))
        for keys, drawn in strata
    )
    return Estimate(round(live), round(math.hypot(*errors)), now)
