"""Section 1.2 of the contract: a login whose answer was lost is repeated, and costs nobody a second message."""

import asyncio
import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.events import Event
from service.mobiles import mask
from service.repeats import Repeats
from service.stores.redis.connection import Connection
from service.stores.sessions import SessionStore
from service.tokens import parse
from tests.api.test_deleted_keys import everything, token_key
from tests.api.test_hangups import hang_up, login_body
from tests.client import BASE, MOBILE, Api, bearer, error
from tests.conftest import NAMES, Clock, Outbox, Start
from tests.processes import PATIENCE, Service
from tests.stores.flaky_proxy import FlakyProxy

pytestmark = pytest.mark.slow

ID = "0f8fad5b-d9cb-469f"  # of the client's own making, as apps and gateways make them
OTHER_ID = "7c9e6679-7425-40de"
KEYS = ("an old key of the tests", "a new key of the tests")
LOGINS = "login:*"


async def log_in(api: Api, code: str, request_id: str = ID, mobile: str = MOBILE) -> dict[str, Any]:
    response = await api.post_login(mobile, code, **{"X-Request-ID": request_id})
    assert response.status_code == 200, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


async def refused(api: Api, code: str, request_id: str = ID) -> tuple[int, str]:
    return error(await api.post_login(MOBILE, code, **{"X-Request-ID": request_id}))


async def devices(api: Api, token: str) -> list[str]:
    response = await api.request("GET", f"{BASE}/sessions", headers=bearer(token))
    return [session["id"] for session in response.json()["data"]["sessions"]]


def lasting(tokens: dict[str, Any]) -> dict[str, Any]:
    """All of an answer but what the clock changes."""
    return {name: value for name, value in tokens.items() if not name.endswith("expires_in")}


def is_of_one_login(answers: list[dict[str, Any]]) -> bool:
    return all(lasting(answer) == lasting(answers[0]) for answer in answers)


async def test_a_repeated_login_gets_the_same_tokens_of_one_session(
    api: Api, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    code = await api.new_code()
    first = await log_in(api, code)
    clock.wait(10)
    again = await log_in(api, code)
    assert lasting(again) == lasting(first)
    assert again["is_new_user"] is True
    assert 9 <= first["expires_in"] - again["expires_in"] <= 11
    assert first["refresh_expires_in"] - again["refresh_expires_in"] == 10
    assert await devices(api, again["token"]) == [first["session_id"]]
    assert (await api.refresh(again["refresh_token"])).status_code == 200
    told = [record.message for record in caplog.records if record.name == "latch.audit"]
    assert told == [Event.CODE_SENT, Event.LOGIN, Event.REFRESH]


@pytest.mark.parametrize("request_id", ["fifteen-letters", "", "has blanks in it, too", "0" * 65])
async def test_without_an_id_of_its_own_that_is_long_enough_a_login_is_good_once(api: Api, request_id: str) -> None:
    code = await api.new_code()
    await log_in(api, code, request_id)
    assert await refused(api, code, request_id) == (400, "invalid_code")


async def test_sixteen_characters_are_enough(api: Api) -> None:
    code = await api.new_code()
    assert is_of_one_login([await log_in(api, code, "a" * 16) for _ in range(2)])


async def test_the_id_that_was_made_for_a_request_repeats_nothing(api: Api) -> None:
    code = await api.new_code()
    made = (await api.post_login(MOBILE, code)).headers["x-request-id"]
    assert len(made) > 16
    assert await refused(api, code, made) == (400, "invalid_code")


async def test_another_id_or_another_number_is_another_login(api: Api) -> None:
    code = await api.new_code()
    await log_in(api, code)
    assert await refused(api, code, OTHER_ID) == (400, "invalid_code")
    assert error(await api.post_login("13900139000", code, **{"X-Request-ID": ID})) == (400, "invalid_code")


async def test_twenty_at_once_on_two_workers_are_one_login_on_each_kind_of_redis(any_redis: str, start: Start) -> None:
    workers = [await start(redis_url=any_redis) for _ in range(2)]
    for n in range(5):
        mobile = f"13700137{n:03}"
        code = await workers[0].new_code(mobile)
        answers = await asyncio.gather(*(log_in(workers[k % 2], code, mobile=mobile) for k in range(20)))
        assert is_of_one_login([*answers, await log_in(workers[1], code, mobile=mobile)])
        assert await devices(workers[1], answers[0]["token"]) == [answers[0]["session_id"]]
        await workers[0].request("DELETE", f"{BASE}/sessions", headers=bearer(answers[0]["token"]))


@pytest.mark.slow
def test_twenty_at_once_on_processes_of_their_own_are_one_login(folder: Path) -> None:
    with Service(folder, WORKERS=2) as service, ThreadPoolExecutor(20) as clients:
        for n in range(5):
            body = {"mobile": (mobile := f"13500135{n:03}"), "code": service.code(mobile)}

            def send(_: int, body: dict[str, str] = body) -> dict[str, Any]:
                url = f"http://127.0.0.1:{service.port}{BASE}/authorizations"  # a connection each, to either worker
                return dict(httpx.post(url, json=body, headers={"X-Request-ID": ID}, timeout=PATIENCE).json()["data"])

            answers = list(clients.map(send, range(20)))
            assert is_of_one_login(answers)
            sessions = service.http.get(f"{BASE}/sessions", headers=bearer(answers[0]["token"])).json()["data"][
                "sessions"
            ]
            assert [session["id"] for session in sessions] == [answers[0]["session_id"]]


async def test_of_many_at_once_with_ids_of_their_own_one_wins(api: Api) -> None:
    code = await api.new_code()
    ids = [f"{n:032x}" for n in range(20)]
    answers = await asyncio.gather(*(api.post_login(MOBILE, code, **{"X-Request-ID": one}) for one in ids))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19


async def test_a_repetition_waits_for_the_first_on_another_worker(start: Start) -> None:
    workers = [await start(), await start()]
    code = await workers[0].new_code()
    path = workers[0].app.ctx.settings.database_location.removeprefix("sqlite://")
    with closing(sqlite3.connect(path, isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")  # and nobody else writes
        under_way = [asyncio.create_task(log_in(worker, code)) for worker in workers]
        assert not (await asyncio.wait(under_way, timeout=0.4))[0]
        somebody.execute("ROLLBACK")
    assert is_of_one_login(await asyncio.gather(*under_way))


async def test_a_login_that_came_to_no_end_is_503_until_its_lease_runs_out(
    start: Start, connection: Connection, clock: Clock
) -> None:
    api = await start(stores_timeout=0.3)
    code = await api.new_code()
    login = Repeats(api.app.ctx.settings, SessionStore(connection), clock).named(MOBILE, code, ID)
    await api.app.ctx.codes.verify(MOBILE, code, "192.0.2.1", login.marks)  # and the worker dies
    assert await refused(api, code) == (503, "service_unavailable")
    assert await refused(api, code, OTHER_ID) == (400, "invalid_code")
    clock.wait(10)
    assert is_of_one_login([await log_in(api, code) for _ in range(2)])


async def test_whoever_hangs_up_gets_the_tokens_by_repeating(api: Api, redis: Any) -> None:
    for n in range(20):
        mobile = f"13600136{n:03}"
        code = await api.new_code(mobile)
        body = login_body(mobile, code)
        await hang_up(api, "POST", f"{BASE}/authorizations", body, request_id=ID, in_pieces=n % 2 == 0)
        tokens = await log_in(api, code, mobile=mobile)
        assert await devices(api, tokens["token"]) == [tokens["session_id"]]
    assert len(await redis.keys(LOGINS)) == 20


async def test_half_a_minute_later_the_code_is_merely_spent(api: Api, redis: Any) -> None:
    code = await api.new_code()
    await log_in(api, code)
    [record] = await redis.keys(LOGINS)
    assert 20_000 < await redis.pttl(record) <= 30_000
    await redis.pexpire(record, 0)
    assert await refused(api, code) == (400, "invalid_code")


@pytest.mark.parametrize("key", ["session:{%(user_id)d}:%(session_id)s", "sessions:{%(user_id)d}"])
async def test_a_session_that_was_deleted_is_not_given_out_again(api: Api, redis: Any, key: str) -> None:
    code = await api.new_code()
    tokens = await log_in(api, code)
    assert await redis.delete(key % tokens) == 1
    assert await refused(api, code) == (400, "invalid_code")
    assert not await api.is_live(tokens["token"])


async def test_after_a_log_out_the_code_is_spent(api: Api) -> None:
    code = await api.new_code()
    tokens = await log_in(api, code)
    await api.log_out(tokens["token"])
    assert await refused(api, code) == (400, "invalid_code")
    assert not await api.is_live(tokens["token"])


async def test_who_was_disabled_meanwhile_stays_out(api: Api) -> None:
    code = await api.new_code()
    tokens = await log_in(api, code)
    await api.app.ctx.users.disable(await api.app.ctx.users.find(MOBILE))
    assert await refused(api, code) == (400, "invalid_code")
    assert not await api.is_live(tokens["token"])


async def test_an_access_token_that_was_deleted_is_the_same_and_lives_no_longer(api: Api, redis: Any) -> None:
    code = await api.new_code()
    tokens = await log_in(api, code)
    await redis.delete(token_key(tokens))
    again = await log_in(api, code)
    assert lasting(again) == lasting(tokens)
    assert again["expires_in"] == 0
    assert (await api.refresh(again["refresh_token"])).status_code == 200


async def test_a_session_that_was_refreshed_meanwhile_is_still_the_same(api: Api) -> None:
    code = await api.new_code()
    first = await log_in(api, code)
    assert (await api.refresh(first["refresh_token"])).status_code == 200
    again = await log_in(api, code)
    assert lasting(again) == lasting(first)
    assert (await api.refresh(again["refresh_token"])).status_code == 200


async def test_a_wrong_code_with_an_id_is_counted_as_ever(api: Api, redis: Any) -> None:
    code = await api.new_code()
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for tried in range(4):
        assert await refused(api, wrong) == (400, "invalid_code")
        assert int(await redis.hget(f"code:{{{NAMES.of(MOBILE)}}}", "attempts")) == tried + 1
    assert await refused(api, wrong) == (400, "invalid_code")
    assert await refused(api, code) == (400, "invalid_code")  # five wrong ones have ended it


async def test_who_knows_the_id_alone_has_one_guess_at_the_tokens(api: Api, redis: Any) -> None:
    code = await api.new_code()
    tokens = await log_in(api, code)
    assert await refused(api, f"{(int(code) + 1) % 10**6:06}") == (400, "invalid_code")
    assert await redis.keys(LOGINS) == []
    assert await refused(api, code) == (400, "invalid_code")
    assert await api.is_live(tokens["token"])


async def test_a_repetition_is_no_wrong_try_and_costs_the_address_one(start: Start, redis: Any) -> None:
    api = await start(limit_logins_per_ip="3/minute", limit_tries_per_number="1/day")
    code = await api.new_code()
    first, again = await log_in(api, code), await log_in(api, code)
    assert is_of_one_login([first, again])
    assert await redis.keys("limit:tries_per_number*") == []
    assert is_of_one_login([again, await log_in(api, code)])
    assert await refused(api, code) == (429, "too_many_requests")


async def test_no_other_device_makes_room_for_a_repetition(start: Start) -> None:
    api = await start(max_sessions=2)
    other = await api.log_in()
    code = await api.new_code()
    assert is_of_one_login([await log_in(api, code) for _ in range(5)])
    assert await api.is_live(other["token"])


async def test_a_changed_key_repeats_a_login_while_the_old_one_is_named_and_no_longer(start: Start) -> None:
    old, new = KEYS
    before = await start(token_key=old)
    code = await before.new_code()
    first = await log_in(before, code)
    changing = await start(token_key=f"{new},{old}")
    assert is_of_one_login([first, await log_in(changing, code)])
    assert await refused(await start(token_key=new), code) == (400, "invalid_code")
    assert is_of_one_login([first, await log_in(changing, code)])
    assert await before.is_live(first["token"])


async def test_a_number_of_test_codes_repeats_a_login_and_several_devices_log_in(start: Start) -> None:
    workers = [await start(test_codes=f"{MOBILE}=246810") for _ in range(2)]
    answers = await asyncio.gather(*(log_in(workers[n % 2], "246810") for n in range(20)))
    other = await log_in(workers[0], "246810", OTHER_ID)
    without = [(await workers[0].post_login(MOBILE, "246810")).json()["data"]["session_id"] for _ in range(2)]
    assert is_of_one_login([*answers, await log_in(workers[1], "246810")])
    assert is_of_one_login([other, await log_in(workers[1], "246810", OTHER_ID)])
    open_ones = {answers[0]["session_id"], other["session_id"], *without}
    assert len(open_ones) == 4
    assert set(await devices(workers[0], other["token"])) == open_ones


async def test_a_number_of_test_codes_that_logged_out_logs_in_anew_and_that_can_be_repeated(start: Start) -> None:
    api = await start(test_codes=f"{MOBILE}=246810")
    first = await log_in(api, "246810")
    await api.log_out(first["token"])
    second = await log_in(api, "246810")
    assert second["session_id"] != first["session_id"]
    assert is_of_one_login([second, await log_in(api, "246810")])
    assert await refused(api, "000000") == (400, "invalid_code")


async def test_a_dump_tells_neither_token_nor_code_nor_number_of_a_login_that_can_be_repeated(
    api: Api, redis: Any
) -> None:
    code = await api.new_code()
    tokens = await log_in(api, code)
    [name] = await redis.keys(LOGINS)
    record = name + b" " + await redis.get(name)
    dump = await everything(redis)
    assert record.split()[0] in dump
    untagged = dump.replace(b"{%b}" % MOBILE.encode(), b"")  # the hash tag, as in the key of the code
    known = [code, MOBILE, mask(MOBILE), ID]
    for text in (tokens["token"], tokens["refresh_token"]):
        token = parse(text)
        assert token
        known += [text, text[-43:], token.secret.hex(), token.secret[:24].hex()]
    assert not [one for one in known if one.encode() in untagged]
    assert tokens["session_id"].encode() not in record


async def test_a_login_is_two_round_trips_and_a_repetition_no_statement_more(
    api: Api, redis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await log_in(api, await api.new_code("13900139000"), mobile="13900139000")  # loads the scripts
    code = await api.new_code()
    await api.app.ctx.codes.settle()
    await redis.config_resetstat()
    await log_in(api, code)
    assert await asked(redis) == {"evalsha": 2}
    await api.app.ctx.codes.settle()
    await redis.config_resetstat()
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    await log_in(api, code)
    assert await asked(redis) == {"evalsha": 1, "mget": 1}
    assert not [record for record in caplog.records if "last_login" in record.getMessage()]


async def asked(redis: Any) -> dict[str, int]:
    """The commands that came over the wire: scripts run neither of these."""
    stats = await redis.info("commandstats")
    found = {name.removeprefix("cmdstat_"): int(stat["calls"]) for name, stat in stats.items()}
    return {name: calls for name, calls in found.items() if name in {"evalsha", "eval", "mget"}}


@pytest.mark.parametrize(("losses", "status"), [("one", 200), ("all", 503), ("silence", 503)])
async def test_a_login_whose_last_word_with_redis_is_lost_costs_no_second_message(
    start: Start, redis_server: str, redis: Any, outbox: Outbox, losses: str, status: int
) -> None:
    """Lost once it is asked again; lost for good, the login is 503, and repeating it tells what it came to."""
    proxy = FlakyProxy(redis_server.removeprefix("unix://"))
    async with proxy.running() as url:
        api = await start(redis_url=url, redis_timeout=1)
        await log_in(api, await api.new_code("13900139000"), mobile="13900139000")  # loads the scripts
        code = await api.new_code()
        await api.app.ctx.codes.settle()
        pieces = count()

        def lose_the_second_answer() -> str:
            piece = next(pieces)
            if piece == 2:  # the first request, its answer, the second request
                proxy.losses = {"one": 1, "all": 1000, "silence": 0}[losses]
            return "swallowed" if piece == 3 and losses == "silence" else ""

        proxy.fault = lose_the_second_answer
        response = await api.post_login(MOBILE, code, **{"X-Request-ID": ID})
        assert next(pieces) > 3
        assert response.status_code == status
        assert len(await redis.keys(LOGINS)) == 2  # it was done either way
        proxy.losses = 0
        tokens = await log_in(api, code)
        assert await devices(api, tokens["token"]) == [tokens["session_id"]]
        assert len(outbox.messages) == 2
        await api.stop()
