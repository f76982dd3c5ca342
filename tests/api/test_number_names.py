"""A number's whole life, with all that guards it: Redis never gets to know the number, in a key, value or argument."""

import base64
import hashlib
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from redis.crc import key_slot

from service.commands import sessions
from service.entities import Purpose
from tests.api.test_accounts import both_codes
from tests.api.test_codes import other_than
from tests.api.test_topologies import stores_of
from tests.client import MOBILE, Api, error
from tests.conftest import LIMITS, NAMES, NO_LIMITS, Clock, Start
from tests.stores.conftest import keys_of
from tests.test_altcha import ON, ask, challenge_of, encoded, solved

NEW, REVIEWED, STRANGER = "13900139000", "13700137000", "13600136000"
ID = "an-id-of-one-login"
HELD = {"string": "GET", "hash": "HGETALL", "list": "LRANGE"}
KINDS = {"code", "cooldown", "limit", "login", "conversion", "challenge", "token", "session", "sessions", "barred"}
END = "the end of a life"
REST = 3600  # seconds until cool-downs and budgets of an hour are forgotten

Look = Callable[[], Awaitable[None]]


def forms(mobile: str) -> set[str]:
    """How a number may stand somewhere: as it is, in part, grouped, masked, encoded, or digested without a key."""
    found = {mobile, mobile[3:], f"{mobile[3:7]} {mobile[7:]}", f"{mobile[3:7]}-{mobile[7:]}", f"{mobile[:3]}****"}
    found |= {f"{int(mobile):x}", base64.b64encode(mobile.encode()).decode().rstrip("=")}
    return found | {hashlib.new(name, mobile.encode()).hexdigest()[:16] for name in ("md5", "sha1", "sha256", "sha512")}


def in_clear(text: str) -> set[str]:
    return {form for mobile in (MOBILE, NEW, REVIEWED, STRANGER) for form in forms(mobile) if form in text}


async def everything(redis: Any) -> dict[str, Any]:
    """All keys, and what they hold."""
    found = {}
    for key in await keys_of(redis):
        held = HELD[(await redis.type(key)).decode()]
        found[key] = await redis.execute_command(held, key, *((0, -1) if held == "LRANGE" else ()))
    return found


async def live(api: Api, by_captcha: Api, clock: Clock, look: Look) -> None:
    """All that can become of a number: `look` is called wherever Redis holds something of it."""
    assert (await ask(by_captcha, encoded(solved(await challenge_of(by_captcha))))).status_code == 200
    assert error(await api.send_code()) == (429, "too_many_requests")
    assert error(await api.post_login(MOBILE, other_than(api, MOBILE))) == (400, "invalid_code")
    await look()
    code = api.phone.code(MOBILE)
    first, again = [(await api.post_login(MOBILE, code, **{"X-Request-ID": ID})).json()["data"] for _ in range(2)]
    assert first["refresh_token"] == again["refresh_token"]
    for request_id in (ID, ""):
        assert (await api.post_login(REVIEWED, "246810", **{"X-Request-ID": request_id})).status_code == 200
    await look()
    clock.wait(REST)
    body = await both_codes(api, first["token"], NEW)
    await look()
    assert error(await api.change_mobile(first["token"], {**body, "code": other_than(api, NEW)}))[0] == 400
    assert (await api.change_mobile(first["token"], body)).status_code == 200
    await api.new_code(STRANGER)
    clock.wait(REST)
    code = await api.code_for("erase", NEW, first["token"])
    assert error(await api.erase(first["token"], other_than(api, NEW)))[0] == 400
    await look()
    assert (await api.erase(first["token"], code)).status_code == 204
    await look()
    async with sessions.opened(api.app.ctx.settings) as does:
        assert await does.unlock(STRANGER, as_json=False) == 0
    await look()


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> dict[str, Any]:
    """Limits and the conversion guard as they ship, and a test number."""
    monkeypatch.setattr("altcha.v2.time", SimpleNamespace(time=clock, monotonic=time.monotonic))
    return {**LIMITS, "access_ttl": 4 * REST, "test_codes": f"{REVIEWED}=246810"}


@pytest.mark.slow
async def test_no_key_and_no_value_of_redis_holds_a_number(
    any_redis: str, start: Start, clock: Clock, settings: dict[str, Any]
) -> None:
    api = await start(redis_url=any_redis, **settings)
    kinds: set[str] = set()
    async with stores_of(api) as (connection, _):

        async def look() -> None:
            found = await everything(connection.redis)
            kinds.update(key.partition(":")[0] for key in found)
            assert in_clear(str(found)) == set()

        await connection.redis.flushall()
        try:
            await live(api, await start(redis_url=any_redis, **settings, **ON), clock, look)
        finally:  # the users of other tests have the same ids, and an erased one's cannot log in for a while
            await connection.redis.flushall()
    assert kinds == KINDS


async def test_nothing_that_is_sent_to_redis_holds_a_number(
    start: Start, redis: Any, clock: Clock, settings: dict[str, Any]
) -> None:
    api, by_captcha = await start(**settings), await start(**settings, **ON)

    async def look() -> None:
        """Everything that is sent is looked at below."""

    async with redis.monitor() as monitor:
        await live(api, by_captcha, clock, look)
        await redis.echo(END)
        heard: list[str] = []
        while not heard or END not in heard[-1]:
            heard.append((await monitor.next_command())["command"])
    assert len(heard) > len(KINDS)
    assert in_clear("\n".join(heard)) == set()


async def test_in_clear_finds_a_number_in_each_of_its_forms() -> None:
    for form in forms(MOBILE):
        assert form in in_clear(f"code:{{{form}}}")


async def settled(redis: Any) -> dict[str, Any]:
    """All but who is active, which is written now and then."""
    return {key: value for key, value in (await everything(redis)).items() if not key.startswith("active:")}


async def test_the_keys_that_an_operator_is_told_are_all_of_the_number_and_in_one_slot(
    start: Start, redis: Any, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    api = await start(**{**LIMITS, "limit_code_cooldown": "1"})
    token = (await api.log_in())["token"]
    for purpose in Purpose:
        clock.wait(1)
        await api.code_for(purpose, MOBILE, token)
    assert error(await api.post_login(MOBILE, "none")) == (400, "invalid_request")
    assert error(await api.change_mobile(token, {"mobile": NEW, "code": "000000", "current_code": "111111"}))[0] == 400
    await api.app.ctx.codes.settle()  # a code that was used is counted a moment later
    before = await settled(redis)
    async with sessions.opened(api.app.ctx.settings) as does:
        assert await does.list_keys(MOBILE, as_json=False) == 0
    told = capsys.readouterr().out.splitlines()
    assert await settled(redis) == before
    assert set(told) == {key for key in before if NAMES.of(MOBILE) in key}
    assert len({key_slot(key.encode()) for key in told}) == 1
    await redis.delete(*told)
    assert (await api.send_code()).status_code == 200


async def test_a_pepper_that_comes_first_changes_no_name_and_one_that_goes_last_does_not_with_its_key(
    start: Start, clock: Clock
) -> None:
    old, new = "the pepper of yesterday", "the pepper of tomorrow"
    wrong_tries = {**NO_LIMITS, "limit_tries_per_number": "2/day"}
    peppers = (("", old), ("", f"{new},{old}"), (old, new))
    for number_key, pepper in peppers[:2]:
        api = await start(code_pepper=pepper, number_key=number_key, **wrong_tries)
        await api.new_code()
        assert error(await api.post_login(MOBILE, other_than(api, MOBILE))) == (400, "invalid_code")
    for number_key, pepper in peppers[1:]:
        api = await start(code_pepper=pepper, number_key=number_key, **wrong_tries)
        await api.new_code()
        assert error(await api.post_login(MOBILE, api.phone.code(MOBILE))) == (429, "too_many_requests")
