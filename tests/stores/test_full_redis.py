"""A Redis that is full and evicts nothing (section 2 of the contract): what ends sessions goes through all the same."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.entities import EndReason
from service.errors import ServiceUnavailable
from service.stores.redis.connection import Connection
from service.stores.sessions import SessionStore, TokenLookup
from tests.stores.conftest import keys_of, on_every_server
from tests.stores.test_sessions import LIFE, LIST, NOW, STALL, USER, Login, find, listed, opened, replaced_by, swap

BLOCKED = "barred:{42}"
Server = Any


@pytest.fixture
async def store(connection_of_latch: Connection) -> SessionStore:
    return SessionStore(connection_of_latch)


@pytest.fixture
async def three(store: SessionStore, redis: Server) -> AsyncIterator[list[Login]]:
    """Three sessions on a Redis that has since become full, as any byte is too many for it."""
    logins = [await opened(store, at=NOW + n) for n in range(3)]
    await on_every_server(redis, "CONFIG", "SET", "maxmemory", "1")
    yield logins
    await on_every_server(redis, "CONFIG", "SET", "maxmemory", "0")


async def test_nothing_new_is_written(store: SessionStore, three: list[Login], redis: Server) -> None:
    before = await keys_of(redis)
    with pytest.raises(ServiceUnavailable):
        await replaced_by(store, Login(), cap=10)
    with pytest.raises(ServiceUnavailable):
        await swap(store, (await find(store, three[0])).raw, three[0].refreshed(NOW + 100))
    assert await keys_of(redis) == before


@pytest.mark.parametrize("reason", EndReason)
async def test_one_session_ends_and_the_others_live_on(
    store: SessionStore, three: list[Login], redis: Server, reason: EndReason
) -> None:
    one, two, other = three
    assert await store.end(USER, two.id, reason, NOW + 5) is True
    assert [(await find(store, login)).session for login in (one, other)] == [one.session, other.session]
    assert await listed(redis) == [one.id, other.id]
    assert LIFE * 1000 - STALL < await redis.pttl(LIST) <= LIFE * 1000
    assert await find(store, two) == TokenLookup(ended=reason)
    assert json.loads(await redis.get(two.session_key)) == {"ended": reason.value, "ended_at": NOW + 5}
    assert LIFE * 1000 - STALL < await redis.pttl(two.session_key) <= LIFE * 1000


async def test_the_last_session_ends(store: SessionStore, three: list[Login], redis: Server) -> None:
    assert [await store.end(USER, login.id, EndReason.LOGGED_OUT, NOW) for login in three] == [True] * 3
    assert await store.end(USER, three[0].id, EndReason.LOGGED_OUT, NOW) is False
    assert not await redis.exists(LIST)


async def test_all_sessions_end(store: SessionStore, three: list[Login], redis: Server) -> None:
    ids = [login.id for login in three]
    assert await store.end_all(USER, EndReason.REVOKED, NOW) == ids
    assert [await find(store, login) for login in three] == [TokenLookup(ended=EndReason.REVOKED)] * 3
    assert not await redis.exists(LIST, BLOCKED)


async def test_all_sessions_end_but_the_one_that_is_kept(
    store: SessionStore, three: list[Login], redis: Server
) -> None:
    one, two, other = three
    assert await store.end_all(USER, EndReason.REVOKED, NOW, keep=two.id) == [one.id, other.id]
    assert (await find(store, two)).session == two.session
    assert await listed(redis) == [two.id]
    assert await store.end_all(USER, EndReason.REVOKED, NOW, keep=two.id) == []
    assert (await find(store, two)).session == two.session


async def test_a_user_without_a_session_is_ended_too(store: SessionStore, three: list[Login]) -> None:
    assert three
    assert await store.end_all(USER + 1, EndReason.REVOKED, NOW) == []
    assert await store.end_all(USER + 1, EndReason.REVOKED, NOW, keep="0123456789abcdef") == []


@pytest.mark.parametrize("user_id", [USER, USER + 1])
async def test_a_user_who_is_disabled_is_blocked_in_the_same_step(
    store: SessionStore, three: list[Login], redis: Server, user_id: int
) -> None:
    ended = await store.end_all(user_id, EndReason.DISABLED, NOW, block_logins=True)
    assert ended == ([login.id for login in three] if user_id == USER else [])
    assert 0 < await redis.pttl(f"barred:{{{user_id}}}") <= 600_000
    await on_every_server(redis, "CONFIG", "SET", "maxmemory", "0")
    login = Login(user_id=user_id)
    assert await store.open(login.session, login.key_suffix, login.access, cap=10) is None
    await store.unblock_logins(user_id)
    assert await store.open(login.session, login.key_suffix, login.access, cap=10) is not None


async def test_a_login_at_the_cap_takes_the_room_of_the_session_that_it_replaces(
    store: SessionStore, three: list[Login], redis: Server
) -> None:
    fresh = Login(at=NOW + 10)
    assert await replaced_by(store, fresh, cap=3) == [three[0].id]
    assert await find(store, three[0]) == TokenLookup(ended=EndReason.REPLACED)
    assert [(await find(store, login)).session for login in three[1:]] == [login.session for login in three[1:]]
    assert (await find(store, fresh)).session == fresh.session
    assert await listed(redis) == [three[1].id, three[2].id, fresh.id]
