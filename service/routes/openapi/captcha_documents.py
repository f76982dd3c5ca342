"""The OpenAPI description of the captcha that Latch itself gives. Its kin: `documents.py`."""

from service.errors import NotFound, ServiceUnavailable
from service.routes.openapi.operations import operation
from service.routes.openapi.schemas import count, plain, record, text

_PARAMETERS = record(
    {
        "algorithm": text("PBKDF2/SHA-256"),
        "cost": count(5000, "rounds of each try"),
        "keyLength": count(32),
        "keyPrefix": text("00"),
        "nonce": text("3b0d2f8e6c5a49179e1d2c3b4a5f6071"),
        "salt": text("a94f1e02c7d84b6693b5f0e1d2c3b4a5"),
        "expiresAt": count(1_767_225_900, "seconds since the epoch"),
    },
    title="ChallengeParameters",
)
_CHALLENGE = record({"parameters": _PARAMETERS, "signature": text("5f0c6b1e...")}, title="Challenge")

CAPTCHA = operation(
    "codes",
    "A captcha's challenge",
    "Where CAPTCHA is `altcha`: a proof of work (its protocol 2), as altcha's own widget expects it, so "
    "without the envelope. The widget's payload is the `captcha_token` of `/sms/codes`, good once, for five minutes.",
    plain(_CHALLENGE, "a challenge"),
    (NotFound, ServiceUnavailable),
    operation="getCaptcha",
)
