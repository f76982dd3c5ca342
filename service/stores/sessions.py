"""Sessions in Redis: three keys, all with the user's hash tag, so that every operation is atomic on one cluster slot.

    token:{<user_id>}:<session_id>:<n>   one live access token: "<issued> <expires> <digest>"
    session:{<user_id>}:<session_id>     one device: readable JSON, or the tombstone of a session ended on purpose
    sessions:{<user_id>}                 the ids of the user's live sessions, with commas, the last refreshed last
    barred:{<user_id>}                   for some minutes after the user was disabled
    devices:{<user_id>}                  what devices of the user are called, with commas, the last logged in with last

A token is live only while all three say so; hence deleting any of them is enough, at once. `session_keys.py` spells
them. What cannot be read (an operator's typo, a foreign value) counts as not there. Ending a session frees
memory before it takes any, and so goes through on a Redis that is full.
"""

from collections.abc import Sequence
from typing import NamedTuple

from service.entities import AccessRecord, EndReason, Session
from service.stores import devices, outbox_entries, session_records
from service.stores.outbox import Outbox
from service.stores.redis.connection import Connection, milliseconds
from service.stores.redis.scripts import Script, ScriptCall
from service.stores.session_keys import blocked_key, devices_key, keys_of, session_key, sessions_key, token_key

OPEN = Script("open_session", repeatable=True)
# Repeating a swap that went through finds a changed record, which the caller must handle in any case.
REFRESH = Script("refresh_session", repeatable=True)
END = Script("end_session", repeatable=True)
END_ALL = Script("end_all_sessions", repeatable=True)
UNBLOCK = Script("unblock_logins", repeatable=True)
BLOCKED = 600.0  # seconds; longer than any login takes


class TokenLookup(NamedTuple):
    """What the three keys of one token said at one moment.

    `expires_at` is the session's, 0 where there is none; `raw` is its record as it stands, for a swap.
    """

    access: AccessRecord | None = None
    expires_at: float = 0.0
    ended: EndReason | None = None
    raw: bytes = b""
    user_id: int = 0
    session_id: str = ""

    @property
    def session(self) -> Session | None:
        """The whole session, put together where it is asked for: a check needs no more than its end."""
        return session_records.load_session(self.raw, self.user_id, self.session_id)


class OpenResult(NamedTuple):
    """The ids of the sessions that made room for a new one, and whether all went through that was to follow.

    `is_new_device`: the user is known to have other devices, and not this one.
    """

    replaced: list[str]
    is_complete: bool
    is_new_device: bool = False


class SessionStore:
    """Opens, finds, refreshes and ends sessions. `outbox` is None where no other system is told."""

    def __init__(self, connection: Connection, outbox: Outbox | None = None) -> None:
        self._connection = connection
        self._outbox = outbox

    async def find(self, user_id: int, session_id: str, key_suffix: str) -> TokenLookup:
        """The three keys of one token in one round trip: one MGET. There is no session unless it is also listed."""
        token, session, listed = await self._connection.values(
            token_key(user_id, session_id, key_suffix), session_key(user_id, session_id), sessions_key(user_id)
        )
        if session is None:
            return TokenLookup()
        ended, expires_at = session_records.glance(session)
        if ended or not expires_at or session_id.encode() not in (listed or b"").split(b","):
            return TokenLookup(ended=ended)
        access = session_records.load_access(token)
        return TokenLookup(access, expires_at, None, session, user_id, session_id)

    async def open(
        self,
        session: Session,
        key_suffix: str,
        access: AccessRecord,
        *,
        cap: int,
        then: Sequence[ScriptCall] = (),
        device: str = "",
        is_new_user: bool = False,
    ) -> OpenResult | None:
        """Write a new session and its access token, and do the steps that follow.

        `device` is what the device is called (`DeviceNames`), empty where that is not known. None, and nothing written,
        while logins of the user are blocked.
        """
        steps = [self._opening(session, key_suffix, access, cap, device), *then]
        user_id, now = session.user_id, session.created_at
        if self._outbox:
            entries = outbox_entries.of_login(
                user_id, session.session_id, is_new_user=is_new_user, tells_device=bool(device)
            )
            opened, *followed = await self._outbox.run(steps, now, entries, true_already=int(is_new_user))
        else:
            opened, *followed = await self._connection.run_chain(steps)
        if not isinstance(opened, list):
            return None
        is_new_device, *replaced = opened
        ids = [session_id.decode(errors="replace") for session_id in replaced]
        return OpenResult(ids, followed == [1] * len(then), bool(is_new_device))

    def _opening(self, session: Session, key_suffix: str, access: AccessRecord, cap: int, device: str) -> ScriptCall:
        now, user_id = session.created_at, session.user_id
        known: Sequence[str | int] = [device, devices.MOST, milliseconds(devices.LIFE)] if device else ()
        return (
            OPEN,
            [*keys_of(session, key_suffix), blocked_key(user_id), *([devices_key(user_id)] if device else ())],
            [
                session.session_id,
                session_records.dump_session(session),
                milliseconds(session.expires_at - now),
                session_records.dump_access(access),
                milliseconds(access.expires_at - now),
                cap,
                session_records.tombstone(EndReason.REPLACED, now),
                *known,
            ],
        )

    async def replace(self, raw: bytes, session: Session, key_suffix: str, access: AccessRecord) -> bool | bytes:
        """Write a refreshed session if its record still is `raw`.

        True when written, False when it is no longer live, or the record that somebody else has written meanwhile
        (see `reload`).
        """
        now = session.refreshed_at
        answer = await self._connection.run(
            REFRESH,
            keys_of(session, key_suffix),
            [
                session.session_id,
                raw,
                session_records.dump_session(session),
                milliseconds(session.expires_at - now),
                session_records.dump_access(access),
                milliseconds(access.expires_at - now),
            ],
        )
        return answer if isinstance(answer, bytes) else bool(answer)

    def reload(self, raw: bytes, user_id: int, session_id: str) -> Session | None:
        """The session in a record that `replace` answered."""
        return session_records.load_session(raw, user_id, session_id)

    async def end(self, user_id: int, session_id: str, reason: EndReason, now: float) -> bool:
        """End one session, leaving a tombstone. False where it was not live."""
        keys = [session_key(user_id, session_id), sessions_key(user_id)]
        ending: ScriptCall = (END, keys, [session_id, session_records.tombstone(reason, now)])
        if self._outbox:
            answers = await self._outbox.run([ending], now, outbox_entries.of_end(user_id, session_id, reason))
            return bool(answers[0])
        return bool(await self._connection.run(*ending))

    async def end_all(
        self, user_id: int, reason: EndReason, now: float, *, keep: str = "", block_logins: bool = False
    ) -> list[str]:
        """End all sessions of a user but `keep`, leaving tombstones. Returns the ids of those that were live.

        With `block_logins` none is opened for a while: not even for a login that had passed the database before.
        """
        keys = [sessions_key(user_id), session_key(user_id, ""), blocked_key(user_id)]
        blocked = milliseconds(BLOCKED) if block_logins else 0
        ending: ScriptCall = (END_ALL, keys, [session_records.tombstone(reason, now), keep, blocked])
        if self._outbox:
            [ended] = await self._outbox.run([ending], now, [outbox_entries.of_each_end(user_id, reason)])
        else:
            ended = await self._connection.run(*ending)
        return [session_id.decode(errors="replace") for session_id in ended]

    async def unblock_logins(self, user_id: int) -> None:
        """Open sessions of this user again."""
        await self._connection.run(UNBLOCK, [blocked_key(user_id)], [])

    async def of_user(self, user_id: int) -> list[Session]:
        """The user's live sessions, in no order that is promised. Two round trips: the list, then the records."""
        [listed] = await self._connection.read("MGET", sessions_key(user_id))  # MGET: another type is no error
        ids = [*dict.fromkeys(filter(None, (listed or b"").decode(errors="replace").split(",")))]
        if not ids:
            return []
        values = await self._connection.read("MGET", *(session_key(user_id, session_id) for session_id in ids))
        found = (
            session_records.load_session(value, user_id, session_id)
            for session_id, value in zip(ids, values, strict=True)
        )
        return [session for session in found if session]
