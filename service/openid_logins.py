"""Use case of operators who log in by the company's OpenID provider: who they are, and which role they have."""

import hashlib
import hmac
import logging
import secrets
from collections.abc import Iterable
from typing import NamedTuple

from service.authenticators.openid import AWAY, OpenIdProvider, Person
from service.errors import Forbidden, ServiceUnavailable
from service.events import Event, Events
from service.languages import N_
from service.roles import Role
from service.runtime import deadline
from service.stores.openid_states import BegunLogin, OpenIdStates
from settings.openid import ADDRESS, GROUP, Rule

STATE_LIFE = 600  # seconds in which somebody logs in there
LONGEST = 64  # characters of an address: the audit trail holds no more of who did something
BEGIN_AGAIN = N_("This log-in took too long, or was begun in another browser. Please begin again.")
DENIED = N_("The company's log-in was not completed. Please begin again.")
UNVERIFIED = N_("The company's log-in tells no verified e-mail address of yours that can be your name here.")
NOBODY = N_("The company's log-in knows you, but you have no role here. Please ask an owner.")
TROUBLE = {"server_error", "temporarily_unavailable"}  # of RFC 6749 section 4.1.2.1, what is no refusal

log = logging.getLogger(__name__)


class Beginning(NamedTuple):
    """Where the browser goes, and what it keeps meanwhile in a cookie."""

    url: str
    cookie: str


class OpenIdLogins:
    """Log-ins at one provider, to which the rules give roles."""

    def __init__(self, provider: OpenIdProvider, states: OpenIdStates, rules: Iterable[Rule], events: Events) -> None:
        self._provider = provider
        self._states = states
        self._rules = tuple(rules)
        self._events = events

    async def begin(self) -> Beginning:
        """Begin a log-in, to be finished within STATE_LIFE. Raises ServiceUnavailable."""
        cookie, state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(4))
        with deadline.paused():
            url = await self._provider.authorization_url(state, nonce, verifier)
        await self._states.put(_digest(cookie), BegunLogin(_digest(state), nonce, verifier), STATE_LIFE)
        return Beginning(url, cookie)

    async def finish(self, cookie: str, state: str, code: str, error: str = "") -> tuple[str, Role]:
        """Name and role of who has logged in; what came back is empty where it is missing. Each is finished once.

        Raises Forbidden, with a sentence for the person, and ServiceUnavailable.
        """
        try:
            return await self._finish(cookie, state, code, error)
        except Forbidden:
            self._events.record(Event.OPERATOR_REFUSED, reason="openid")
            raise

    async def close(self) -> None:
        """Close the connections to the provider."""
        await self._provider.close()

    async def _finish(self, cookie: str, state: str, code: str, error: str) -> tuple[str, Role]:
        begun = await self._states.take(_digest(cookie))
        if begun is None or not hmac.compare_digest(begun.state, _digest(state)):
            raise Forbidden(BEGIN_AGAIN)
        if error in TROUBLE:
            log.warning("OpenID provider: sends people back with %s", error)
            raise ServiceUnavailable(AWAY)
        if error or not (code and code.isascii() and code.isprintable()):  # RFC 6749 appendix A.11
            raise Forbidden(DENIED)
        with deadline.paused():
            person = await self._provider.identify(code, begun.nonce, begun.verifier)
        return self._admitted(person)

    def _admitted(self, person: Person) -> tuple[str, Role]:
        address = (
            person.address.lower() if person.address.isascii() else ""
        )  # others may become ASCII: K, the Kelvin sign
        if len(address) > LONGEST or not ADDRESS.fullmatch(address):
            raise Forbidden(UNVERIFIED)
        fitting = {address, address[address.index("@") :], *(GROUP + group for group in person.groups)}
        roles = {rule.role for rule in self._rules if rule.who in fitting}
        if not roles:
            log.warning("OpenID provider: %s has no role by OIDC_ROLES", address)
            raise Forbidden(NOBODY)
        return address, max(map(Role, roles), key=list(Role).index)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
