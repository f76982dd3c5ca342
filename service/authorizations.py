"""Use cases: refresh, check, log out."""

import logging
import math
import secrets
from collections.abc import Callable
from typing import NoReturn

from config import Settings
from service import rotation, tokens
from service.entities import Clock, EndReason, Identity, Session, TokenPair
from service.errors import (
    InvalidRefreshToken,
    InvalidToken,
    ServiceError,
    ServiceUnavailable,
    SessionEnded,
)
from service.events import Attempt, Event, Events
from service.issuer import Issuer, pair
from service.runtime.single_flight import SingleFlight
from service.stores.sessions import SessionStore, TokenLookup
from service.tokens import Kind, Token, TokenKeys

SWAPS = 100  # tries to write a refreshed session that others are refreshing too; each round at least one gets through

log = logging.getLogger(__name__)


class Authorizations:
    """Access and refresh tokens, from the first refresh to log-out (sections 2 and 3 of the contract).

    `seen` is called with whose token was found live: at every check, so it must be quick.
    """

    def __init__(
        self,
        settings: Settings,
        sessions: SessionStore,
        events: Events,
        clock: Clock,
        seen: Callable[[int], object],
    ) -> None:
        self._rule = rotation.Rule(settings.rotation_window, settings.rotation_grace)
        self._keys = TokenKeys(settings.token_keys)
        self._issuer = Issuer(settings, self._keys)
        self._sessions = sessions
        self._events = events
        self._clock = clock
        self._seen = seen
        self._refreshes: SingleFlight[TokenPair] = SingleFlight()

    async def refresh(self, text: str) -> TokenPair:
        """Apply the refresh rule. Raises InvalidRefreshToken, SessionEnded, ServiceUnavailable.

        Those of one session are written one after the other: each would have to begin anew when another is written.
        What could change nothing waits for nobody, so that made-up tokens keep no honest one waiting.
        """
        with self._events.attempt(Attempt.REFRESH):
            token, digest, found = await self._find(text, InvalidRefreshToken)
            session = found.session
            if session is None or self._is_access(digest, found) or not self._concerns(session, token):
                raise InvalidRefreshToken
            lane = (token.user_id, token.session_id)
            return await self._refreshes.run(lane, digest, lambda: self._rotate(token, session, found.raw))

    @property
    def refreshes_in_flight(self) -> int:
        """How many refreshes wait for their turn or are being written."""
        return len(self._refreshes)

    async def check(self, text: str) -> Identity:
        """Whose a live access token is. One Redis command. Raises InvalidToken, SessionEnded, ServiceUnavailable."""
        token, digest, found = await self._find(text, InvalidToken)
        access = found.access
        if access is None or not self._is_access(digest, found):
            raise InvalidToken
        self._seen(token.user_id)
        expires_in = math.floor(access.expires_at - self._clock())
        return Identity(token.user_id, token.session_id, access.issued_at, access.expires_at, expires_in)

    async def log_out(self, text: str) -> None:
        """End the session of an access or a refresh token. One that is dead already is fine (RFC 7009 section 2.2)."""
        try:
            token, digest, found = await self._find(text, InvalidToken)
        except (InvalidToken, SessionEnded):
            return
        session = found.session
        if session is None:
            return
        if self._is_access(digest, found) or rotation.recognises(session.refresh, token.secret):
            await self._sessions.end(token.user_id, token.session_id, EndReason.LOGGED_OUT, self._clock())
            self._events.record(Event.LOGOUT, user_id=token.user_id, session_id=token.session_id)

    def _concerns(self, session: Session, token: Token) -> bool:
        """Whether the token is, or ever was, a refresh token. Nothing else that addresses a session can change it."""
        return rotation.recognises(session.refresh, token.secret) or self._keys.have_made(Kind.REFRESH, token)

    async def _rotate(self, token: Token, session: Session | None, raw: bytes) -> TokenPair:
        seals = [*self._keys.seals(Kind.REFRESH, token.user_id, token.session_id), rotation.unsealed]
        for _ in range(SWAPS):
            now = self._clock()
            if session is None or now >= session.expires_at:
                raise InvalidRefreshToken
            state, secret = rotation.refresh(
                session.refresh,
                token.secret,
                now=now,
                nonce=secrets.token_bytes(rotation.NONCE_BYTES),
                rule=self._rule,
                seals=seals,
            )
            if secret is None:
                await self._end_as_stolen(token, now)
            expires_at = self._issuer.expiry(session.created_at, now)
            refreshed = session._replace(refresh=state, refreshed_at=now, expires_at=expires_at)
            new_token, access = self._issuer.access(refreshed)
            written = await self._sessions.replace(raw, refreshed, tokens.key_suffix(access.digest), access)
            if written is True:
                name = session.device.name
                self._events.record(Event.REFRESH, user_id=token.user_id, session_id=token.session_id, device=name)
                successor = Token(token.user_id, token.session_id, secret)
                return pair(new_token, successor, refreshed, access)
            if written is False:
                raise InvalidRefreshToken
            session, raw = self._sessions.reload(written, token.user_id, token.session_id), written
        raise ServiceUnavailable

    async def _end_as_stolen(self, token: Token, now: float) -> NoReturn:
        if not self._keys.have_made(Kind.REFRESH, token):  # it was recognised a moment ago, and has no tag
            raise InvalidRefreshToken
        await self._sessions.end(token.user_id, token.session_id, EndReason.REUSED, now)
        self._events.record(Event.REFRESH_TOKEN_REUSED, user_id=token.user_id, session_id=token.session_id)
        raise SessionEnded(EndReason.REUSED, just_now=True, refreshing=True)

    async def _find(self, text: str, malformed: type[ServiceError]) -> tuple[Token, str, TokenLookup]:
        """A token, the digest of its secret, and its keys. Raises SessionEnded, or `malformed` for what is no token."""
        token = tokens.parse(text)
        if token is None:
            raise malformed
        digest = tokens.digest(token.secret)
        found = await self._sessions.find(token.user_id, token.session_id, tokens.key_suffix(digest))
        if found.ended:
            raise SessionEnded(found.ended, refreshing=malformed is InvalidRefreshToken)
        return token, digest, found if self._clock() < found.expires_at else TokenLookup()

    def _is_access(self, digest: str, found: TokenLookup) -> bool:
        return (
            found.access is not None
            and tokens.equal(found.access.digest, digest)
            and self._clock() < found.access.expires_at
        )
