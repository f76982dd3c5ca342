"""ID tokens, judged as OpenID Connect Core 1.0 section 3.1.3.7 asks: signature, issuer, audience, times and nonce."""

from typing import Any, NamedTuple

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet
from joserfc.jws import JWSRegistry

from service.authenticators.discovery import Fault

# Of public keys alone: with none, or the client's secret (HS256), others than the provider could sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
KEY_TYPES = ("RSA", "EC")
LEEWAY = 60  # seconds that the provider's clock and ours may be apart


class Refused(Exception):
    """An ID token does not hold, in words for the log: they repeat nothing that stands in it."""


class UnknownKey(Refused):
    """It is signed with a key that is not among those that were fetched: the provider may have a new one."""


class Expected(NamedTuple):
    """What must stand in a token, and the access token that came with it."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str


def key_set(document: dict[str, Any]) -> KeySet:
    """The keys of a JWK Set that can be used here; the others are passed over (RFC 7517 section 5). Raises Fault."""
    keys = document.get("keys")
    if not isinstance(keys, list):
        raise Fault("keys: no JWK Set")
    return KeySet([key for key in map(_key, keys) if key])


def claims_of(id_token: object, keys: KeySet, expected: Expected, now: int) -> dict[str, Any]:
    """The claims of a token that holds. Raises Refused, UnknownKey."""
    if not isinstance(id_token, str):
        raise Refused("ID token: there is none")
    registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    try:
        token = jwt.decode(id_token, keys, registry=registry)
        claims = CodeIDToken(token.claims, token.header, _options(expected), expected._asdict())
        claims.validate(now=now, leeway=LEEWAY)
    except InvalidKeyIdError as error:
        raise UnknownKey("ID token: signed with a key that the provider does not publish") from error
    except Exception as error:
        raise Refused(f"ID token: {_reason(error)}") from error
    return dict(claims)


def _options(expected: Expected) -> dict[str, Any]:
    return {
        "iss": {"essential": True, "value": expected.issuer},
        "aud": {"essential": True, "value": expected.client_id},
    }


def _key(jwk: Any) -> Key | None:
    """A public key, or None where it is of a kind that is not used here, or broken."""
    if not isinstance(jwk, dict) or jwk.get("kty") not in KEY_TYPES:
        return None
    try:
        return JWKRegistry.import_key(jwk)
    except Exception:  # noqa: BLE001 - whatever the library makes of a key that is none
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, JoseError):
        return " ".join(filter(None, (error.error, getattr(error, "claim", ""))))
    return type(error).__name__
