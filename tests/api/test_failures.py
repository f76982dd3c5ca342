"""A broken store is 503 `service_unavailable`, never a log-out; a bug is 500 without a word of its cause."""

import asyncio
import re
from typing import Any

import pytest

from service.errors import ServiceUnavailable
from service.stores.codes import CodeStore
from service.stores.database import Database
from service.stores.redis.pipelined_connection import PipelinedConnection
from service.stores.redis.scripts import Script
from tests.client import MOBILE, Api, bearer, error
from tests.conftest import Outbox, Start

GONE_REDIS = "redis://127.0.0.1:1"
TOKEN = "A" * 64


async def test_without_redis_every_route_that_needs_it_is_503_and_never_401_or_403(start: Start) -> None:
    api = await start(redis_url=GONE_REDIS)
    for response in (
        await api.send_code(),
        await api.post_login(MOBILE, "123456"),
        await api.check(TOKEN),
        await api.who(TOKEN),
        await api.refresh(TOKEN),
        await api.log_out(TOKEN),
    ):
        assert error(response) == (503, "service_unavailable")
        assert response.headers["retry-after"] == "1"


async def test_without_the_database_a_login_is_503_and_the_code_still_works(api: Api, database: Database) -> None:
    code = await api.new_code()
    await database.rows("ALTER TABLE users RENAME TO users_away", [])
    for _ in range(8):  # more often than CODE_ATTEMPTS
        assert error(await api.post_login(MOBILE, code)) == (503, "service_unavailable")
    await database.rows("ALTER TABLE users_away RENAME TO users", [])
    assert (await api.post_login(MOBILE, code)).status_code == 200


async def test_without_the_database_checks_refreshes_and_log_outs_go_on(api: Api, database: Database) -> None:
    tokens = await api.log_in()
    await database.rows("ALTER TABLE users RENAME TO users_away", [])
    assert error(await api.who(tokens["token"])) == (503, "service_unavailable")
    assert await api.is_live(tokens["token"])
    fresh = (await api.refresh(tokens["refresh_token"])).json()["data"]
    assert (await api.log_out(fresh["token"])).status_code == 204


async def test_a_session_that_cannot_be_opened_leaves_the_code_good(api: Api, redis: Any) -> None:
    code = await api.new_code()
    await redis.config_set("maxmemory", 1)  # full: every write is refused, those of scripts too
    try:
        assert error(await api.post_login(MOBILE, code)) == (503, "service_unavailable")
    finally:
        await redis.config_set("maxmemory", 0)
    assert (await api.post_login(MOBILE, code)).status_code == 200


async def test_a_code_that_cannot_be_spent_takes_the_session_back_and_stays_good(
    api: Api, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = await api.new_code()
    spending = CodeStore.spending
    broken = Script("consume_code", repeatable=False, source="error('-OOM there is no room')")
    with monkeypatch.context() as patch:
        patch.setattr(CodeStore, "spending", lambda *of: (broken, *spending(*of)[1:]))
        assert error(await api.post_login(MOBILE, code)) == (503, "service_unavailable")
    assert not await redis.keys("sessions:*")
    assert (await api.post_login(MOBILE, code)).status_code == 200


async def test_a_right_code_whose_judgement_was_lost_can_be_tried_again_at_once(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = await api.new_code()
    verify = CodeStore.verify

    async def lose(*arguments: Any, **options: Any) -> None:
        await verify(*arguments, **options)
        raise ServiceUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(CodeStore, "verify", lose)
        assert error(await api.post_login(MOBILE, code)) == (503, "service_unavailable")
    assert (await api.post_login(MOBILE, code)).status_code == 200


async def test_a_request_waits_no_longer_for_many_operations_than_for_one(
    start: Start, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds, flush = 0.0, PipelinedConnection.flush

    async def slowly(connection: PipelinedConnection, calls: Any) -> None:
        await asyncio.sleep(seconds)
        await flush(connection, calls)

    monkeypatch.setattr(PipelinedConnection, "flush", slowly)
    api = await start(redis_timeout=10, stores_timeout=0.5)
    code = await api.new_code()
    seconds = 0.3
    assert error(await api.post_login(MOBILE, code)) == (503, "service_unavailable")
    assert not await redis.keys("sessions:*")


@pytest.mark.slow
async def test_the_time_of_the_provider_is_not_that_of_the_stores(
    start: Start, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    api = await start(stores_timeout=2)

    async def slow() -> None:
        await asyncio.sleep(2.1)

    outbox.before = slow
    assert (await api.send_code()).status_code == 200
    assert "a code that was sent could not be counted" not in caplog.text


async def test_a_bug_is_500_with_nothing_but_a_request_id(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: Any) -> None:
        raise RuntimeError("secret details: 13800138000")

    monkeypatch.setattr(api.app.ctx.authorizations, "check", fail)
    response = await api.request("GET", "/app/v1_0/authorizations", headers=bearer(TOKEN))
    assert error(response) == (500, "internal_error")
    told = response.text.replace(response.json()["request_id"], "")  # which may hold a 138 by chance
    assert not re.search("secret|Runtime|Traceback|138", told)
    assert any(record.exc_info for record in caplog.records)
