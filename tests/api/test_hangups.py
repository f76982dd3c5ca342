"""Clients that hang up at any point: nothing is left half done, and the next client notices nothing."""

import asyncio
import random
from typing import Any

import orjson
import pytest

from service.stores.database import Database
from tests.client import BASE, Api
from tests.conftest import NAMES, Outbox, Start

pytestmark = pytest.mark.slow

ROUNDS = 200
LONGEST_PATIENCE = 0.006  # seconds; a whole login takes about half of it here


async def hang_up(
    api: Api,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    token: str = "",
    request_id: str = "",
    in_pieces: bool = False,
) -> None:
    """Send a whole request and go away after a random moment, with a reset rather than a goodbye.

    What comes at once is answered on the connection, what comes in pieces by Sanic.
    """
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    named = f"X-Request-ID: {request_id}\r\n" if request_id else ""
    request = f"{head}{authorization}{named}\r\n".encode() + body
    for part in (request[:9], request[9:]) if in_pieces else (request,):
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.001 if in_pieces else 0)
    await asyncio.sleep(random.uniform(0, LONGEST_PATIENCE))
    writer.transport.abort()


def login_body(mobile: str, code: str) -> bytes:
    return orjson.dumps({"mobile": mobile, "code": code})


@pytest.mark.slow
@pytest.mark.parametrize("in_pieces", [False, True])
async def test_logins_whose_clients_hang_up_leave_no_harm(
    api: Api,
    redis: Any,
    database: Database,
    in_pieces: bool,  # noqa: FBT001
) -> None:
    mobiles = [f"138{n:08}" for n in range(ROUNDS)]
    for mobile in mobiles:
        code = await api.new_code(mobile)
        await hang_up(api, "POST", f"{BASE}/authorizations", login_body(mobile, code), in_pieces=in_pieces)
    await api.app.ctx.background.drain(5)
    for mobile in mobiles:
        spent = not await redis.exists(f"code:{{{NAMES.of(mobile)}}}")
        users = await database.rows("SELECT id FROM users WHERE mobile = ?", [mobile])
        sessions = await redis.get(f"sessions:{{{users[0]['id']}}}") if users else None
        # Either the login went through to its end, or it never began: no code is lent out, none spent for nothing.
        assert spent == bool(sessions)
        assert not await redis.hget(f"code:{{{NAMES.of(mobile)}}}", "holder")
    tokens = await api.log_in("13900139000")
    assert (await api.who(tokens["token"])).status_code == 200


async def test_hang_ups_before_the_first_statement_leave_the_database_usable(start: Start) -> None:
    for _ in range(10):
        api = await start()
        for _ in range(3):
            await hang_up(api, "GET", "/readyz")
        assert (await api.request("GET", "/readyz")).json()["data"] == {"redis": "ok", "database": "ok"}


async def test_hang_ups_while_many_log_in_do_not_disturb_them(api: Api) -> None:
    async def disturb(mobile: str) -> None:
        code = await api.new_code(mobile)
        await hang_up(api, "POST", f"{BASE}/authorizations", login_body(mobile, code))

    disturbances = [disturb(f"137{n:08}") for n in range(30)]
    logins = [api.log_in(f"136{n:08}") for n in range(30)]
    await asyncio.gather(*disturbances, *logins)
    assert (await api.request("GET", "/readyz")).status_code == 200


async def test_a_refresh_whose_client_hangs_up_can_be_repeated(api: Api) -> None:
    tokens = await api.log_in()
    for turn in range(50):
        await hang_up(api, "PUT", f"{BASE}/authorizations", token=tokens["refresh_token"], in_pieces=turn % 2 == 0)
    await api.app.ctx.background.drain(5)
    assert (await api.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_code_request_whose_client_hangs_up_sends_the_code_all_the_same(api: Api, outbox: Outbox) -> None:
    async def slow() -> None:
        await asyncio.sleep(0.05)

    outbox.before = slow
    await hang_up(api, "POST", f"{BASE}/sms/codes", b'{"mobile": "13800138000"}')
    await asyncio.sleep(0.01)
    await api.app.ctx.background.drain(5)
    outbox.before = None
    assert (await api.post_login("13800138000", outbox.code("13800138000"))).status_code == 200


async def test_checks_whose_clients_hang_up_never_mix_up_answers(api: Api) -> None:
    people = [await api.log_in(f"135{n:08}") for n in range(4)]

    async def check_and_compare(n: int) -> None:
        person = people[n % len(people)]
        data = (await api.check(person["token"])).json()["data"]
        assert (data["user_id"], data["session_id"]) == (person["user_id"], person["session_id"])

    async def check_and_leave(n: int) -> None:
        await hang_up(api, "GET", f"{BASE}/authorizations", token=people[n % len(people)]["token"])

    await asyncio.gather(*(work(n) for n in range(100) for work in (check_and_compare, check_and_leave)))
