"""altcha's proof of work, protocol 2: Latch gives a challenge, the client's processor solves it, Latch checks it.

No provider is asked and nobody is watched. A challenge is signed, so none need be kept; of a solved one Redis keeps the
nonce until the challenge has expired, so that it is good once. https://altcha.org/docs/v2/
"""

import asyncio
import hmac
import math
from base64 import b64decode
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from altcha import Challenge, ChallengeParameters, Payload, Solution, create_challenge, verify_solution

from config import Settings
from service.captchas import tokens
from service.entities import Clock

ALGORITHM = "PBKDF2/SHA-256"  # altcha's widget solves it without a further file
PREFIX = "00"  # that the derived key begins with: of 256 tries one fits
LIFE = 300  # seconds in which a challenge is to be solved and used
LONGEST = 4096  # characters; the widget's tokens are some 800 long
LABEL = b"altcha challenge"

Spend = Callable[[str, float], Awaitable[bool]]  # of a nonce, for so many seconds: whether it is the first time


class Altcha:
    """Gives challenges and verifies their solutions. `spend` returns whether a nonce is new."""

    def __init__(self, settings: Settings, spend: Spend, clock: Clock) -> None:
        self._key = _key(settings)
        self._cost = settings.captcha_cost
        self._spend = spend
        self._clock = clock

    def challenge(self) -> dict[str, Any]:
        """A new one, as altcha's widget expects it. Costs an HMAC, and nothing is kept."""
        expires_at = math.floor(self._clock()) + LIFE
        return create_challenge(
            ALGORITHM, self._cost, key_prefix=PREFIX, expires_at=expires_at, hmac_secret=self._key
        ).to_dict()

    def problem(self, token: str) -> str | None:
        """What is wrong with a token at first sight, in words for its sender."""
        return tokens.problem(token, LONGEST)

    async def verify(self, token: str, _ip: str) -> None:
        """Return if the token solves a challenge of ours that has not expired, and is sent for the first time.

        Raises InvalidRequest where it does not, ServiceUnavailable where nobody knows whether it is the first time.
        """
        payload = None if self.problem(token) else self._payload(token)
        # The work takes milliseconds.
        if payload is None or not (await asyncio.to_thread(verify_solution, payload, self._key)).verified:
            raise tokens.refused()
        # Kept for longer than the challenge has left, whatever the clocks of two machines say.
        if not await self._spend(payload.challenge.parameters.nonce, 2 * LIFE):
            raise tokens.refused()

    async def close(self) -> None:
        """Nothing is open."""

    def _payload(self, token: str) -> Payload | None:
        """What the token says of what differs from challenge to challenge; all else is as we make them.

        So no type and no number but ours reaches the derivation of the key: `5000.0` has the signature of `5000`.
        """
        try:
            sent = orjson.loads(b64decode(token, validate=True))
            challenge, solution = sent["challenge"], sent["solution"]
            parameters = challenge["parameters"]
            texts = (parameters["nonce"], parameters["salt"], challenge["signature"], solution["derivedKey"])
            numbers = (parameters["expiresAt"], solution["counter"])
        except (ValueError, LookupError, TypeError):
            return None
        if {type(text) for text in texts} != {str} or {type(number) for number in numbers} != {int}:
            return None
        (nonce, salt, signature, derived_key), (expires_at, counter) = texts, numbers
        ours = ChallengeParameters(ALGORITHM, nonce, salt, self._cost, key_prefix=PREFIX, expires_at=expires_at)
        return Payload(Challenge(ours, signature), Solution(counter, derived_key))


def _key(settings: Settings) -> bytes:
    """CAPTCHA_SECRET, or else a key made of the last CODE_PEPPER, which all machines have while it is changed."""
    secret = settings.captcha_secret.get_secret_value().encode() or settings.code_peppers[-1]
    return hmac.digest(secret, LABEL, "sha256")
