"""Where Latch remembers: Redis, the database, and the folder of the embedded ones."""

from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator

from settings import database_url, redis_url

REDIS_SCHEMES = (
    redis_url.REDIS,
    redis_url.TLS_REDIS,
    redis_url.UNIX,
    redis_url.SENTINEL,
    redis_url.CLUSTER,
    redis_url.TLS_SENTINEL,
    redis_url.TLS_CLUSTER,
)
DATABASE_SCHEMES = ("sqlite", *database_url.SCHEMES)
PATH_SCHEMES = {"unix", "sqlite"}  # these name a file, not a host


class StoreSettings(BaseModel):
    """Redis and the database."""

    data_dir: Path = Field(
        Path(".data"),
        description="folder of the embedded Redis, of SQLite, of the kept pepper and of the `file` sender's messages",
    )
    redis_url: SecretStr = Field(
        SecretStr(""),
        description=(
            "`redis://`, `rediss://`, `unix://`, `redis+sentinel://host:port,host:port/service/db` or "
            "`redis+cluster://host:port,host:port`, with TLS `rediss+...`; empty: an embedded server in `DATA_DIR`"
        ),
    )
    redis_timeout: float = Field(
        1.0, gt=0, le=60, description="seconds to wait for each answer of Redis; connecting may take four times as long"
    )
    database_url: SecretStr = Field(
        SecretStr(""),
        description=(
            "`sqlite://<path>` or `postgres://user:password@host:port/database`, with options as docs/databases.md has "
            "them; empty: SQLite in `DATA_DIR`"
        ),
    )
    database_timeout: float = Field(
        1.5, gt=0, le=60, description="seconds to wait for a database connection, and for each statement"
    )
    stores_timeout: float = Field(
        1.5, gt=0, le=60, description="seconds that a request may wait for Redis and the database, all told"
    )
    database_pool_size: int = Field(
        10, ge=1, le=1_000, description="PostgreSQL connections per worker, at most; the audit trail has one more"
    )
    audit_days: int = Field(
        180, ge=0, le=36_500, description="days that events are kept in the database ([audit](audit.md)); 0: none is"
    )

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, url: SecretStr) -> SecretStr:
        redis_url.refuse_several(url.get_secret_value())
        if not redis_url.names_many(url.get_secret_value()):
            _with_scheme(url, REDIS_SCHEMES)
        if url.get_secret_value():
            redis_url.parse(url.get_secret_value())
        if not all(Path(name).is_file() for name in redis_url.files_of(url.get_secret_value())):
            raise ValueError(f"should name files that are there as {', '.join(sorted(redis_url.TLS_FILES))}")
        return url

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, url: SecretStr) -> SecretStr:
        value = url.get_secret_value()
        if value.partition("://")[0] in database_url.SCHEMES:
            database_url.parse(value)
        elif urlsplit(_with_scheme(url, DATABASE_SCHEMES).get_secret_value()).query:
            raise ValueError("should have no options where it begins with sqlite://")
        return url

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

    @property
    def database_notes(self) -> tuple[str, ...]:
        """Sentences about options of DATABASE_URL that have no effect."""
        url = self.database_location
        return () if url.startswith("sqlite://") else database_url.parse(url).notes


def public(url: str) -> str:
    """The URL without its user, password and query, fit for a log line."""
    parts = redis_url.split(url)
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
