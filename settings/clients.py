"""The backends that may introspect, and where clients find the service."""

import re

from pydantic import BaseModel, Field, SecretStr, field_validator

from settings.fields import SECRET_MIN_LENGTH, Listed, WebAddress, long_enough

_NAMED_KEY = re.compile(r"(?:([a-z][a-z0-9-]{0,31})=)?(.{32,})", re.DOTALL)


class ClientSettings(BaseModel):
    """SERVICE_KEYS and PUBLIC_URL."""

    service_keys: Listed[SecretStr] = Field(
        (),
        description="keys of the backends that may introspect, with commas between; `<name>=<key>`, the key of 32 "
        "characters or more, tells in the log who asked; several, also of one name, to rotate one",
    )
    public_url: WebAddress = Field(
        "",
        description="https address under which clients reach Latch, like `https://login.example.com`; "
        "`/.well-known/oauth-authorization-server` is made from it, and served only where it is set",
    )

    @field_validator("service_keys")
    @classmethod
    def _check_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(long_enough(key) for key in keys):
            raise ValueError(f"should each be at least {SECRET_MIN_LENGTH} characters, from a good generator")
        return keys

    @field_validator("public_url")
    @classmethod
    def _without_slash(cls, url: str) -> str:
        """The address without a slash at its end: an issuer is compared character by character."""
        return url.rstrip("/")

    @property
    def named_service_keys(self) -> tuple[tuple[str, bytes], ...]:
        """Pairs of a name, empty where there is none, and a key."""
        return tuple(_named(key.get_secret_value()) for key in self.service_keys)


def _named(setting: str) -> tuple[str, bytes]:
    found = _NAMED_KEY.fullmatch(setting)
    name, key = (found[1] or "", found[2]) if found else ("", setting)
    return name, key.encode()
