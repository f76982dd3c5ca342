"""The environment and `.env` are read here and nowhere else. What the settings are is told by subject in `settings/`.

Built once by `run.py` and passed on as a value; nothing in the service reads a setting at import.
Secrets are `SecretStr`, so that no repr, log or traceback can print them.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, SettingsConfigDict

from settings.captcha import CaptchaSettings
from settings.clients import ClientSettings
from settings.codes import CodeSettings
from settings.fields import SECRET_MIN_LENGTH, Listed, Seconds
from settings.keys import KeySettings
from settings.limits import LimitSettings
from settings.misspelt import misspelt
from settings.new_devices import NewDeviceSettings
from settings.openid import OpenIdSettings
from settings.operators import OperatorSettings
from settings.sms import SmsSettings
from settings.stores import StoreSettings, public
from settings.webhooks import WebhookSettings

__all__ = ["SECRET_MIN_LENGTH", "Settings", "SettingsError", "load", "public"]


class SettingsError(Exception):
    """One line per bad setting: its name and what it should be. Never the value, which may be a secret."""


class Settings(
    OpenIdSettings,
    OperatorSettings,
    WebhookSettings,
    ClientSettings,
    CaptchaSettings,
    NewDeviceSettings,
    SmsSettings,
    LimitSettings,
    CodeSettings,
    KeySettings,
    StoreSettings,
    BaseSettings,
):
    """The settings of section 6 of the contract. Field `access_ttl` is the environment variable `ACCESS_TTL`."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        validate_default=True,
    )

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8000, ge=1, le=65535, description="TCP port to listen on")
    workers: int = Field(1, ge=1, le=256, description="worker processes")
    max_in_flight: int = Field(
        512, ge=1, le=100_000, description="requests of a kind that a worker has in flight; more are refused with 503"
    )
    max_connections: int = Field(4_096, ge=8, le=1_000_000, description="connections to a worker, at most")
    keep_alive_timeout: int = Field(
        620, ge=1, le=86_400, description="seconds of rest after which a connection is closed; longer than a balancer's"
    )
    graceful_timeout: int = Field(
        10, ge=0, le=3_600, description="seconds that requests in flight get to be answered when the service stops"
    )

    access_ttl: Seconds = Field(3_600, description="life of an access token, seconds (less a random 0-5 %)")
    refresh_ttl: Seconds = Field(1_209_600, description="life of a session without a refresh, seconds (14 days)")
    session_max_age: Seconds = Field(7_776_000, description="life of a session after its login, seconds (90 days)")
    max_sessions: int = Field(
        10, ge=1, le=1_000, description="live sessions per user; one more ends the least recently refreshed"
    )
    rotation_window: Seconds = Field(60, description="seconds in which one refresh token has one successor")
    rotation_grace: int = Field(60, ge=0, description="seconds in which a replaced refresh token is still served")

    trusted_proxies: int = Field(0, ge=0, le=32, description="proxies in front, whose `X-Forwarded-For` is believed")
    cors_origins: Listed[str] = Field(
        (),
        description="origins of browser apps like `https://app.example.com`, with commas between, or `*`; empty: none",
    )
    cors_headers: Listed[str] = Field(
        (),
        description="request headers that those apps may send, with commas between, beside `Authorization`, "
        "`Content-Type` and Latch's own `X-` headers",
    )
    default_language: Literal["en", "zh-CN"] = Field(
        "en",
        description="language of answers, messages and the console where none that there is is asked for",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="least level logged"
    )
    log_format: Literal["text", "json"] = Field("text", description="for people, or one JSON object a line")
    otel_exporter_otlp_endpoint: str = Field(
        "",
        pattern="^$|^https?://[^/]",
        description="OpenTelemetry collector that gets traces, like `http://127.0.0.1:4318`; empty: none",
    )

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        bare = tuple(origin.rstrip("/") for origin in origins)
        for origin in bare:
            parts = urlsplit(origin)
            if origin != "*" and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.path):
                raise ValueError("should be origins like https://app.example.com, with commas between, or *")
        return bare

    @field_validator("cors_headers")
    @classmethod
    def _check_headers(cls, headers: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[A-Za-z0-9_-]+", header) for header in headers):
            raise ValueError("should be names of headers like X-App-Version, with commas between")
        return headers

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @property
    def keeps_files(self) -> bool:
        """Whether `DATA_DIR` holds what must not be lost. With all stores outside it does not."""
        return self.redis_is_embedded or self.database_is_embedded or "file" in self.sms_sender

    @model_validator(mode="after")
    def _pepper_where_redis_is_shared(self) -> Self:
        if self.redis_url.get_secret_value() and not self.code_pepper.get_secret_value():
            raise ValueError(
                "CODE_PEPPER: should be set when REDIS_URL is, and be the same on every machine; "
                "make one with: openssl rand -hex 32"
            )
        return self


def load(**overrides: object) -> Settings:
    """Read and check the settings; `overrides` (tests) win over the environment.

    Raises SettingsError with the name of every bad setting, and of those in `.env` that look like a misspelt one.
    """
    try:
        complaints = _meant(DotEnvSettingsSource(Settings).env_vars)
        settings = Settings(**overrides)  # type: ignore[arg-type] # it checks them itself
    except ValidationError as error:
        complaints += [_complaint(part) for part in error.errors(include_input=False)]
    except UnicodeDecodeError:
        raise SettingsError(".env: should be UTF-8 text") from None
    if complaints:
        raise SettingsError("\n".join(complaints))
    return settings


def named(file: str) -> Path:
    """A file that is named in a command: `./latch` says where that was typed, and works in its own folder."""
    return Path(os.environ.get("LATCH_TYPED_IN", "")) / file


def passed_on(**more: str) -> dict[str, str]:
    """The environment of a program that a command starts: ours, and more."""
    return {**os.environ, **more}


def doubts() -> list[str]:
    """What in the environment looks like a misspelt setting of ours. It holds names of others: so this is a warning."""
    return _meant(os.environ)


def _meant(names: Iterable[str]) -> list[str]:
    known = (name.upper() for name in Settings.model_fields)
    return [f"{name}: is no setting; {meant} may be meant" for name, meant in misspelt(names, known).items()]


def _complaint(part: "object") -> str:
    detail = dict(part)  # type: ignore[call-overload]
    message = str(detail["msg"]).removeprefix("Value error, ")
    name = ".".join(str(place) for place in detail["loc"][:1]).upper()
    return f"{name}: {message}" if name else message
