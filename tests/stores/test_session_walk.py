"""Sessions of many users, found and ended in batches, on each kind of Redis, with no more than Latch is allowed."""

import asyncio
import itertools
from typing import Any

import pytest

from service.entities import EndReason
from service.errors import ServiceUnavailable
from service.selections import Login as KnownLogin
from service.selections import Revocation, State
from service.stores.found_sessions import FoundSessions, Place
from service.stores.redis.cluster import ClusterClient
from service.stores.redis.connection import Connection
from service.stores.revocations import RevocationStore
from service.stores.session_walk import SessionWalk
from service.stores.sessions import SessionStore, TokenLookup
from tests.stores.conftest import on_every_server
from tests.stores.test_sessions import NOW, Login, find
from tests.topologies import as_latch

MANY = 300
JOB = Revocation("0123456789abcdef", "everyone", "support", NOW, dry_run=False)


@pytest.fixture
async def store(connection_of_latch: Connection) -> SessionStore:
    return SessionStore(connection_of_latch)


@pytest.fixture
async def walk(connection_of_latch: Connection) -> SessionWalk:
    return SessionWalk(connection_of_latch)


@pytest.fixture
async def logins(store: SessionStore) -> list[Login]:
    """Two sessions of each of many users."""
    found = [Login(user_id=1000 + n // 2, at=NOW + n) for n in range(MANY)]
    opening = (store.open(login.session, login.key_suffix, login.access, cap=10) for login in found)
    await asyncio.gather(*opening)
    return found


def place_of(login: Login) -> Place:
    return login.session.user_id, login.id


async def found_by(walk: SessionWalk) -> FoundSessions:
    found = walk.nothing_found()
    async for places in walk.everywhere():
        found.add(places)
    assert found.count >= 0
    list(found.sorted_out())
    return found


async def test_all_are_found_on_every_master(walk: SessionWalk, logins: list[Login]) -> None:
    found = await found_by(walk)
    places = [place for batch in found.batches(7) for place in batch]
    assert sorted(places) == sorted(map(place_of, logins))
    assert found.count == MANY
    assert max(len(batch) for batch in found.batches(7)) == 7


async def test_they_are_found_by_the_lists_of_their_users_too(walk: SessionWalk, logins: list[Login]) -> None:
    users = sorted({login.session.user_id for login in logins[:10]})
    assert sorted(await walk.of_users([*users, 7])) == sorted(map(place_of, logins[:10]))
    assert await walk.of_users([]) == []


async def test_what_is_known_of_their_logins_is_read(
    walk: SessionWalk, store: SessionStore, logins: list[Login]
) -> None:
    one, ended, *_ = logins
    await store.end(ended.session.user_id, ended.id, EndReason.LOGGED_OUT, NOW)
    device, ip, _ = one.session.device
    read = await walk.logins([place_of(one), place_of(ended), (7, one.id)])
    assert read == [(place_of(one), KnownLogin(device, ip, one.session.created_at))]
    assert await walk.logins([]) == []


async def test_those_end_that_are_live_and_say_why(walk: SessionWalk, store: SessionStore, logins: list[Login]) -> None:
    one, two, other, *rest = logins
    await store.end(other.session.user_id, other.id, EndReason.LOGGED_OUT, NOW)
    ended = await walk.end([*map(place_of, logins[:50]), (7, one.id)], EndReason.REVOKED, NOW + 9)
    assert set(ended) == {place_of(login) for login in logins[:50] if login is not other}
    for login in (one, two):
        assert await find(store, login) == TokenLookup(ended=EndReason.REVOKED)
    assert await find(store, other) == TokenLookup(ended=EndReason.LOGGED_OUT)
    assert (await find(store, rest[-1])).session == rest[-1].session


async def test_very_many_end_as_by_hand_and_leave_nothing(
    walk: SessionWalk, store: SessionStore, logins: list[Login]
) -> None:
    one, two, *rest = logins
    assert await walk.delete([place_of(one), place_of(two), (7, one.id)]) == 2
    for login in (one, two):
        assert await find(store, login) == TokenLookup()
    assert (await find(store, rest[-1])).session == rest[-1].session
    assert await walk.delete([]) == 0


async def test_one_of_several_of_a_user_leaves_the_other(
    walk: SessionWalk, store: SessionStore, logins: list[Login]
) -> None:
    one, other, *_ = logins
    assert await walk.end([place_of(one)], EndReason.REVOKED, NOW + 9) == [place_of(one)]
    assert (await find(store, other)).session == other.session
    assert await walk.end([place_of(other)], EndReason.REVOKED, NOW + 9) == [place_of(other)]
    assert await find(store, other) == TokenLookup(ended=EndReason.REVOKED)


async def test_whoever_did_not_hear_the_answer_hears_the_same_again(walk: SessionWalk, logins: list[Login]) -> None:
    places = [place_of(login) for login in logins[:9]]
    first = await walk.end(places, EndReason.REVOKED, NOW + 9)
    assert set(await walk.end(places, EndReason.REVOKED, NOW + 9)) == set(first) == set(places)
    assert await walk.end(places, EndReason.REVOKED, NOW + 10) == []


async def test_on_a_full_redis_they_end_and_a_job_is_noted(
    walk: SessionWalk, store: SessionStore, logins: list[Login], redis: Any, connection_of_latch: Connection
) -> None:
    jobs = RevocationStore(connection_of_latch)
    await on_every_server(redis, "CONFIG", "SET", "maxmemory", "1")
    try:
        places = [place_of(login) for login in logins]
        assert set(await walk.end(places, EndReason.REVOKED, NOW)) == set(places)
        assert await find(store, logins[0]) == TokenLookup(ended=EndReason.REVOKED)
        await jobs.note(JOB)
        assert (await jobs.find(JOB.id)) == (JOB, False)
        await jobs.stop(JOB.id)
        assert await jobs.note(JOB) is True
    finally:
        await on_every_server(redis, "CONFIG", "SET", "maxmemory", "0")


async def test_a_job_is_noted_with_a_lease_until_it_is_over(connection_of_latch: Connection, redis: Any) -> None:
    jobs = RevocationStore(connection_of_latch)
    assert await jobs.find(JOB.id) is None
    assert await jobs.note(JOB) is False
    assert await jobs.find(JOB.id) == (JOB, False)
    lease = f"revocation:{{{JOB.id}}}:lease"
    assert 0 < await redis.pttl(lease) <= 20_000
    await redis.delete(lease)
    assert await jobs.find(JOB.id) == (JOB, True)
    over = JOB._replace(state=State.DONE, matched=3, ended=3)
    assert await jobs.note(over) is False
    assert await jobs.find(JOB.id) == (over, False)
    assert not await redis.exists(lease)
    assert 0 < await redis.pttl(f"revocation:{{{JOB.id}}}") <= 86_400_000


@pytest.mark.parametrize("value", ["x", "[]", "{}", '{"state":"running"}', '{"state":"gone"}'])
async def test_a_job_that_cannot_be_read_is_not_there(connection_of_latch: Connection, redis: Any, value: str) -> None:
    await redis.set(f"revocation:{{{JOB.id}}}", value)
    assert await RevocationStore(connection_of_latch).find(JOB.id) is None


async def test_where_slots_move_meanwhile_it_has_to_be_begun_again(
    cluster_redis: str, monkeypatch: pytest.MonkeyPatch, loop: Any
) -> None:
    layout, calls = ClusterClient.layout, itertools.count()

    async def moving(client: ClusterClient) -> dict[int, str]:
        return {**await layout(client), 7: str(next(calls))}

    connection = Connection(as_latch(cluster_redis), timeout=10)
    await found_by(SessionWalk(connection))
    monkeypatch.setattr(ClusterClient, "layout", moving)
    with pytest.raises(ServiceUnavailable):
        await found_by(SessionWalk(connection))
    await connection.close()
