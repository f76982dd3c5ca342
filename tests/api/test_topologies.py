"""The main job on each kind of REDIS_URL: one server, a Sentinel's master, a Cluster."""

from service.commands import check
from service.commands.check import Level
from tests.client import BASE, MOBILE, bearer, error
from tests.conftest import LIMITS, Start


async def test_a_person_logs_in_refreshes_lists_and_logs_out(any_redis: str, start: Start) -> None:
    api = await start(redis_url=any_redis, **LIMITS)
    await api.app.ctx.codes._store._connection.redis.flushall()
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
    connection, database = api.app.ctx.codes._store._connection, api.app.ctx.authorizations._users._database
    findings = await check.findings(api.app.ctx.settings, connection, database)
    assert not [finding.text for finding in findings if finding.level is Level.BAD]
    told = " ".join(finding.text for finding in findings)
    assert "answers, version" in told
    assert "Redis evicts nothing" in told
