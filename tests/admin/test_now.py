"""`/admin/v1/now`: who is online, what has happened, and what works; and that it tells what it cannot tell."""

from typing import Any

import pytest

from service.activity import Moment
from service.roles import Role
from service.stores.activity import ActivityStore
from service.stores.redis.connection import Connection
from tests.admin.conftest import Console, StartConsole
from tests.client import Api, error
from tests.conftest import Clock

pytestmark = pytest.mark.slow


async def now(console: Console) -> Any:
    response = await console.as_role(Role.LOOK, "GET", "/now")
    assert response.status_code == 200, response.text
    return response.json()["data"]


async def test_what_people_did_is_told_once_a_worker_has_written_it(
    api: Api, start_console: StartConsole, clock: Clock
) -> None:
    first, _ = await api.log_in(), await api.log_in("13900139000")
    await api.check(first["token"])
    await api.send_code("13700137000")
    await api.stop()  # which writes
    console = await start_console()
    await console.app.ctx.now.count_sessions()  # as is done in the background
    found = await now(console)
    assert found["active"] == {"last_5_minutes": 2, "last_hour": 2, "last_day": 2}
    assert found["sessions"] == {"live": 2, "standard_error": 0, "estimated_at": "2026-01-01T00:00:00Z"}
    assert len(found["by_minute"]) == 60
    *_, before, last = found["by_minute"]
    counts = {"logins": 2, "codes_sent": 3, "codes_used": 2, "shed": 0, "refused": {}}
    assert last == {"at": "2026-01-01T00:00:00Z", **counts}
    assert before == {"at": "2025-12-31T23:59:00Z", **dict.fromkeys(counts, 0), "refused": {}}
    assert (found["stores"], found["outages"]) == ({"redis": "ok", "database": "ok"}, {})


async def test_each_sender_is_told_with_its_last_failure(
    connection: Connection, start_console: StartConsole, clock: Clock
) -> None:
    store = ActivityStore(connection)
    counts = {"sms:aliyun:failed": 2, "sms:webhook:sent": 5, "sms:webhook:refused": 1, "sms:gone:sent": 1}
    await store.add([], counts, {"sms:webhook:failed": Moment(clock(), "http 500")}, clock())
    last = {"sms:aliyun:failed": Moment(clock(), "isv.X"), "sms:webhook:sent": Moment(clock() + 1, "")}
    await store.add([], {"sms:webhook:sent": 1, "refused:conversion": 4, "shed": 9}, last, clock() - 600)
    options: dict[str, Any] = {
        "sms_sender": "aliyun,webhook,file",
        "webhook_url": "https://sms.example",
        "webhook_secret": "whsec_" + "A" * 44,
        "aliyun_access_key_id": "id",
        "aliyun_access_key_secret": "secret",
        "aliyun_sign_name": "sign",
        "aliyun_template_code": "SMS_1",
    }
    found = await now(await start_console(**options))
    at, later = "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"
    of_none = {"last_sent_at": None, "last_failed_at": None, "last_failure": None}
    assert found["senders"] == [
        {"name": "aliyun", "state": "failing", "sent": 0, "failed": 2, "refused": 0}
        | {"last_sent_at": None, "last_failed_at": at, "last_failure": "isv.X"},
        {"name": "webhook", "state": "ok", "sent": 6, "failed": 0, "refused": 1}
        | {"last_sent_at": later, "last_failed_at": at, "last_failure": "http 500"},
        {"name": "file", "state": "unknown", "sent": 0, "failed": 0, "refused": 0} | of_none,
    ]
    assert found["by_minute"][-11]["refused"] == {"conversion": 4}
    assert found["by_minute"][-11]["shed"] == 9


async def test_a_redis_that_is_away_is_named_and_what_it_would_tell_is_null(
    start_console: StartConsole, unused_port: int
) -> None:
    console = await start_console(redis_url=f"redis://127.0.0.1:{unused_port}")
    url = f"redis://127.0.0.1:{unused_port}"
    assert await now(console) == {
        "active": None,
        "sessions": None,
        "by_minute": None,
        "stores": {"redis": "unavailable", "database": "ok"},
        "outages": {"redis": f"Redis at {url} does not answer (ConnectionError)"},
        "senders": None,
        "codes": None,
    }


async def test_a_database_that_is_away_is_503_since_nobody_s_key_can_be_looked_up(
    start_console: StartConsole, unused_port: int
) -> None:
    console = await start_console(with_keys=False, database_url=f"postgres://latch@127.0.0.1:{unused_port}/latch")
    response = await console.ask("GET", "/admin/v1/now", f"latch_{'A' * 43}")
    assert error(response) == (503, "service_unavailable")


async def test_a_user_of_redis_who_may_not_count_costs_those_figures_alone(
    api: Api, start_console: StartConsole, connection: Connection
) -> None:
    """As a Latch of this version with the rules of the one before."""
    commands = ["-pfadd", "-pfcount", "-randomkey", "-dbsize"]
    url = f"unix://some:one@{connection.redis.connection_pool.connection_kwargs['path']}"
    await connection.redis.acl_setuser(
        "some", enabled=True, passwords=["+one"], categories=["+@all"], commands=commands, keys=["*"]
    )
    await api.log_in()
    await api.stop()
    found = await now(await start_console(redis_url=url))
    assert (found["active"], found["sessions"], found["stores"]["redis"]) == (None, None, "ok")
    assert found["by_minute"][-1]["logins"] == 1
