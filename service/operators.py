"""Use cases about those who may ask the private listener: operators, and the keys of programs."""

import hashlib
import logging
import re
import secrets
from datetime import UTC, datetime
from typing import NoReturn

from service import tokens
from service.entities import Clock
from service.errors import Forbidden, InvalidKey, InvalidRequest, NotFound, ServiceUnavailable
from service.events import Event, Events
from service.languages import N_, Filled
from service.operator_sessions import LAZY, OperatorSessions
from service.roles import LINK_LIFE, NAME, NAME_EXPECTED, NAME_TAKEN, Actor, Operator, Role
from service.runtime.background import settled
from service.stores.operator_links import OperatorLinks
from service.stores.operators import KeyStore, OperatorStore
from service.stores.passkeys import PasskeyStore

PREFIX = "latch_"  # of every key: who finds one in a repository or a log sees what it is
KEY = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)

TAKES_ROLE = N_("This takes the role %(needed)s; %(name)s has %(role)s.")

log = logging.getLogger(__name__)


class _Register:
    """Names and roles, kept in one table."""

    noun: str
    nobody: str  # what is said where there is none of a name
    removed: Event

    def __init__(self, store: OperatorStore, events: Events, clock: Clock) -> None:
        self._store = store
        self._events = events
        self._clock = clock

    async def all(self) -> list[Operator]:
        """All of them, by name."""
        return await self._store.all()

    async def remove(self, name: str) -> None:
        """From now on nobody comes in by this name. Raises NotFound."""
        if not (NAME.fullmatch(name) and await self._store.remove(name)):
            raise NotFound(Filled(self.nobody, name=name))
        self._events.record(self.removed, reason=name)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


class Operators(_Register):
    """The people. Each enrols by a link, whose secret is handed out once; only its digest is kept, in Redis."""

    noun, removed = "operator", Event.OPERATOR_REMOVED
    nobody = N_("there is no operator %(name)s")

    def __init__(
        self,
        store: OperatorStore,
        links: OperatorLinks,
        passkeys: PasskeyStore,
        sessions: OperatorSessions,
        console: str,
        events: Events,
        clock: Clock,
    ) -> None:
        """`console` is the address that links begin with."""
        super().__init__(store, events, clock)
        self._links = links
        self._passkeys = passkeys
        self._sessions = sessions
        self._console = console

    async def add(self, name: str, role: Role) -> str | None:
        """Add a person, and return the link; None while Redis is away, and `link` makes one later.

        Raises InvalidRequest where the name is none, or taken.
        """
        if not await self._store.add(named(name), role, self._now()):
            raise InvalidRequest({"name": NAME_TAKEN})
        self._events.record(Event.OPERATOR_ADDED, reason=f"{name} {role.value}")
        try:
            return await self._new_link(name)
        except ServiceUnavailable:
            log.warning("operator %s is added, but has no link yet: latch operators link %s", name, name)
            return None

    async def link(self, name: str) -> str:
        """Make a link that a passkey is enrolled by; one made before is good no more. Raises NotFound.

        It is asked for where the passkey is lost: sessions end now, and the passkey when the new one is stored.
        """
        await self.check(name)
        await self._sessions.end_all(name)
        return await self._new_link(name)

    async def check(self, name: str) -> None:
        """Return if there is one of this name. Raises NotFound."""
        if not (NAME.fullmatch(name) and await self._store.has(name)):
            raise NotFound(Filled(self.nobody, name=name))

    async def first_link(self, name: str) -> str | None:
        """The link of the first owner, who is added by this name; None where somebody has come in before.

        A link that nobody has used is no reason to be shut out: the next time there is another.
        """
        known = await self.all()
        if not known:
            return await self.add(name, Role.OWNER)
        [first, *others] = known
        if others or first.role is not Role.OWNER or first.last_used_at or await self._passkeys.ids_of(first.name):
            return None
        return await self._new_link(first.name)

    async def has_link(self, name: str, secret: str) -> bool:
        """Whether the secret is that of the operator's link, which stays good."""
        if not NAME.fullmatch(name) or not tokens.equal(await self._links.find(name), _digest(secret)):
            return False
        return await self._store.has(name)

    async def spend_link(self, name: str, secret: str) -> bool:
        """Whether the secret is that of the operator's link, which is good no more after that."""
        return await self._links.spend(name, _digest(secret))

    async def remove(self, name: str) -> None:
        """As for keys; passkey, sessions and a link go too. Where they cannot, they are nobody's, and good no more."""
        await super().remove(name)
        try:
            await settled(self._passkeys.forget(name), self._sessions.end_all(name), self._links.forget(name))
        except ServiceUnavailable:
            log.warning("operator %s is removed; a link made for them ends within %d s", name, LINK_LIFE)

    async def _new_link(self, name: str) -> str:
        secret = secrets.token_urlsafe(32)
        await self._links.put(name, _digest(secret), LINK_LIFE)
        self._events.record(Event.OPERATOR_LINKED, reason=name)
        return f"{self._console}/enrol#{name}.{secret}"


class Keys(_Register):
    """The keys of programs. Their secrets are handed out once, and only their digests are kept."""

    noun, removed = "key", Event.KEY_REMOVED
    nobody = N_("there is no key %(name)s")

    def __init__(self, store: KeyStore, events: Events, clock: Clock) -> None:
        super().__init__(store, events, clock)
        self._keys = store

    async def add(self, name: str, role: Role) -> str:
        """Make a key, and return it. Raises InvalidRequest where the name is none, or taken."""
        key = PREFIX + secrets.token_urlsafe(32)
        if not await self._keys.add_key(named(name), role, _digest(key), self._now()):
            raise InvalidRequest({"name": NAME_TAKEN})
        self._events.record(Event.KEY_ADDED, reason=f"{name} {role.value}")
        return key

    async def identify(self, key: str) -> Actor:
        """Whose key it is. Found by its digest, so that how long it takes tells nothing. Raises InvalidKey."""
        found = await self._keys.find(_digest(key)) if KEY.fullmatch(key) else None
        if found is None:
            self._events.record(Event.OPERATOR_REFUSED, reason="key")
            raise InvalidKey
        await self._note_use(found)
        return Actor(found.name, found.role)

    def refuse(self, actor: Actor, needed: Role) -> NoReturn:
        """The role does not reach. Raises Forbidden."""
        self._events.record(Event.OPERATOR_REFUSED, reason="role")
        raise Forbidden(Filled(TAKES_ROLE, needed=needed.value, name=actor.name, role=actor.role.value))

    async def _note_use(self, key: Operator) -> None:
        """A database that takes no writes just now keeps nobody from looking."""
        now = self._now()
        if key.last_used_at and (now - key.last_used_at).total_seconds() < LAZY:
            return
        try:
            await self._keys.note_use(key.name, now)
        except ServiceUnavailable:
            log.warning("the last use of key %s could not be noted", key.name)


def named(name: str) -> str:
    """The name. Raises InvalidRequest for what cannot be one."""
    if not NAME.fullmatch(name):
        raise InvalidRequest({"name": NAME_EXPECTED})
    return name


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
