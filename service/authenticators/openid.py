"""The company's OpenID provider, asked by the authorization code flow with PKCE: OpenID Connect Core 1.0 section 3.1.

authlib's own httpx client is not used: it wants httpx2, and reads answers of any size.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import quote_plus

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc.jwk import KeySet

from config import Settings
from service.authenticators import id_tokens
from service.authenticators.discovery import Cached, Endpoints, Fault, Web, discover
from service.authenticators.id_tokens import Expected, Refused, UnknownKey
from service.entities import Clock
from service.errors import Forbidden, ServiceUnavailable
from service.languages import N_
from settings.openid import GROUP

CALLBACK = "/openid/callback"
SCOPE = "openid email profile"
AWAY = N_("The company's log-in does not answer. Please try again, or log in with a passkey.")
NOT_VOUCHED = N_("The company's log-in does not vouch for you. Please begin again.")
SPENT = (
    "invalid_grant"  # a code that is wrong, used or expired (RFC 6749 section 5.2): any other error is ours or theirs
)
_CODE = re.compile("[a-z_]{1,40}", re.ASCII)
VERIFIED = (True, "true", "1")  # as providers say it

log = logging.getLogger(__name__)


class Person(NamedTuple):
    """What the provider says of somebody. `address` is empty where it does not say that it is theirs."""

    address: str
    groups: frozenset[str]


class OpenIdProvider:
    """The one of the settings. Built in a running event loop, closed by its owner."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._client_secret = settings.oidc_client_secret
        self._callback = settings.console_address + CALLBACK
        self._verified = settings.oidc_verified_claim
        self._groups = settings.oidc_groups_claim
        self._asks_for_groups = any(rule.who.startswith(GROUP) for rule in settings.oidc_rules)
        self._clock = clock
        self._web = Web()
        self._endpoints = Cached(lambda: discover(self._web, self._issuer), clock)
        self._keys = Cached(self._fetch_keys, clock)

    async def authorization_url(self, state: str, nonce: str, verifier: str) -> str:
        """Where a browser is sent to log in. Raises ServiceUnavailable."""
        with _told():
            endpoints = await self._endpoints.get()
        url: str = prepare_grant_uri(
            endpoints.authorization,
            self._client_id,
            "code",
            self._callback,
            f"{SCOPE} groups" if endpoints.groups and self._asks_for_groups else SCOPE,
            state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return url

    async def identify(self, code: str, nonce: str, verifier: str) -> Person:
        """Who has logged in. Raises Forbidden where what is said of them does not hold, and ServiceUnavailable."""
        with _told():
            endpoints = await self._endpoints.get()
            tokens = await self._exchange(endpoints, code, verifier)
            access_token = _readable(tokens.get("access_token"))
            expected = Expected(self._issuer, self._client_id, nonce, access_token)
            claims = await self._judged(tokens.get("id_token"), expected)
            return self._person(claims, await self._told_apart(endpoints, claims, access_token))

    async def close(self) -> None:
        """Close the connections."""
        await self._web.close()

    async def _exchange(self, endpoints: Endpoints, code: str, verifier: str) -> dict[str, Any]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._callback}
        options = self._credentials(endpoints, {**form, "code_verifier": verifier})
        answer = await self._web.ask("token endpoint", "POST", endpoints.token, **options)
        if answer.status == httpx.codes.OK:
            return answer.body
        if answer.body.get("error") == SPENT:
            raise Refused(f"token endpoint: {SPENT}")
        raise Fault(f"token endpoint: status {answer.status}, {_code(answer.body.get('error'))}")

    def _credentials(self, endpoints: Endpoints, form: dict[str, str]) -> dict[str, Any]:
        """The form with the client's secret beside it, or in it. Encoded first (RFC 6749 section 2.3.1)."""
        secret = self._client_secret.get_secret_value()
        if endpoints.basic:
            return {"data": form, "auth": httpx.BasicAuth(quote_plus(self._client_id), quote_plus(secret))}
        return {"data": {**form, "client_id": self._client_id, "client_secret": secret}}

    async def _judged(self, id_token: object, expected: Expected) -> dict[str, Any]:
        """The claims of the ID token; keys that the provider has changed meanwhile are fetched once more."""
        now = int(self._clock())
        try:
            return id_tokens.claims_of(id_token, await self._keys.get(), expected, now)
        except UnknownKey:
            return id_tokens.claims_of(id_token, await self._keys.get(anew=True), expected, now)

    async def _told_apart(self, endpoints: Endpoints, claims: dict[str, Any], access_token: str) -> dict[str, Any]:
        """What userinfo says, where the ID token leaves something out. Of the same person (section 5.3.2)."""
        wanted = {"email", self._verified, *([self._groups] if self._asks_for_groups else [])}
        if wanted <= claims.keys() or not (endpoints.userinfo and access_token):
            return {}
        headers = {"Authorization": f"Bearer {access_token}"}
        found = await self._web.document("userinfo", endpoints.userinfo, headers=headers)
        if found.get("sub") != claims["sub"]:
            raise Refused("userinfo: is of another person")
        return found

    def _person(self, claims: dict[str, Any], more: dict[str, Any]) -> Person:
        """Address and the word that it is theirs are of one answer."""
        said = claims if {"email", self._verified} <= claims.keys() else more
        address = said.get("email") if said.get(self._verified) in VERIFIED else None
        groups = claims.get(self._groups, more.get(self._groups))
        return Person(address if isinstance(address, str) else "", _names(groups))

    async def _fetch_keys(self) -> KeySet:
        endpoints = await self._endpoints.get()
        return id_tokens.key_set(await self._web.document("keys", endpoints.keys))


@contextmanager
def _told() -> Iterator[None]:
    """Turn what is wrong into what everybody understands, and say it in the log."""
    try:
        yield
    except Fault as fault:
        log.log(logging.WARNING if fault.away else logging.ERROR, "OpenID provider: %s", fault)
        raise ServiceUnavailable(AWAY) from fault
    except Refused as refusal:
        log.warning("OpenID provider: %s", refusal)
        raise Forbidden(NOT_VOUCHED) from refusal


def _readable(token: object) -> str:
    """A token as RFC 6750 has it, or nothing: what is no ASCII goes into no header."""
    return token if isinstance(token, str) and token.isascii() else ""


def _names(found: object) -> frozenset[str]:
    """Groups as providers tell them: a list of names, or one alone."""
    listed = found if isinstance(found, list) else [found]
    return frozenset(name for name in listed if isinstance(name, str))


def _code(error: object) -> str:
    """For the log: a code of RFC 6749. Anything else might repeat what we sent."""
    return error if isinstance(error, str) and _CODE.fullmatch(error) else "no error code"
