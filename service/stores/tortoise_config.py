"""What Tortoise is told of the database that a URL names. asyncpg is an extra, and not imported for SQLite."""

from importlib.util import find_spec
from typing import Any
from urllib.parse import unquote

from config import SettingsError
from settings import database_url

APP = "models"
CONNECTION = "default"
SQLITE = "sqlite://"


def config(url: str, *, timeout: float, pool_size: int) -> dict[str, Any]:
    """Tortoise's configuration. `timeout` is in seconds."""
    return {
        "connections": {CONNECTION: _connection(url, timeout, pool_size)},
        "apps": {APP: {"models": ["models"], "default_connection": CONNECTION, "migrations": "models.migrations"}},
        "use_tz": True,
        "timezone": "UTC",
    }


def connect_timeout(url: str, timeout: float) -> float:
    """The seconds that connecting may take: what the URL says, else `timeout`."""
    return timeout if url.startswith(SQLITE) else database_url.parse(url).connect_timeout or timeout


def sqlite_file(url: str) -> str | None:
    """The path in a URL of SQLite; None in one of PostgreSQL."""
    return unquote(url.removeprefix(SQLITE).partition("?")[0]) if url.startswith(SQLITE) else None


def _connection(url: str, timeout: float, pool_size: int) -> dict[str, Any]:
    if (path := sqlite_file(url)) is not None:
        credentials = {"file_path": path, "busy_timeout": round(timeout * 1000)}  # the other workers write there, too
        return {"engine": "tortoise.backends.sqlite", "credentials": credentials}
    if not find_spec("asyncpg"):
        raise SettingsError("DATABASE_URL: should be of SQLite, or asyncpg be installed: pip install asyncpg")
    place = database_url.parse(url)
    credentials = {"place": place, "timeout": timeout, "maxsize": pool_size}
    return {"engine": "service.stores.asyncpg_client", "credentials": credentials}
