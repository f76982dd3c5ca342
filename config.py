"""Every setting of Latch: its unit, default and bounds. The environment and `.env` are read here and nowhere else.

Built once by `run.py` and passed on as a value; nothing in the service reads a setting at import.
Secrets are `SecretStr`, so that no repr, log or traceback can print them.
"""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

REDIS_SCHEMES = ("redis", "rediss", "unix")
DATABASE_OPTIONS = {"sslmode", "host", "schema", "application_name"}  # of a postgres:// URL
DATABASE_SCHEMES = ("sqlite", "postgres", "postgresql")
PATH_SCHEMES = {"unix", "sqlite"}  # these name a file, not a host
SECRET_MIN_LENGTH = 16

Seconds = Annotated[int, Field(ge=1)]


class SettingsError(Exception):
    """One line per bad setting: its name and what it should be. Never the value, which may be a secret."""


class Settings(BaseSettings):
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
    data_dir: Path = Field(Path(".data"), description="folder of the embedded stores and the kept pepper")

    redis_url: SecretStr = Field(
        SecretStr(""), description="`redis://`, `rediss://` or `unix://`; empty: an embedded server in `DATA_DIR`"
    )
    redis_timeout: float = Field(
        1.0, gt=0, le=60, description="seconds to connect to Redis, and to wait for each answer"
    )
    redis_pool_size: int = Field(64, ge=1, le=10_000, description="connections to Redis per worker, at most")
    database_url: SecretStr = Field(
        SecretStr(""), description="`sqlite://<path>` or `postgres://...`; empty: SQLite in `DATA_DIR`"
    )
    database_timeout: float = Field(
        1.5, gt=0, le=60, description="seconds to wait for a database connection, and for each statement"
    )
    database_pool_size: int = Field(10, ge=1, le=1_000, description="PostgreSQL connections per worker, at most")

    access_ttl: Seconds = Field(3_600, description="life of an access token, seconds (less a random 0-5 %)")
    refresh_ttl: Seconds = Field(1_209_600, description="life of a session without a refresh, seconds")
    session_max_age: Seconds = Field(7_776_000, description="life of a session after its login, seconds")
    max_sessions: int = Field(10, ge=1, le=1_000, description="live sessions per user; one more ends the stalest")
    rotation_window: Seconds = Field(60, description="seconds in which one refresh token has one successor")
    rotation_grace: int = Field(60, ge=0, description="seconds in which a replaced refresh token is still served")

    code_length: int = Field(6, ge=4, le=10, description="digits of a login code")
    code_ttl: int = Field(
        300, ge=1, le=600, description="life of a login code, seconds (NIST SP 800-63B-4: 10 min at most)"
    )
    code_attempts: int = Field(5, ge=1, le=100, description="wrong tries that end a code")
    code_pepper: SecretStr = Field(
        SecretStr(""), description="secret key of the codes; made and kept in `DATA_DIR` when Redis is embedded"
    )

    sms_sender: Literal["console", "file"] = Field("console", description="how a code reaches a phone")
    sms_timeout: float = Field(5.0, gt=0, le=60, description="seconds to wait for the sender")

    service_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="keys of the backends that may introspect, with commas between; several, to rotate one"
    )
    trusted_proxies: int = Field(0, ge=0, le=32, description="proxies in front, whose `X-Forwarded-For` is believed")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="origins of browser apps, with commas between; empty: none"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="least level logged"
    )
    log_format: Literal["text", "json"] = Field("text", description="for people, or one JSON object a line")

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(origin.strip().rstrip("/") for origin in value.split(",") if origin.strip())
        return value

    @field_validator("service_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(key.strip() for key in value.split(",") if key.strip())
        return value

    @field_validator("service_keys")
    @classmethod
    def _check_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(key.get_secret_value()) < SECRET_MIN_LENGTH for key in keys):
            raise ValueError(f"should each be at least {SECRET_MIN_LENGTH} characters, from a good generator")
        return keys

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            parts = urlsplit(origin)
            if origin != "*" and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.path):
                raise ValueError("should be origins like https://app.example.com, with commas between, or *")
        return origins

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, url: SecretStr) -> SecretStr:
        return _with_scheme(url, REDIS_SCHEMES)

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, url: SecretStr) -> SecretStr:
        _with_scheme(url, DATABASE_SCHEMES)
        unknown = sorted(set(parse_qs(urlsplit(url.get_secret_value()).query)) - DATABASE_OPTIONS)
        if unknown:
            raise ValueError(f"should have no option {', '.join(unknown)}, only: {', '.join(sorted(DATABASE_OPTIONS))}")
        return url

    @field_validator("code_pepper")
    @classmethod
    def _check_pepper(cls, pepper: SecretStr) -> SecretStr:
        if 0 < len(pepper.get_secret_value()) < SECRET_MIN_LENGTH:
            raise ValueError(f"should be at least {SECRET_MIN_LENGTH} characters, from a good generator")
        return pepper

    @model_validator(mode="after")
    def _pepper_where_redis_is_shared(self) -> "Settings":
        if self.redis_url.get_secret_value() and not self.code_pepper.get_secret_value():
            raise ValueError(
                "CODE_PEPPER: should be set when REDIS_URL is, and be the same on every machine; "
                "make one with: openssl rand -hex 32"
            )
        return self

    @property
    def redis_is_embedded(self) -> bool:
        """Whether `run.py` brings its own Redis up."""
        return not self.redis_url.get_secret_value()

    @property
    def database_is_embedded(self) -> bool:
        """Whether the database is the SQLite file in `DATA_DIR`, migrated at start."""
        return not self.database_url.get_secret_value()

    @property
    def redis_socket(self) -> Path:
        """The Unix socket of the embedded Redis."""
        return self.data_dir.resolve() / "redis.sock"

    @property
    def redis_location(self) -> str:
        """The URL to connect to: `REDIS_URL`, or that of the embedded server. May hold a password."""
        return self.redis_url.get_secret_value() or f"unix://{quote(str(self.redis_socket))}"

    @property
    def database_location(self) -> str:
        """The URL to connect to: `DATABASE_URL`, or that of the SQLite file. May hold a password."""
        return (
            self.database_url.get_secret_value() or f"sqlite://{quote(str(self.data_dir.resolve() / 'latch.sqlite3'))}"
        )


def load(**overrides: object) -> Settings:
    """Read and check the settings; `overrides` (tests) win over the environment.

    Raises SettingsError with the name of every bad setting.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("\n".join(_complaint(part) for part in error.errors(include_input=False))) from None
    except UnicodeDecodeError:
        raise SettingsError(".env: should be UTF-8 text") from None


def public(url: str) -> str:
    """The URL without its user, password and query, fit for a log line."""
    parts = urlsplit(url)
    if "@" in url and "@" not in parts.netloc and parts.scheme not in PATH_SCHEMES:
        return f"{parts.scheme}://?"  # a password with / ? or # in it: what follows is a part of it
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{place}{unquote(parts.path)}"


def _with_scheme(url: SecretStr, schemes: tuple[str, ...]) -> SecretStr:
    value = url.get_secret_value()
    scheme, _, rest = value.partition("://")
    if value and (scheme not in schemes or not rest):
        raise ValueError("should start with " + " or ".join(f"{scheme}://" for scheme in schemes))
    if value and scheme not in PATH_SCHEMES and not _has_place(value):
        raise ValueError("should name a host and a port; a password with / ? # or @ in it must be percent-encoded")
    return url


def _has_place(url: str) -> bool:
    try:
        parts = urlsplit(url)
        odd = "@" in parts.path or "#" in url  # the end of a password that was cut in two
        return not odd and (bool(parts.hostname) or "host" in parse_qs(parts.query)) and parts.port != 0
    except ValueError:  # its text would repeat a part of the password
        return False


def _complaint(part: "object") -> str:
    detail = dict(part)  # type: ignore[call-overload]
    message = str(detail["msg"]).removeprefix("Value error, ")
    name = ".".join(str(place) for place in detail["loc"][:1]).upper()
    return f"{name}: {message}" if name else message
