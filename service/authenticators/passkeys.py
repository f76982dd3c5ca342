"""Passkeys (WebAuthn Level 2): what a browser is asked for, and whether what it brings is good. Pure, but for the time.

User verification is required, and the passkey lies in the authenticator: so it names its operator, and is enough alone.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json_dict, parse_client_data_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from service.operator_entities import Passkey

RP_NAME = "Latch"
TIMEOUT = 300_000  # milliseconds that a browser gives its user: as long as a challenge is good
REQUIRED = UserVerificationRequirement.REQUIRED
LONGEST = 1364  # characters of a credential id of 1023 bytes, the most that there is (section 4, Credential ID)
# What the library raises for a credential that is none, its own and Python's: it is read by nobody before.
BAD = (WebAuthnException, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class NotVerified(Exception):
    """The credential is none, or is not good for this challenge, address and operator. Why, is for nobody to know."""


class Passkeys:
    """Those of one address, that of the console: a passkey belongs to the name in it."""

    def __init__(self, origin: str) -> None:
        """`origin` is scheme, host and port as browsers write them."""
        self._origin = origin
        self._rp_id = urlsplit(origin).hostname or ""

    def enrol_options(self, name: str, challenge: str, existing: Sequence[str]) -> dict[str, Any]:
        """What `navigator.credentials.create` takes, as JSON; an authenticator that has one of `existing` refuses."""
        options = webauthn.generate_registration_options(
            rp_id=self._rp_id,
            rp_name=RP_NAME,
            user_id=_handle(name),
            user_name=name,
            challenge=base64url_to_bytes(challenge),
            timeout=TIMEOUT,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=REQUIRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(base64url_to_bytes(one)) for one in existing],
        )
        return options_to_json_dict(options)

    def enrolled(self, name: str, challenge: str, credential: Mapping[str, Any]) -> Passkey:
        """The new passkey. Raises NotVerified."""
        with _refusing():
            found = webauthn.verify_registration_response(
                credential=dict(credential),
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        credential_id = bytes_to_base64url(found.credential_id)
        if len(credential_id) > LONGEST or credential_id != id_of(credential):
            raise NotVerified
        return Passkey(name, credential_id, bytes_to_base64url(found.credential_public_key), found.sign_count)

    def login_options(self, challenge: str) -> dict[str, Any]:
        """What `navigator.credentials.get` takes, as JSON. It names no passkey: the authenticator knows its own."""
        options = webauthn.generate_authentication_options(
            rp_id=self._rp_id, challenge=base64url_to_bytes(challenge), timeout=TIMEOUT, user_verification=REQUIRED
        )
        return options_to_json_dict(options)

    def signed(self, passkey: Passkey | None, challenge: str, credential: Mapping[str, Any]) -> Passkey:
        """The passkey with its count as it is now, which the caller compares. Raises NotVerified, for None too.

        The library would look at the count before it looks at the signature: so it is given none.
        """
        if passkey is None:
            raise NotVerified
        with _refusing():
            found = webauthn.verify_authentication_response(
                credential=dict(credential),
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                credential_public_key=base64url_to_bytes(passkey.public_key),
                credential_current_sign_count=0,
                require_user_verification=True,
            )
            handle = base64url_to_bytes(credential["response"]["userHandle"])
        if not hmac.compare_digest(handle, _handle(passkey.name)):  # section 7.2, step 6
            raise NotVerified
        return passkey._replace(sign_count=found.new_sign_count)


def challenge_in(credential: Mapping[str, Any]) -> str:
    """The challenge that this is an answer to, as it was sent. Raises NotVerified."""
    with _refusing():
        client_data = parse_client_data_json(base64url_to_bytes(credential["response"]["clientDataJSON"]))
        return bytes_to_base64url(client_data.challenge)


def id_of(credential: Mapping[str, Any]) -> str:
    """The id of the credential that this says it is of. Raises NotVerified."""
    with _refusing():
        return bytes_to_base64url(base64url_to_bytes(credential["id"]))


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except BAD as error:
        raise NotVerified from error


def _handle(name: str) -> bytes:
    """What authenticators know an operator by: always the same, so that a new passkey stands in an old one's place."""
    return hashlib.sha256(f"latch operator {name}".encode()).digest()
