"""Where other systems hear what happens: addresses, keys, and how many events wait for them."""

import base64
import binascii
import re
from ipaddress import ip_network
from typing import Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from settings.fields import Listed, is_loopback, listed_secrets

KEY_LENGTH = range(24, 65)  # bytes, as Standard Webhooks says
OUTBOX_MAX = 100_000  # where WEBHOOK_URLS is set
MAKE_ONE = 'make one with: echo "whsec_$(openssl rand -base64 32)"'
_URL = re.compile(r"(https?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(?:[/?][!-~]*)?", re.ASCII)
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.ASCII)


class WebhookSettings(BaseModel):
    """WEBHOOK_URLS and what goes with it. WEBHOOK_SECRET signs what the SMS sender `webhook` posts, too."""

    webhook_urls: Listed[str] = Field(
        (),
        description="https addresses that events are posted to, with commas between, like "
        "`https://crm.example.com/latch`; http only on this machine; empty: none",
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""),
        description="key that signs what is posted to `WEBHOOK_URLS` and `WEBHOOK_URL`, `whsec_...` (Standard "
        "Webhooks); several, with commas between, while one is changed: each signs",
    )
    webhook_allow: Listed[str] = Field(
        (),
        description="hosts, addresses and networks that `WEBHOOK_URLS` may lead to though they are private, with "
        "commas between, like `crm.internal,10.0.0.0/8`",
    )
    outbox_max: int | None = Field(
        None,
        ge=0,
        le=10_000_000,
        description="events that are kept in Redis for other systems, about; what is older goes; 0: none is written; "
        f"empty: {OUTBOX_MAX} where `WEBHOOK_URLS` is set, else 0",
    )

    @field_validator("webhook_urls")
    @classmethod
    def _check_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(_is_address, urls)) or len(set(urls)) < len(urls):
            raise ValueError(
                "should be https addresses like https://crm.example.com/latch, with commas between, each once, without "
                "user, password or fragment; http only on localhost"
            )
        return urls

    @field_validator("webhook_secret")
    @classmethod
    def _check_secrets(cls, secret: SecretStr) -> SecretStr:
        parts = listed_secrets(secret)
        keys = [key_of(part) for part in parts]
        if (secret.get_secret_value() and not parts) or None in keys or len(set(keys)) < len(keys):
            raise ValueError(
                f"should be whsec_ and {KEY_LENGTH[0]} to {KEY_LENGTH[-1]} random bytes in base64, or several of "
                f"these, with commas between, each once; {MAKE_ONE}"
            )
        return secret

    @field_validator("webhook_allow")
    @classmethod
    def _check_allowed(cls, places: tuple[str, ...]) -> tuple[str, ...]:
        lowered = tuple(place.lower() for place in places)
        if not all(map(_is_place, lowered)):
            raise ValueError(
                "should be hosts, addresses or networks like crm.internal,10.1.2.3,10.0.0.0/8, with commas between"
            )
        return lowered

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.webhook_urls and not self.webhook_secret.get_secret_value():
            raise ValueError(f"WEBHOOK_SECRET: should be set when WEBHOOK_URLS is; {MAKE_ONE}")
        if self.webhook_urls and self.outbox_max == 0:
            raise ValueError("OUTBOX_MAX: should be 1 or more, or empty, when WEBHOOK_URLS is set")
        return self

    @property
    def outbox_limit(self) -> int:
        """How many events are kept, about; 0: none is written."""
        if self.outbox_max is None:
            return OUTBOX_MAX if self.webhook_urls else 0
        return self.outbox_max

    @property
    def webhook_keys(self) -> tuple[bytes, ...]:
        """The keys of WEBHOOK_SECRET, in its order: each signs."""
        return tuple(filter(None, map(key_of, listed_secrets(self.webhook_secret))))


def key_of(secret: str) -> bytes | None:
    """The key in a secret of Standard Webhooks; None where it is none."""
    mark, _, encoded = secret.partition("_")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if mark == "whsec" and len(key) in KEY_LENGTH else None


def _is_address(url: str) -> bool:
    """Whether events may be posted there, as far as the text tells: where it leads to is judged at each sending."""
    found = _URL.fullmatch(url)
    if not found or "#" in url or not 0 < int(found[3] or 1) < 1 << 16:
        return False
    return found[1] == "https" or is_loopback(found[2].strip("[]"))


def _is_place(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return "/" not in text and bool(_HOST.fullmatch(text)) and not text.rpartition(".")[2].isdigit()
    return True
