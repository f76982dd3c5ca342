"""What the scripts do to sessions in Redis, as operators, other devices and time do."""

import time

from service import tokens
from service.entities import EndReason, RefreshToken, RotationState
from service.rehearsal.wire import Deed
from service.stores import session_records
from service.stores.redis.connection import Connection
from service.stores.session_keys import session_key, sessions_key, token_key
from service.stores.sessions import SessionStore
from service.tokens import Token

TWO_MINUTES = 120.0  # seconds: past ROTATION_WINDOW and ROTATION_GRACE
REASONS = {Deed.REVOKED: EndReason.REVOKED, Deed.REPLACED: EndReason.REPLACED}


class SessionDeeds:
    """Does them in the Redis of the rehearsal."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._store = SessionStore(connection)

    async def do(self, deed: Deed, text: str) -> bool:
        """Do it to the session of this token. False where there is nothing that it could be done to."""
        token = tokens.parse(text)
        if token is None:
            return False
        if reason := REASONS.get(deed):
            return await self._store.end(token.user_id, token.session_id, reason, time.time())
        if deed is Deed.TIME_PASSES:
            return await self._let_time_pass(token)
        return bool(await self._connection.delete(_key(deed, token)))

    async def _let_time_pass(self, token: Token) -> bool:
        """Two minutes more since all refreshes of a session. Nothing of it may be in flight."""
        key = session_key(token.user_id, token.session_id)
        [raw] = await self._connection.values(key)
        session = session_records.load_session(raw, token.user_id, token.session_id)
        if session is None:
            return False
        older = session._replace(refresh=_older(session.refresh))
        await self._connection.write("SET", key, session_records.dump_session(older).decode(), "KEEPTTL")
        return True


def _key(deed: Deed, token: Token) -> str:
    if deed is Deed.TOKEN_DELETED:
        return token_key(token.user_id, token.session_id, tokens.key_suffix(tokens.digest(token.secret)))
    if deed is Deed.SESSION_DELETED:
        return session_key(token.user_id, token.session_id)
    return sessions_key(token.user_id)


def _older(state: RotationState) -> RotationState:
    return RotationState(
        current=_served_before(state.current),
        pending=tuple(map(_served_before, state.pending)),
        previous=_served_before(state.previous) if state.previous else None,
        previous_retired_at=max(0.0, state.previous_retired_at - TWO_MINUTES),
    )


def _served_before(token: RefreshToken) -> RefreshToken:
    return token._replace(created_at=token.created_at - TWO_MINUTES, served_at=token.served_at - TWO_MINUTES)
