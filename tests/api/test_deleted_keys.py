"""Section 2 of the contract: what an operator types, and the effect on the next request."""

from typing import Any

from redis.asyncio import Redis

from service import tokens as tokens_module
from tests.client import Api, error
from tests.conftest import Clock


def session_key(tokens: dict[str, Any]) -> str:
    return f"session:{{{tokens['user_id']}}}:{tokens['session_id']}"


def token_key(tokens: dict[str, Any]) -> str:
    token = tokens_module.parse(tokens["token"])
    assert token
    key_suffix = tokens_module.key_suffix(tokens_module.digest(token.secret))
    return f"token:{{{tokens['user_id']}}}:{tokens['session_id']}:{key_suffix}"


async def test_a_deleted_token_is_dead_and_its_device_refreshes(api: Api, redis: Redis) -> None:
    tokens = await api.log_in()
    assert await redis.delete(token_key(tokens)) == 1
    assert error(await api.check(tokens["token"])) == (401, "invalid_token")
    response = await api.refresh(tokens["refresh_token"])
    assert response.status_code == 200
    assert await api.is_live(response.json()["data"]["token"])


async def test_a_deleted_session_is_logged_out_access_and_refresh_token_both(api: Api, redis: Redis) -> None:
    tokens, other = await api.log_in(), await api.log_in()
    assert await redis.delete(session_key(tokens)) == 1
    assert error(await api.check(tokens["token"])) == (401, "invalid_token")
    assert error(await api.who(tokens["token"])) == (401, "invalid_token")
    assert error(await api.refresh(tokens["refresh_token"])) == (403, "invalid_refresh_token")
    assert await api.is_live(other["token"])


async def test_a_deleted_list_logs_every_device_out_and_a_later_login_brings_none_back(api: Api, redis: Redis) -> None:
    devices = [await api.log_in() for _ in range(3)]
    stranger = await api.log_in("13900139000")
    assert await redis.delete(f"sessions:{{{devices[0]['user_id']}}}") == 1
    fresh = await api.log_in()
    for tokens in devices:
        assert error(await api.check(tokens["token"])) == (401, "invalid_token")
        assert error(await api.refresh(tokens["refresh_token"])) == (403, "invalid_refresh_token")
    assert await api.is_live(fresh["token"])
    assert await api.is_live(stranger["token"])


async def test_an_emptied_redis_logs_everybody_out_and_lets_them_in_again(api: Api, redis: Redis) -> None:
    tokens = await api.log_in()
    await redis.flushall()
    await redis.script_flush()
    assert error(await api.check(tokens["token"])) == (401, "invalid_token")
    assert error(await api.refresh(tokens["refresh_token"])) == (403, "invalid_refresh_token")
    again = await api.log_in()
    assert again["user_id"] == tokens["user_id"]
    assert await api.is_live(again["token"])


async def test_a_check_is_one_command(api: Api, redis: Redis) -> None:
    await redis.config_resetstat()
    tokens = await api.log_in()
    counted = 0  # the code sent and the code used, for its prefix and for all: soon after the answers
    while counted < 4:
        counted = (await redis.info("commandstats")).get("cmdstat_hincrby", {}).get("calls", 0)
    await api.check(tokens["token"])
    await api.app.ctx.codes.settle()  # the code that was used is counted, too
    await redis.config_resetstat()
    for _ in range(10):
        assert await api.is_live(tokens["token"])
    calls = {name: stat["calls"] for name, stat in (await redis.info("commandstats")).items()}
    calls = {name: count for name, count in calls.items() if not name.startswith(("cmdstat_config", "cmdstat_info"))}
    assert calls == {"cmdstat_mget": 10}


async def test_no_token_and_no_code_can_be_found_in_a_dump(api: Api, redis: Redis, clock: Clock) -> None:
    secrets: list[str] = []
    for mobile in ("13800138000", "13900139000"):
        tokens = await api.log_in(mobile)
        for _ in range(3):
            secrets += [tokens["token"], tokens["refresh_token"]]
            clock.wait(100)
            tokens = (await api.refresh(tokens["refresh_token"])).json()["data"]
        secrets += [tokens["token"], tokens["refresh_token"]]
    codes = [await api.new_code(mobile) for mobile in ("13700137000", "13600136000")]
    dump = await everything(redis)
    assert b"session:" in dump
    assert b"code:" in dump
    for secret in secrets:
        parsed = tokens_module.parse(secret)
        assert parsed
        for form in (secret.encode(), parsed.secret, parsed.secret.hex().encode(), secret[-43:].encode()):
            assert form not in dump
    for code in codes:
        assert not any(value == code.encode() for value in dump.split(b"\n"))


async def everything(redis: Redis) -> bytes:
    """All keys and values, a line each."""
    lines: list[Any] = []
    for key in await redis.keys("*"):
        lines.append(key)
        if await redis.type(key) == b"hash":
            lines += [part for pair in (await redis.hgetall(key)).items() for part in pair]
        else:
            lines.append(await redis.get(key))
    return b"\n".join(lines)
