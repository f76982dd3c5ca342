"""Use case: log in. A code is traded for a session, and spent last."""

import secrets
from datetime import UTC, datetime

from config import Settings
from service import issuer, rotation, tokens
from service.codes import Codes
from service.device_names import DeviceNames
from service.entities import (
    AccessRecord,
    Clock,
    Device,
    EndReason,
    PastLogin,
    Session,
    TokenPair,
    User,
    UserStatus,
)
from service.errors import InvalidCode, UserDisabled
from service.events import TEST_CODE, Attempt, Event, Events
from service.issuer import Issuer
from service.repeats import NamedLogin, Repeats
from service.runtime import deadline
from service.stores.code_values import CodeLease
from service.stores.logins import LoginStore
from service.stores.sessions import OpenResult, SessionStore
from service.stores.users import UserStore
from service.tokens import Kind, SessionSecrets, TokenKeys
from service.undoing import best_effort

NONCE_BYTES = 16


class Logins:
    """From a code to a session (sections 2 and 4 of the contract)."""

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
        self._cap = settings.max_sessions
        self._keys = TokenKeys(settings.token_keys)
        self._issuer = Issuer(settings, self._keys)
        self._repeats = Repeats(settings, sessions, clock)
        self._devices = DeviceNames(settings.device_name_key)
        self._codes = codes
        self._users = users
        self._sessions = sessions
        self._logins = logins
        self._events = events
        self._clock = clock

    async def log_in(self, mobile: str, code: str, device: Device, request_id: str = "") -> tuple[TokenPair, bool]:
        """Trade a code for a session; the second part tells whether the user is new.

        The code is spent last: whatever fails before leaves it good. With a `request_id` of the client's own the login
        can be repeated, and is answered as it was before. Raises InvalidCode, TooManyRequests, UserDisabled,
        ServiceUnavailable.
        """
        with self._events.attempt(Attempt.LOGIN):
            login = self._repeats.named(mobile, code, request_id) if request_id else None
            try:
                lease = await self._verify(mobile, code, device.ip, login)
            except InvalidCode:
                refused = InvalidCode.code
                self._events.record(Event.LOGIN_REFUSED, mobile=mobile, reason=refused, device=device.name)
                raise
            if not isinstance(lease, CodeLease):
                return lease
            try:
                user, is_new = await self._admit(mobile)
                pair, opened = await self._open(user.id, device, lease, login, is_new=is_new)
            except Exception:
                await self._give_back(lease)
                raise
            reason = TEST_CODE if self._codes.is_fixed(mobile) else None
            sid, name = pair.session_id, device.name
            self._events.record(Event.LOGIN, user_id=user.id, session_id=sid, mobile=mobile, reason=reason, device=name)
            if opened.is_new_device:
                new = Event.LOGIN_NEW_DEVICE
                self._events.record(new, user_id=user.id, session_id=sid, mobile=mobile, reason=reason, device=name)
            return pair, is_new

    async def _verify(
        self, mobile: str, code: str, ip: str, login: NamedLogin | None
    ) -> CodeLease | tuple[TokenPair, bool]:
        """A code, lent to this login, or what it was answered before."""
        if login is None:
            return await self._codes.verify(mobile, code, ip)
        found = await self._codes.verify(mobile, code, ip, login.marks)
        while isinstance(found, PastLogin):
            if tokens_of_it := await self._repeats.tokens_of(login, found):
                return tokens_of_it, found.is_new
            found = await self._codes.verify_anew(mobile, code, ip, login.marks, found)
        return found

    async def _admit(self, mobile: str) -> tuple[User, bool]:
        now = datetime.fromtimestamp(self._clock(), UTC)
        user = await self._users.log_in(mobile, now)
        if user.status is UserStatus.DISABLED:
            self._events.record(Event.LOGIN_REFUSED, user_id=user.id, mobile=mobile, reason=UserDisabled.code)
            raise UserDisabled
        return user, user.created_at == now

    async def _give_back(self, lease: CodeLease) -> None:
        with best_effort("a login code could not be released; it can be tried again in a few seconds"):
            await self._codes.release(lease)

    async def _open(
        self, user_id: int, device: Device, lease: CodeLease, login: NamedLogin | None, *, is_new: bool
    ) -> tuple[TokenPair, OpenResult]:
        now = self._clock()
        past = PastLogin(lease.marks[0].digest, secrets.token_hex(NONCE_BYTES), user_id, is_new) if login else None
        drawn = login.secrets(past.nonce) if login and past else SessionSecrets.generate()
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
        opened = await self._begin(session, key_suffix, access, lease, past, is_new=is_new)
        for other in opened.replaced:
            self._events.record(Event.SESSION_REPLACED, user_id=user_id, session_id=other)
        return issuer.pair(token, refresh_token, session, access), opened

    async def _begin(
        self,
        session: Session,
        key_suffix: str,
        access: AccessRecord,
        lease: CodeLease,
        past: PastLogin | None,
        *,
        is_new: bool,
    ) -> OpenResult:
        """Open a session and spend its code, or leave neither done.

        Where it is not known which, a login that was recorded keeps its session: whoever repeats it gets the tokens.
        """
        device = self._devices.of(session.user_id, session.device.id)
        try:
            opened = await self._logins.complete(
                session, key_suffix, access, lease, cap=self._cap, past=past, device=device, is_new_user=is_new
            )
        except Exception:
            with deadline.cleanup_allowance():
                if past is None or await self._codes.release(lease):  # still lent: neither spent nor recorded
                    await self._end(session)
            raise
        if opened is None:  # disabled since the database was asked
            raise UserDisabled
        if not opened.is_complete:  # the login took longer than the lease
            with deadline.cleanup_allowance():
                await self._end(session)
            raise InvalidCode
        self._codes.note_spent(lease)
        return opened

    async def _end(self, session: Session) -> None:
        await self._sessions.end(session.user_id, session.session_id, EndReason.REVOKED, session.created_at)
