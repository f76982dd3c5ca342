"""The outbox on every kind of Redis: what is told of logins and of sessions that end, and that nothing fails for it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.entities import EndReason
from service.errors import ServiceUnavailable
from service.stores.outbox import COUNTS, MANY, REFUSED, STREAM, UNAVAILABLE, Outbox
from service.stores.outbox_entries import of_change
from service.stores.redis.connection import Connection
from service.stores.redis.scripts import Script, ScriptCall
from service.stores.session_walk import SessionWalk
from service.stores.sessions import OpenResult, SessionStore, TokenLookup
from tests.outbox import names, told, told_soon
from tests.stores.conftest import Place, keys_of, on_every_server
from tests.stores.test_sessions import CAP, LIST, NOW, USER, Login, find, opened

MOST = 10_000
PHONE, TABLET = "0a" * 16, "0b" * 16
DEVICES = f"devices:{{{USER}}}"
Server = Any


class Places:
    """The stores over one outbox, and what it has lost."""

    def __init__(self, connection: Connection, most: int = MOST) -> None:
        self.lost: Counter[str] = Counter()
        self.outbox = Outbox(connection, most, self._lose)
        self.sessions = SessionStore(connection, self.outbox)
        self.walk = SessionWalk(connection, self.outbox)

    def _lose(self, reason: str, times: int) -> None:
        self.lost[reason] += times

    async def log_in(self, login: Login, *, cap: int = CAP, device: str = "", is_new: bool = False) -> OpenResult:
        done = await self.sessions.open(
            login.session, login.key_suffix, login.access, cap=cap, device=device, is_new_user=is_new
        )
        assert done
        return done


@pytest.fixture
async def places(connection_of_latch: Connection) -> AsyncIterator[Places]:
    places = Places(connection_of_latch)
    yield places
    await places.outbox.settle(10)


async def test_a_login_is_told_with_what_it_brought_about(places: Places, redis: Server) -> None:
    first, second = Login(), Login(at=NOW + 1)
    await places.log_in(first, is_new=True)
    await places.log_in(second, cap=1)
    assert await names(redis, 4) == ["user.created", "login", "session.ended replaced", "login"]
    created, login, replaced, again = await told(redis)
    assert created.data == {"user_id": USER}
    assert login.data == {"user_id": USER, "session_id": first.id, "is_new_user": True}
    assert replaced.data == {"user_id": USER, "session_id": first.id, "reason": "replaced"}
    assert again.data == {"user_id": USER, "session_id": second.id, "is_new_user": False}
    assert [one.at for one in (created, login, replaced, again)] == [NOW, NOW, NOW + 1, NOW + 1]
    assert [one.n for one in (created, login, replaced, again)] == [1, 2, 3, 4]
    assert not places.lost


@pytest.mark.parametrize("reason", [reason for reason in EndReason if reason is not EndReason.REUSED])
async def test_a_session_that_ends_is_told_once_with_its_reason(
    places: Places, redis: Server, reason: EndReason
) -> None:
    login = Login()
    await places.log_in(login)
    assert await places.sessions.end(USER, login.id, reason, NOW + 5) is True
    assert await places.sessions.end(USER, login.id, reason, NOW + 6) is False
    _, ended = await told_soon(redis, 2)
    assert (ended.type, ended.at) == ("session.ended", NOW + 5)
    assert ended.data == {"user_id": USER, "session_id": login.id, "reason": reason.value}


async def test_theft_is_told_before_the_end_that_it_causes(places: Places, redis: Server) -> None:
    login = Login()
    await places.log_in(login)
    assert await places.sessions.end(USER, login.id, EndReason.REUSED, NOW) is True
    assert await names(redis, 3) == ["login", "refresh_token.reused", "session.ended reused"]


async def test_each_of_all_sessions_that_end_is_told(places: Places, redis: Server) -> None:
    logins = [Login(at=NOW + n) for n in range(3)]
    for login in logins:
        await places.log_in(login)
    kept = logins[1].id
    await places.sessions.end_all(USER, EndReason.REVOKED, NOW, keep=kept)
    await places.sessions.end_all(USER, EndReason.DISABLED, NOW, block_logins=True)
    await places.sessions.end_all(USER, EndReason.DISABLED, NOW)
    found = await told_soon(redis, 6)
    assert [(one.data["session_id"], one.data.get("reason")) for one in found[3:]] == [
        (logins[0].id, "revoked"),
        (logins[2].id, "revoked"),
        (kept, "disabled"),
    ]


async def test_of_those_that_many_are_ended_of_those_that_were_live_are_told(places: Places, redis: Server) -> None:
    logins = [Login(user_id=USER + n) for n in range(5)]
    for login in logins:
        await places.log_in(login)
    await redis.delete(logins[2].session_key)  # by hand: nobody hears of that
    wanted = [(USER + n, login.id) for n, login in enumerate(logins)]
    ended = await places.walk.end([*wanted, (7, logins[0].id)], EndReason.REVOKED, NOW)
    assert set(ended) == {place for n, place in enumerate(wanted) if n != 2}
    found = (await told_soon(redis, 9))[5:]
    assert {one.type for one in found} == {"session.ended"}
    assert [(one.user, one.data["session_id"]) for one in found] == ended
    assert {one.data["reason"] for one in found} == {"revoked"}


async def test_of_very_many_that_end_nobody_hears_and_they_are_counted(places: Places, redis: Server) -> None:
    login = Login()
    await places.log_in(login)
    assert await places.walk.delete([(USER, login.id), (USER + 1, login.id)]) == 1
    assert places.lost == {MANY: 1}
    assert await names(redis, 1) == ["login"]


async def test_an_id_that_is_none_is_not_told(places: Places, redis: Server) -> None:
    foreign = '"}{"'
    await redis.set(LIST, foreign)
    await redis.set(f"session:{{{USER}}}:{foreign}", "{}")
    assert await places.sessions.end_all(USER, EndReason.REVOKED, NOW) == [foreign]
    await places.log_in(Login())
    assert await names(redis, 1) == ["login"]


# --- Devices --------------------------------------------------------------------------------------------------------


async def test_a_device_is_new_only_to_those_who_are_known_to_have_others(places: Places, redis: Server) -> None:
    assert (await places.log_in(Login())).is_new_device is False  # an app that tells none
    assert (await places.log_in(Login(), device=PHONE)).is_new_device is False  # the first that is known
    assert (await places.log_in(Login(), device=PHONE)).is_new_device is False
    login = Login()
    assert (await places.log_in(login, device=TABLET)).is_new_device is True
    assert (await places.log_in(Login(), device=TABLET)).is_new_device is False
    assert (await places.log_in(Login())).is_new_device is False
    assert await redis.get(DEVICES) == f"{PHONE},{TABLET}".encode()
    assert 399 * 86_400 < await redis.ttl(DEVICES) <= 400 * 86_400
    found = await told_soon(redis, 7)
    assert [one.data for one in found if one.type == "login.new_device"] == [{"user_id": USER, "session_id": login.id}]
    kinds = [one.type for one in found]
    assert kinds.index("login.new_device") == 4  # right after its login


async def test_a_redis_that_lost_everything_tells_of_no_new_device(places: Places, redis: Server) -> None:
    await places.log_in(Login(), device=PHONE)
    await on_every_server(redis, "FLUSHALL")
    assert (await places.log_in(Login(), device=TABLET)).is_new_device is False


@pytest.mark.parametrize("foreign", ["", "an operator's words", "abc,def"])
async def test_what_is_no_list_of_devices_counts_as_none(places: Places, redis: Server, foreign: str) -> None:
    await redis.set(DEVICES, foreign)
    assert (await places.log_in(Login(), device=PHONE)).is_new_device is False
    assert await redis.get(DEVICES) == PHONE.encode()


async def test_the_newest_of_many_devices_are_kept(places: Places, redis: Server) -> None:
    many = [f"{n:032x}" for n in range(40)]
    for device in many:
        await places.log_in(Login(), device=device)
    await places.log_in(Login(), device=many[10])
    assert (await redis.get(DEVICES)).decode().split(",") == [*many[8:10], *many[11:], many[10]]


async def test_devices_are_known_where_nobody_is_told(connection_of_latch: Connection, redis: Server) -> None:
    store = SessionStore(connection_of_latch)
    for device, is_new in ((PHONE, False), (TABLET, True)):
        login = Login()
        done = await store.open(login.session, login.key_suffix, login.access, cap=CAP, device=device)
        assert done == OpenResult([], is_complete=True, is_new_device=is_new)
    assert not await redis.exists(STREAM, COUNTS)


# --- What can go wrong ----------------------------------------------------------------------------------------------


async def test_where_nobody_wants_to_hear_no_key_is_written(connection_of_latch: Connection, redis: Server) -> None:
    store = SessionStore(connection_of_latch)
    login = await opened(store)
    assert await keys_of(redis) == {login.session_key, login.token_key, LIST}
    await store.end(USER, login.id, EndReason.REVOKED, NOW)
    assert await keys_of(redis) == {login.session_key, login.token_key}


async def test_a_login_that_is_blocked_is_not_told_but_the_new_user_is(places: Places, redis: Server) -> None:
    await places.sessions.end_all(USER, EndReason.DISABLED, NOW, block_logins=True)
    login = Login()
    args = (login.session, login.key_suffix, login.access)
    assert await places.sessions.open(*args, cap=CAP) is None
    assert await places.sessions.open(*args, cap=CAP, is_new_user=True) is None
    assert await names(redis, 1) == ["user.created"]


async def test_a_login_whose_code_is_gone_is_not_told_but_the_sessions_that_made_room_are(
    places: Places, redis: Server
) -> None:
    first, second = Login(), Login(at=NOW + 1)
    await places.log_in(first)
    refusing: ScriptCall = (Script("refusing", repeatable=True, source="return 0"), [LIST], [])
    args = (second.session, second.key_suffix, second.access)
    done = await places.sessions.open(*args, cap=1, then=[refusing])
    assert done == OpenResult([first.id], is_complete=False)
    assert await names(redis, 2) == ["login", "session.ended replaced"]


@pytest.mark.parametrize("key", [STREAM, COUNTS])
async def test_a_value_of_another_type_makes_room(places: Places, redis: Server, key: str) -> None:
    await redis.set(key, "an operator's")
    await places.log_in(Login())
    await places.outbox.settle(10)
    assert await names(redis, 1) == ["login"]
    assert not places.lost


async def test_on_a_full_redis_sessions_end_all_the_same(places: Places, redis: Server) -> None:
    logins = [Login(at=NOW + n) for n in range(4)]
    for login in logins:
        await places.log_in(login)
    await told_soon(redis, 4)
    await on_every_server(redis, "CONFIG", "SET", "maxmemory", "1")
    try:
        assert await places.sessions.end(USER, logins[0].id, EndReason.LOGGED_OUT, NOW) is True
        assert await places.walk.end([(USER, logins[1].id)], EndReason.REVOKED, NOW) == [(USER, logins[1].id)]
        assert await places.sessions.end_all(USER, EndReason.DISABLED, NOW) == [login.id for login in logins[2:]]
        with pytest.raises(ServiceUnavailable):
            await places.log_in(Login(), is_new=True)
        await places.outbox.settle(10)
    finally:
        await on_every_server(redis, "CONFIG", "SET", "maxmemory", "0")
    assert [(await find(places.sessions, login)).session for login in logins] == [None] * 4
    assert len(await told(redis)) - 4 + places.lost[REFUSED] == 5  # each end, and the new user


async def test_the_stream_is_trimmed_and_what_is_gone_can_be_counted(
    connection_of_latch: Connection, redis: Server
) -> None:
    places = Places(connection_of_latch, most=200)
    for _ in range(5):
        places.outbox.add(NOW, [of_change("user.enabled", USER)] * 100)
    await places.outbox.settle(10)
    found = await told(redis)
    assert 200 <= len(found) < 400  # whole blocks go
    assert [one.n for one in found] == list(range(501 - len(found), 501))
    assert await redis.hget(COUNTS, "written") == b"500"


async def test_the_events_of_one_user_keep_their_order(places: Places, redis: Server) -> None:
    for n in range(30):
        login = Login(at=NOW + n)
        await places.log_in(login)
        places.outbox.add(NOW + n, [of_change("user.mobile_changed", USER)])
        await places.sessions.end(USER, login.id, EndReason.REVOKED, NOW + n)
    found = await told_soon(redis, 90)
    assert [one.type for one in found] == ["login", "user.mobile_changed", "session.ended"] * 30
    assert [one.n for one in found] == list(range(1, 91))


async def test_what_ends_sessions_does_not_overtake_why_on_a_redis_that_forgot_its_scripts(
    places: Places, redis: Server
) -> None:
    await on_every_server(redis, "SCRIPT", "FLUSH")
    await places.sessions.end_all(USER + 1, EndReason.DISABLED, NOW, block_logins=True)  # it knows this one again
    login = Login()
    await places.log_in(login)
    places.outbox.add(NOW, [of_change("user.disabled", USER)])
    await places.sessions.end_all(USER, EndReason.DISABLED, NOW, block_logins=True)
    assert await names(redis, 3) == ["login", "user.disabled", "session.ended disabled"]


async def test_logins_at_once_are_each_told_once(places: Places, redis: Server) -> None:
    logins = [Login(user_id=USER + n) for n in range(50)]
    await asyncio.gather(*(places.log_in(login) for login in logins))
    found = await told_soon(redis, 50)
    assert {one.data["session_id"] for one in found} == {login.id for login in logins}
    assert sorted(one.n for one in found) == list(range(1, 51))


async def test_what_a_stop_does_not_wait_for_is_counted_once() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    silent = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    connection = Connection(f"redis://127.0.0.1:{port}", timeout=10)
    places = Places(connection)
    places.outbox.add(NOW, [of_change("user.enabled", USER)] * 3)
    await places.outbox.settle(0.05)
    await connection.close()
    silent.close()
    assert places.lost == {UNAVAILABLE: 3}


async def test_a_user_of_redis_who_may_not_write_the_stream_logs_people_in_and_out(place: Place, redis: Server) -> None:
    """As with the rules of an older deploy/redis/latch.acl."""
    if place.kind == "embedded":
        # Nobody gives it rules: whoever reaches its socket may do all.
        pytest.skip("the embedded Redis has one user")
    everybody = ["+@all", "allkeys"]
    old = [">old", "on", "resetkeys", "+@all", "~session:*", "~sessions:*", "~token:*", "~barred:*", "~limit:*"]
    await on_every_server(redis, "ACL", "SETUSER", "older", *old)
    scheme, _, rest = place.administrators.partition("://")
    connection = Connection(f"{scheme}://older:old@{rest.rpartition('@')[2]}", timeout=10)
    try:
        places, login = Places(connection), Login()
        await places.log_in(login)
        assert await places.sessions.end(USER, login.id, EndReason.LOGGED_OUT, NOW) is True
        assert await find(places.sessions, login) == TokenLookup(ended=EndReason.LOGGED_OUT)
        await places.outbox.settle(10)
        assert set(places.lost) <= {REFUSED, UNAVAILABLE}
        assert places.lost.total() >= 2
    finally:
        await connection.close()
        await on_every_server(redis, "ACL", "SETUSER", "older", *everybody)
        await on_every_server(redis, "ACL", "DELUSER", "older")
    assert await told(redis) == []
