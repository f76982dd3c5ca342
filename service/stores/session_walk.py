"""Sessions of very many users: found on every master there is, or by the users' lists; read, and ended, in batches.

For what no request waits for: each step is short, so that token checks get their turn between two of them.
"""

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from typing import Any

from service.entities import EndReason
from service.errors import ServiceUnavailable
from service.runtime.background import settled
from service.selections import Login
from service.stores import outbox_entries, session_records
from service.stores.found_sessions import FoundSessions, Place, by_slot
from service.stores.outbox import MANY, Outbox
from service.stores.outbox_entries import MARKED
from service.stores.redis.cluster import ClusterClient
from service.stores.redis.connection import Connection
from service.stores.redis.scripts import Script
from service.stores.session_keys import session_key, sessions_key

STEP = 2000  # keys that one SCAN looks at: less than a millisecond of a server's time
END_MANY = Script("end_sessions", repeatable=True)
NAMES = session_key("*", "*")
KEY = re.compile(rb"session:\{([1-9][0-9]{0,18})\}:([0-9a-f]{16})")
MOST_USERS = 1 << 63


class SessionWalk:
    """Finds and ends. Raises ServiceUnavailable. `outbox` is None where no other system is told."""

    def __init__(self, connection: Connection, outbox: Outbox | None = None) -> None:
        self._connection = connection
        self._outbox = outbox

    def nothing_found(self) -> FoundSessions:
        """What takes the places of those that are to be ended."""
        return FoundSessions(by_slot=not self._connection.joins)

    def _slots(self, places: Sequence[Place]) -> Sequence[Sequence[Place]]:
        """The places in groups that one command takes."""
        return [places] if places and self._connection.joins else by_slot(places)

    async def everywhere(self) -> AsyncIterator[list[Place]]:
        """The places of all sessions, and of tombstones, some hundred at a time; of one perhaps twice.

        None is missed that is there all the while. Where that cannot be promised, because the slots of a Cluster have
        moved meanwhile, it raises ServiceUnavailable at the end: whoever asks has to begin again.
        """
        before = await self._layout()
        for node in await self._connection.nodes():
            cursor: Any = 0
            while True:
                scan = partial(node, "SCAN", cursor, "MATCH", NAMES, "COUNT", STEP)
                cursor, names = await self._connection.ask(scan)
                yield _places(names)
                if not int(cursor):
                    break
        if before != await self._layout():
            raise ServiceUnavailable

    async def _layout(self) -> dict[int, str]:
        """Which master has which slot of a Cluster; empty where there is but one."""
        redis: Any = self._connection.redis
        if not isinstance(redis, ClusterClient):
            return {}
        layout: dict[int, str] = await self._connection.ask(redis.layout)
        return layout

    async def of_users(self, user_ids: Sequence[int]) -> list[Place]:
        """The places of these users' sessions."""
        slots = [[user_id for user_id, _ in slot] for slot in self._slots([(user_id, "") for user_id in user_ids])]
        lists = await self._connection.values_of_slots([[sessions_key(user_id) for user_id in slot] for slot in slots])
        users = [user_id for slot in slots for user_id in slot]
        names = (
            session_key(user_id, session_id).encode()
            for user_id, listed in zip(users, lists, strict=True)
            for session_id in (listed or b"").decode(errors="replace").split(",")
        )
        return _places(names)

    async def logins(self, places: Sequence[Place]) -> list[tuple[Place, Login]]:
        """The live ones of these, and what is known of the login that each began with."""
        slots = self._slots(places)
        values = await self._connection.values_of_slots([[session_key(*place) for place in slot] for slot in slots])
        found = zip((place for slot in slots for place in slot), values, strict=True)
        return [(place, login) for place, value in found if (login := session_records.load_login(value))]

    async def end(self, places: Sequence[Place], reason: EndReason, now: float) -> list[Place]:
        """End these, leaving tombstones. Returns those that were live.

        Tried again with the same moment, it returns those that it has ended already as well.
        """
        slots = self._slots(places)
        calls = [
            ([key for place in slot for key in _keys(place)], [session_id for _, session_id in slot]) for slot in slots
        ]
        tombstone, joined = session_records.tombstone(reason, now), [place for slot in slots for place in slot]
        if self._outbox and self._connection.joins:
            [(keys, ids)] = calls
            entries = [outbox_entries.of_end(*place, reason, MARKED)[-1] for place in joined]
            [ended] = await self._outbox.run([(END_MANY, keys, [tombstone, *ids])], now, entries)
            return _marked(joined, ended)
        were_live = _marked(joined, await self._connection.run_of_slots(END_MANY, [tombstone], calls))
        if self._outbox:
            self._outbox.add(now, [outbox_entries.of_end(*place, reason)[-1] for place in were_live])
        return were_live

    async def delete(self, places: Sequence[Place]) -> int:
        """End these as a `DEL` by hand does, in an eighth of a server's time: nothing is left that says why.

        No other system is told of each. Returns how many there were.
        """
        keys = [[session_key(*place) for place in slot] for slot in self._slots(places)]
        ended: int = sum(await settled(*(self._connection.delete(*names) for names in keys)))
        if self._outbox and ended:
            self._outbox.lose(MANY, ended)
        return ended


def _marked(places: Sequence[Place], marks: Sequence[int]) -> list[Place]:
    return [place for place, mark in zip(places, marks, strict=True) if mark]


def _keys(place: Place) -> tuple[str, str]:
    return session_key(*place), sessions_key(place[0])


def _places(names: Iterable[bytes]) -> list[Place]:
    """What these keys are of. Those that no token leads to are left out: an operator's typo, a foreign key."""
    found = ((int(name[1]), name[2].decode()) for name in map(KEY.fullmatch, names) if name)
    return [place for place in found if place[0] < MOST_USERS]
