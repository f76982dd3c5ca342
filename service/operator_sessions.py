"""Use cases: operators' sessions at the console. They begin, are looked at with each request, are listed, and end.

An operator of our own has the role that the table says now, and no session once the row is gone. Whoever comes by the
company's OpenID provider is named by an address, and has the role that the session was begun with.
"""

import base64
import hashlib
import hmac
import logging
import re
import secrets
from datetime import UTC, datetime
from typing import NamedTuple

from service import tokens
from service.entities import Clock, Device
from service.errors import LoginFailed, NotFound, NotLoggedIn, ServiceUnavailable
from service.events import ACTOR, Event, Events
from service.languages import N_, Filled
from service.operator_entities import OperatorSession
from service.roles import NAME, Actor, Role
from service.stores.operator_sessions import OperatorRecord, OperatorSessionStore
from service.stores.operators import OperatorStore

COOKIE = re.compile(r"([A-Za-z0-9_-]{2,400})\.([0-9a-f]{16})\.([A-Za-z0-9_-]{43})", re.ASCII)
ID = re.compile(r"[0-9a-f]{16}", re.ASCII)
ADDRESS = re.compile(
    r"[^\s{}@]+@[^\s{}@]+"
)  # who is named by one has no row; braces would end the hash tag of the keys
LAZY = 60.0  # seconds for which the last use of a session, and of an operator, is good enough

log = logging.getLogger(__name__)


class _Cookie(NamedTuple):
    name: str
    session_id: str
    secret: str


class OperatorSessions:
    """All raise ServiceUnavailable where a store is away: a broken store must not look like a log-out."""

    def __init__(self, store: OperatorSessionStore, operators: OperatorStore, events: Events, clock: Clock) -> None:
        self._store = store
        self._operators = operators
        self._events = events
        self._clock = clock

    async def begin(self, name: str, role: Role | None, device: Device) -> str:
        """Begin a session, and return the cookie's value, whose secret is kept nowhere.

        `role` is that of somebody named by an address; None of an operator of our own. Raises ValueError for else, and
        LoginFailed where there is no operator of this name any more.
        """
        if not _is_name(name) or ("@" in name) == (role is None):
            raise ValueError(name)
        cookie, now = _Cookie(name, secrets.token_hex(8), secrets.token_urlsafe(32)), self._clock()
        operator = None if role else await self._operators.named(name)
        reaches = role or (operator and operator.role)
        if not reaches:
            raise LoginFailed
        ACTOR.set(Actor(name, reaches))
        await self._store.open(name, cookie.session_id, OperatorRecord(_digest(cookie), role, device, now, now))
        await self._note_use(name, now)
        self._events.record(Event.OPERATOR_LOGIN, session_id=cookie.session_id, reason=name, device=device.name)
        return _written(cookie)

    async def identify(self, value: str, *, prolong: bool = True) -> OperatorSession:
        """Whose session the cookie's value is of: one round trip to Redis, and one statement where there is a row.

        `prolong` is False for what a page asks by itself, which is no use of the session. Raises NotLoggedIn for what
        is no value of ours, a wrong secret, and a session that is over.
        """
        cookie = _read(value)
        record = await self._found(cookie) if cookie else None
        session = await self._live(cookie.name, cookie.session_id, record) if cookie and record else None
        if not (cookie and record and session):
            raise NotLoggedIn
        now = self._clock()
        if prolong and now - record.used_at >= LAZY:
            record = record._replace(used_at=now)
            await self._keep(cookie, record)
        csrf = hmac.new(cookie.secret.encode(), b"csrf", hashlib.sha256).hexdigest()
        return session._replace(csrf=csrf, used_at=record.used_at, expires_at=record.expires_at)

    async def all(self, name: str) -> list[OperatorSession]:
        """The live sessions of an operator, the newest log-in first."""
        records = await self._store.all(name) if _is_name(name) else {}
        found = [await self._live(name, session_id, record) for session_id, record in records.items()]
        return sorted((one for one in found if one), key=lambda one: one.created_at, reverse=True)

    async def log_out(self, value: str) -> None:
        """End the session of a cookie's value. One that is over already is fine. No database is asked."""
        cookie = _read(value)
        if cookie and await self._found(cookie) and await self._store.end(cookie.name, cookie.session_id):
            self._events.record(Event.OPERATOR_LOGOUT, session_id=cookie.session_id, reason=cookie.name)

    async def end(self, name: str, session_id: str) -> None:
        """End one session of an operator. Raises NotFound where there is none."""
        known = _is_name(name) and ID.fullmatch(session_id)
        if not (known and await self._store.end(name, session_id)):
            raise NotFound(Filled(N_("operator %(name)s has no such session"), name=name))
        self._note_end(name, session_id)

    async def end_all(self, name: str) -> list[str]:
        """End all sessions of an operator, or of whoever is none any more. Returns the ids of those that there were."""
        ended = await self._store.end_all(name) if _is_name(name) else []
        for session_id in ended:
            self._note_end(name, session_id)
        return ended

    async def _found(self, cookie: _Cookie) -> OperatorRecord | None:
        """What both keys know, if the secret is the session's own."""
        record = await self._store.find(cookie.name, cookie.session_id)
        return record if record and tokens.equal(record.digest, _digest(cookie)) else None

    async def _live(self, name: str, session_id: str, record: OperatorRecord) -> OperatorSession | None:
        if self._clock() >= record.expires_at:
            return None
        role = record.role if "@" in name else await self._role_now(name, record)
        if role is None:
            return None
        times = (record.created_at, record.used_at, record.expires_at)
        return OperatorSession(name, role, session_id, record.device, *times)

    async def _role_now(self, name: str, record: OperatorRecord) -> Role | None:
        """None of whoever was removed, also where the name was given to somebody else since."""
        operator = await self._operators.named(name)
        is_the_same = operator and operator.created_at.timestamp() <= record.created_at
        return operator.role if operator and is_the_same else None

    async def _keep(self, cookie: _Cookie, record: OperatorRecord) -> None:
        """A store that takes no writes just now keeps nobody from looking; the session is over when it would be."""
        try:
            await self._store.keep(cookie.name, cookie.session_id, record)
        except ServiceUnavailable:
            log.warning("the last use of a session of operator %s could not be noted", cookie.name)
        await self._note_use(cookie.name, record.used_at)

    async def _note_use(self, name: str, now: float) -> None:
        if "@" in name:
            return
        try:
            await self._operators.note_use(name, datetime.fromtimestamp(now, UTC))
        except ServiceUnavailable:
            log.warning("the last use of operator %s could not be noted", name)

    def _note_end(self, name: str, session_id: str) -> None:
        self._events.record(Event.OPERATOR_SESSION_ENDED, session_id=session_id, reason=name)


def _written(cookie: _Cookie) -> str:
    """The name goes through base64url: an address may hold what a cookie may not."""
    name = base64.urlsafe_b64encode(cookie.name.encode()).decode().rstrip("=")
    return f"{name}.{cookie.session_id}.{cookie.secret}"


def _read(value: str) -> _Cookie | None:
    found = COOKIE.fullmatch(value)
    try:
        name = base64.urlsafe_b64decode(f"{found[1]}==").decode() if found else ""
    except ValueError:
        return None
    return _Cookie(name, found[2], found[3]) if found and _is_name(name) else None


def _is_name(name: str) -> bool:
    return bool(NAME.fullmatch(name) or ADDRESS.fullmatch(name))


def _digest(cookie: _Cookie) -> str:
    return tokens.digest(cookie.secret.encode())
