"""Use cases: operators enrol a passkey by a link, and log in to the console with it (section 8 of the contract).

Whoever fails hears one and the same, whatever was wrong. Each attempt costs the address one of LIMIT_LOGINS_PER_IP.
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from service import tokens
from service.authenticators import passkeys
from service.authenticators.passkeys import NotVerified, Passkeys
from service.entities import Clock, Device
from service.errors import LoginFailed
from service.events import Event, Events
from service.languages import N_
from service.limits import Limits
from service.notes import noting
from service.operator_entities import Passkey
from service.operator_sessions import OperatorSessions
from service.operators import Operators
from service.stores.challenges import Challenges
from service.stores.passkeys import PasskeyStore

LOGGING_IN = "log in"
STORED = N_("The passkey is stored: log in with it.")


class OperatorLogins:
    """All raise LoginFailed, TooManyRequests, and ServiceUnavailable where a store is away."""

    def __init__(
        self,
        operators: Operators,
        sessions: OperatorSessions,
        store: PasskeyStore,
        challenges: Challenges,
        limits: Limits,
        events: Events,
        clock: Clock,
        origin: str,
    ) -> None:
        """`origin` is the console's, as browsers write it."""
        self._operators = operators
        self._sessions = sessions
        self._store = store
        self._challenges = challenges
        self._limits = limits
        self._events = events
        self._clock = clock
        self._passkeys = Passkeys(origin)

    async def enrol_options(self, name: str, secret: str, ip: str) -> dict[str, Any]:
        """What the browser makes a passkey from, for whoever has the operator's link, which stays good."""
        await self._limits.spend_operator_login(ip)
        await self._check_link(name, secret)
        challenge = secrets.token_urlsafe(32)
        await self._challenges.put(_enrolling(name, secret), challenge)
        return self._passkeys.enrol_options(name, challenge, await self._store.ids_of(name))

    async def enrol(self, name: str, secret: str, credential: Mapping[str, Any], device: Device) -> str:
        """Store the passkey in the place of the one before it, which spends the link. Returns a new session's cookie.

        What the one before it has begun ends. Where a store goes away after the passkey is stored, the error says so.
        """
        await self._limits.spend_operator_login(device.ip)
        await self._check_link(name, secret)
        passkey = await self._enrolled(name, secret, credential)
        if not await self._store.put(passkey, device.name, tokens.digest(secret.encode()), self._now()):
            self._refuse("link")
        self._events.record(Event.OPERATOR_ENROLLED, reason=name, device=device.name)
        with noting(STORED):
            await self._operators.spend_link(name, secret)
            await self._sessions.end_all(name)
            return await self._sessions.begin(name, None, device)

    async def login_options(self, ip: str) -> dict[str, Any]:
        """What the browser asks an authenticator for."""
        await self._limits.spend_operator_login(ip)
        challenge = secrets.token_urlsafe(32)
        await self._challenges.put(LOGGING_IN, challenge)
        return self._passkeys.login_options(challenge)

    async def login(self, credential: Mapping[str, Any], device: Device) -> str:
        """Begin a session of whoever has signed. Returns its cookie.

        A passkey that was replaced meanwhile may have begun one after all others were ended: so it is looked for again.
        """
        await self._limits.spend_operator_login(device.ip)
        passkey = await self._signed(credential)
        if not await self._store.use(passkey.credential_id, passkey.sign_count, self._now()):
            self._refuse("sign_count")
        cookie = await self._sessions.begin(passkey.name, None, device)
        if not await self._store.find(passkey.credential_id):
            await self._sessions.log_out(cookie)
            self._refuse("passkey")
        return cookie

    async def logout(self, cookie: str) -> None:
        """End the session of a cookie. One that is over already is fine."""
        await self._sessions.log_out(cookie)

    async def _check_link(self, name: str, secret: str) -> None:
        if not await self._operators.has_link(name, secret):
            self._refuse("link")

    async def _enrolled(self, name: str, secret: str, credential: Mapping[str, Any]) -> Passkey:
        try:
            challenge = await self._taken(_enrolling(name, secret), credential)
            return self._passkeys.enrolled(name, challenge, credential)
        except NotVerified:
            self._refuse("passkey")

    async def _signed(self, credential: Mapping[str, Any]) -> Passkey:
        """The passkey, with its count as it is now."""
        try:
            challenge = await self._taken(LOGGING_IN, credential)
            known = await self._store.find(passkeys.id_of(credential))
            return self._passkeys.signed(known, challenge, credential)
        except NotVerified:
            self._refuse("passkey")

    async def _taken(self, purpose: str, credential: Mapping[str, Any]) -> str:
        """The challenge that is answered, which is good no more. Raises NotVerified where it was not made for this."""
        challenge = passkeys.challenge_in(credential)
        if not await self._challenges.take(purpose, challenge):
            raise NotVerified
        return challenge

    def _refuse(self, reason: str) -> NoReturn:
        self._events.record(Event.OPERATOR_REFUSED, reason=reason)
        raise LoginFailed

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _enrolling(name: str, secret: str) -> str:
    return f"enrol {name} {tokens.digest(secret.encode())}"
