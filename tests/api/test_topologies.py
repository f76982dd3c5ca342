"""The main job on each kind of REDIS_URL: one server, a Sentinel's master, a Cluster."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service.backing import connections
from service.commands import check
from service.commands.findings import Level
from service.stores.database import Database
from service.stores.redis.connection import Connection
from tests.client import BASE, MOBILE, Api, bearer, error
from tests.conftest import LIMITS, Start

pytestmark = pytest.mark.slow


@asynccontextmanager
async def stores_of(api: Api) -> AsyncIterator[tuple[Connection, Database]]:
    """Connections of our own to the stores that an app was started with."""
    connection, database = connections(api.app.ctx.settings)
    await database.open()
    yield connection, database
    await connection.close()
    await database.close()


async def test_a_person_logs_in_refreshes_lists_and_logs_out(any_redis: str, start: Start) -> None:
    api = await start(redis_url=any_redis, **LIMITS)
    async with stores_of(api) as (connection, _):
        await connection.redis.flushall()
    tokens = await api.log_in()
    assert (await api.who(tokens["token"])).json()["data"]["mobile"] == MOBILE
    fresh = (await api.refresh(tokens["refresh_token"])).json()["data"]
    listed = await api.request("GET", f"{BASE}/sessions", headers=bearer(fresh["token"]))
    assert [session["id"] for session in listed.json()["data"]["sessions"]] == [tokens["session_id"]]
    assert error(await api.send_code()) == (429, "too_many_requests")
    await api.log_out(fresh["token"])
    assert not await api.is_live(tokens["token"])
    assert (await api.request("GET", "/readyz")).status_code == 200


async def test_check_finds_it_well(any_redis: str, start: Start) -> None:
    api = await start(redis_url=any_redis)
    async with stores_of(api) as (connection, database):
        findings = await check.findings(api.app.ctx.settings, connection, database)
    assert not [finding.text for finding in findings if finding.level is Level.BAD]
    told = " ".join(finding.text for finding in findings)
    assert "answers, version" in told
    assert "Redis evicts nothing" in told
