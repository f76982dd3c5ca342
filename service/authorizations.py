"""Use cases: log in, refresh, check, log out."""

import logging
import math
import secrets
from datetime import UTC, datetime
from typing import NoReturn

from config import Settings
from service import rotation, tokens
from service.codes import Codes
from service.entities import AccessRecord, Clock, Device, EndReason, Identity, Session, TokenPair, User, UserStatus
from service.errors import (
    InvalidCode,
    InvalidRefreshToken,
    InvalidToken,
    ServiceError,
    ServiceUnavailable,
    SessionEnded,
    UserDisabled,
)
from service.events import TEST_CODE, Attempt, Event, Events
from service.issuer import Issuer, pair
from service.runtime import deadline
from service.runtime.single_flight import SingleFlight
from service.stores.codes import CodeLease
from service.stores.logins import LoginStore
from service.stores.sessions import OpenResult, SessionStore, TokenLookup
from service.stores.users import UserStore
from service.tokens import Kind, Token, TokenKeys

SWAPS = 100  # tries to write a refreshed session that others are refreshing too; each round at least one gets through

log = logging.getLogger(__name__)


class Authorizations:
    """Access and refresh tokens, from login to log-out (sections 2 and 3 of the contract)."""

    def __init__(
        self,
        settings: Settings,
        codes: Codes,
        users: UserStore,
        sessions: SessionStore,
        logins: LoginStore,
        events: Events,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._rule = rotation.Rule(settings.rotation_window, settings.rotation_grace)
        self._keys = TokenKeys(settings.token_keys)
        self._issuer = Issuer(settings, self._keys)
        self._codes = codes
        self._users = users
        self._sessions = sessions
        self._logins = logins
        self._events = events
        self._clock = clock
        self._refreshes: SingleFlight[TokenPair] = SingleFlight()

    async def log_in(self, mobile: str, code: str, device: Device) -> tuple[TokenPair, bool]:
        """Trade a code for a session; the second part tells whether the user is new.

        The code is spent last: whatever fails before leaves it good. Raises InvalidCode, TooManyRequests, UserDisabled,
        ServiceUnavailable.
        """
        with self._events.attempt(Attempt.LOGIN):
            try:
                lease = await self._codes.verify(mobile, code, device.ip)
            except InvalidCode:
                self._events.record(Event.LOGIN_REFUSED, mobile=mobile, reason=InvalidCode.code)
                raise
            try:
                user, is_new = await self._admit(mobile)
                pair = await self._open(user.id, device, lease)
            except Exception:
                await self._give_back(lease)
                raise
            reason = TEST_CODE if self._codes.is_fixed(mobile) else None
            self._events.record(Event.LOGIN, user_id=user.id, session_id=pair.session_id, mobile=mobile, reason=reason)
            return pair, is_new

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

    async def _admit(self, mobile: str) -> tuple[User, bool]:
        now = datetime.fromtimestamp(self._clock(), UTC)
        user = await self._users.log_in(mobile, now)
        if user.status is UserStatus.DISABLED:
            self._events.record(Event.LOGIN_REFUSED, user_id=user.id, mobile=mobile, reason=UserDisabled.code)
            raise UserDisabled
        return user, user.created_at == now

    async def _give_back(self, lease: CodeLease) -> None:
        try:
            with deadline.cleanup_allowance():
                await self._codes.release(lease)
        except ServiceUnavailable:
            log.warning("a login code could not be released; it can be tried again in a few seconds")

    async def _open(self, user_id: int, device: Device, lease: CodeLease) -> TokenPair:
        now = self._clock()
        drawn = tokens.SessionSecrets.generate()
        refresh_token = self._keys.mint(Kind.REFRESH, user_id, drawn.session_id, drawn.refresh)
        session = Session(
            user_id=user_id,
            session_id=drawn.session_id,
            device=device,
            created_at=now,
            refreshed_at=now,
            expires_at=self._issuer.expiry(now, now),
            refresh=rotation.begin(refresh_token.secret, now),
        )
        token, access = self._issuer.access(session, drawn.access)
        key_suffix = tokens.key_suffix(access.digest)
        for other in await self._begin(session, key_suffix, access, lease):
            self._events.record(Event.SESSION_REPLACED, user_id=user_id, session_id=other)
        return pair(token, refresh_token, session, access)

    async def _begin(self, session: Session, key_suffix: str, access: AccessRecord, lease: CodeLease) -> list[str]:
        """Open a session and spend its code, or leave neither done. Returns the sessions that made room for it."""
        opened: OpenResult | None = OpenResult([], is_complete=False)
        try:
            opened = await self._logins.complete(session, key_suffix, access, lease, cap=self._settings.max_sessions)
        finally:
            if opened and not opened.is_complete:
                with deadline.cleanup_allowance():
                    await self._sessions.end(session.user_id, session.session_id, EndReason.REVOKED, session.created_at)
        if opened is None:  # disabled since the database was asked
            raise UserDisabled
        if not opened.is_complete:  # the login took longer than the lease
            raise InvalidCode
        self._codes.note_spent(lease)
        return opened.replaced

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
                self._events.record(Event.REFRESH, user_id=token.user_id, session_id=token.session_id)
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
        raise SessionEnded(EndReason.REUSED, just_now=True)

    async def _find(self, text: str, malformed: type[ServiceError]) -> tuple[Token, str, TokenLookup]:
        """A token, the digest of its secret, and its keys. Raises SessionEnded, or `malformed` for what is no token."""
        token = tokens.parse(text)
        if token is None:
            raise malformed
        digest = tokens.digest(token.secret)
        found = await self._sessions.find(token.user_id, token.session_id, tokens.key_suffix(digest))
        if found.ended:
            raise SessionEnded(found.ended)
        return token, digest, found if self._clock() < found.expires_at else TokenLookup()

    def _is_access(self, digest: str, found: TokenLookup) -> bool:
        return (
            found.access is not None
            and tokens.equal(found.access.digest, digest)
            and self._clock() < found.access.expires_at
        )
