"""An empty database of each kind."""

from pathlib import Path

import asyncpg
import pytest


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path, loop: object) -> str:
    """Where an empty database is."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path / 'latch.sqlite3'}"
    address: str = request.getfixturevalue("postgres")
    connection = await asyncpg.connect(address)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    return address
