"""Sessions in numbers: written by the session store itself, with a recorder in the place of its connection.

The store says which scripts run with which keys and values; the recorder sends thousands of them in one go.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis

from service import rotation, tokens
from service.entities import AccessRecord, Device, Session
from service.stores.redis.connection import Connection
from service.stores.redis.scripts import ScriptCall
from service.stores.sessions import SessionStore

LIFE, ACCESS_LIFE = 1_209_600.0, 3_600.0
CAP = 10
BATCH = 2_000
FIRST_USER = 1_000_000
KEYS = tokens.TokenKeys([b"a key of the benchmark, which no service knows"])


@dataclass(frozen=True, slots=True)
class Pair:
    """What the device of a session holds."""

    token: str
    refresh_token: str


class _Recorder:
    """Takes the place of a Connection, for a store that only writes."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._pipeline = client.pipeline(transaction=False)
        self._known: set[str] = set()

    async def run_chain(self, steps: Sequence[ScriptCall]) -> list[list[int]]:
        for script, keys, arguments in steps:
            if script.name not in self._known:
                self._client.script_load(script.source)
                self._known.add(script.name)
            self._pipeline.evalsha(script.sha, len(keys), *keys, *arguments)
        return [[0]]  # no new device, and no session made room for this one

    def send(self) -> None:
        self._pipeline.execute()


def fill(client: Redis, sessions: int, first_user: int = FIRST_USER) -> list[Pair]:
    """Open one session for each of so many users."""
    return asyncio.run(_fill(client, sessions, first_user))


async def _fill(client: Redis, sessions: int, first_user: int) -> list[Pair]:
    recorder = _Recorder(client)
    store = SessionStore(cast("Connection", cast("Any", recorder)))
    pairs: list[Pair] = []
    for user_id in range(first_user, first_user + sessions):
        pairs.append(await open_session(store, user_id))
        if len(pairs) % BATCH == 0:
            recorder.send()
    recorder.send()
    return pairs


async def open_session(store: SessionStore, user_id: int, cap: int = CAP) -> Pair:
    """A session such as a login opens, and its tokens."""
    now = time.time()
    session_id, *drawn = tokens.SessionSecrets.generate()
    minted = (KEYS.mint(kind, user_id, session_id, random) for kind, random in zip(tokens.Kind, drawn, strict=True))
    token, refresh_token = minted
    session = Session(
        user_id=user_id,
        session_id=session_id,
        device=Device("Chrome on Android, Pixel 8", "203.0.113.77"),
        created_at=now,
        refreshed_at=now,
        expires_at=now + LIFE,
        refresh=rotation.begin(refresh_token.secret, now),
    )
    access = AccessRecord(tokens.digest(token.secret), now, now + ACCESS_LIFE)
    await store.open(session, tokens.key_suffix(access.digest), access, cap=cap)
    return Pair(token.text, refresh_token.text)
