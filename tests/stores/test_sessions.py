"""SessionStore (section 2 of the contract) on every kind of Redis: keys, lives, one round trip, no way back."""

import asyncio
import json
import re
from typing import Any

import pytest
from redis.asyncio import Redis

from service import rotation, tokens
from service.entities import AccessRecord, Device, EndReason, Session
from service.stores.redis.connection import Connection
from service.stores.sessions import SessionStore, TokenLookup
from service.tokens import Kind, TokenKeys
from tests.stores.conftest import Place, keys_of

NOW = 1_767_225_600.0
USER = 42
KEYS = TokenKeys([b"the key of the tests"])
CAP = 10
ACCESS_LIFE, LIFE = 3_600.0, 1_209_600.0
LIST = "sessions:{42}"
STALL = 30_000  # ms that a busy machine may stand still between two commands

Server = Any  # redis-py says `bytes | str` of its answers; here they are bytes


@pytest.fixture
def connection(connection_of_latch: Connection) -> Connection:
    return connection_of_latch


@pytest.fixture
async def store(connection: Connection) -> SessionStore:
    return SessionStore(connection)


class Login:
    """One session and one access token of it, as the use cases make them."""

    def __init__(self, *, at: float = NOW, life: float = LIFE, user_id: int = USER) -> None:
        session_id = tokens.SessionSecrets.generate().session_id
        self.refresh_secret = KEYS.mint(Kind.REFRESH, user_id, session_id).secret
        self.session = Session(
            user_id=user_id,
            session_id=session_id,
            device=Device("a phone", "192.0.2.1"),
            created_at=at,
            refreshed_at=at,
            expires_at=at + life,
            refresh=rotation.begin(self.refresh_secret, at),
        )
        self.new_access(at)

    def new_access(self, at: float) -> None:
        self.access = AccessRecord(tokens.digest(KEYS.mint(Kind.ACCESS, USER, self.id).secret), at, at + ACCESS_LIFE)

    @property
    def id(self) -> str:
        return self.session.session_id

    @property
    def key_suffix(self) -> str:
        return tokens.key_suffix(self.access.digest)

    @property
    def session_key(self) -> str:
        return f"session:{{{self.session.user_id}}}:{self.id}"

    @property
    def token_key(self) -> str:
        return f"token:{{{self.session.user_id}}}:{self.id}:{self.key_suffix}"

    def refreshed(self, at: float) -> "Login":
        """This login a while later: the session as refreshed, with a fresh access token."""
        login = object.__new__(Login)
        state, _ = rotation.refresh(
            self.session.refresh, self.refresh_secret, now=at, nonce=bytes(16), rule=rotation.Rule(60, 60)
        )
        login.session = self.session._replace(refresh=state, refreshed_at=at, expires_at=at + LIFE)
        login.refresh_secret = self.refresh_secret
        login.new_access(at)
        return login


async def replaced_by(store: SessionStore, login: Login, cap: int) -> list[str]:
    """The ids of the sessions that make room for this one."""
    done = await store.open(login.session, login.key_suffix, login.access, cap=cap)
    assert done
    assert done.is_complete  # by nothing
    return done.replaced


async def opened(store: SessionStore, cap: int = CAP, **values: Any) -> Login:
    login = Login(**values)
    assert await replaced_by(store, login, cap=cap) == []
    return login


async def find(store: SessionStore, login: Login) -> TokenLookup:
    return await store.find(login.session.user_id, login.id, login.key_suffix)


async def swap(store: SessionStore, raw: bytes, login: Login) -> bool | bytes:
    return await store.replace(raw, login.session, login.key_suffix, login.access)


async def keys(redis: Server) -> set[str]:
    return await keys_of(redis)


async def listed(redis: Server) -> list[str]:
    return (await redis.get(LIST) or b"").decode().split(",")


# --- Find -----------------------------------------------------------------------------------------------------------


async def test_what_was_opened_is_found_as_it_was(store: SessionStore) -> None:
    login = await opened(store)
    found = await find(store, login)
    assert (found.access, found.session, found.ended) == (login.access, login.session, None)


async def test_what_was_never_opened_is_not_found(store: SessionStore) -> None:
    await opened(store)
    assert await find(store, Login()) == TokenLookup()


@pytest.mark.parametrize("place", ["embedded", "one server", "packaged with TLS"], indirect=True)
async def test_a_find_is_one_command_of_three_keys(store: SessionStore, redis: Server, place: Place) -> None:
    login = await opened(store)
    await find(store, login)  # the connection is open
    async with Redis.from_url(place.administrators, protocol=2) as watcher, watcher.monitor() as monitor:
        await find(store, login)
        await redis.echo("done")
        seen = []
        while not (command := (await monitor.next_command())["command"]).startswith("ECHO"):
            seen.append(command)
    assert seen == [f"MGET {login.token_key} {login.session_key} {LIST}"]


async def test_a_session_is_found_by_its_refresh_token_without_an_access_token(store: SessionStore) -> None:
    login = await opened(store)
    found = await store.find(USER, login.id, tokens.key_suffix(tokens.digest(login.refresh_secret)))
    assert (found.access, found.session) == (None, login.session)


async def test_a_session_of_another_user_is_not_found(store: SessionStore) -> None:
    login = await opened(store)
    assert await store.find(USER + 1, login.id, login.key_suffix) == TokenLookup()


# --- The keys -------------------------------------------------------------------------------------------------------


async def test_the_keys_are_those_of_the_contract_and_share_one_hash_tag(store: SessionStore, redis: Server) -> None:
    login = await opened(store)
    assert await keys(redis) == {f"token:{{42}}:{login.id}:{login.key_suffix}", f"session:{{42}}:{login.id}", LIST}
    assert {await redis.type(key) for key in await keys(redis)} == {b"string"}


async def test_the_record_is_json_that_an_operator_can_read(store: SessionStore, redis: Server) -> None:
    login = await opened(store)
    record = json.loads(await redis.get(login.session_key))
    assert record["device"] == {"name": "a phone", "ip": "192.0.2.1"}
    assert (record["created_at"], record["refreshed_at"], record["expires_at"]) == (NOW, NOW, NOW + LIFE)
    assert record["refresh"]["current"]["digest"] == tokens.digest(login.refresh_secret)


async def test_no_key_and_no_value_holds_a_secret(store: SessionStore, redis: Server) -> None:
    login = Login()
    token = KEYS.mint(Kind.ACCESS, USER, login.id)
    access = AccessRecord(tokens.digest(token.secret), NOW, NOW + ACCESS_LIFE)
    await store.open(login.session, tokens.key_suffix(access.digest), access, cap=CAP)
    dump = b" ".join([key + b" " + await redis.get(key) for key in (key.encode() for key in await keys(redis))])
    for secret in (token.secret, login.refresh_secret):
        assert secret not in dump
        assert secret.hex().encode() not in dump
    assert token.text.encode() not in dump


async def test_each_key_lives_as_long_as_what_it_holds(store: SessionStore, redis: Server) -> None:
    login = await opened(store)
    for key, life in ((login.token_key, ACCESS_LIFE), (login.session_key, LIFE), (LIST, LIFE)):
        assert life * 1000 - STALL < await redis.pttl(key) <= life * 1000


async def test_the_list_lives_as_long_as_its_longest_session(store: SessionStore, redis: Server) -> None:
    await opened(store, life=1000)
    await opened(store, life=2000)
    short = await opened(store, life=500)
    assert 2_000_000 - STALL < await redis.pttl(LIST) <= 2_000_000
    assert 500_000 - STALL < await redis.pttl(short.session_key) <= 500_000


async def test_a_refresh_renews_the_session_and_the_list_and_leaves_the_older_token_its_own_life(
    store: SessionStore, redis: Server
) -> None:
    login = await opened(store)
    for key, left in ((login.token_key, 1000), (login.session_key, 2000), (LIST, 2000)):
        await redis.expire(key, left)
    later = login.refreshed(NOW + LIFE - 2000)
    assert await swap(store, (await find(store, login)).raw, later) is True
    lives = {login.token_key: 1000, later.token_key: ACCESS_LIFE, later.session_key: LIFE, LIST: LIFE}
    assert await keys(redis) == set(lives)
    for key, life in lives.items():
        assert life * 1000 - STALL < await redis.pttl(key) <= life * 1000


# --- What operators type --------------------------------------------------------------------------------------------


async def test_a_deleted_token_is_dead_and_the_session_lives(store: SessionStore, redis: Server) -> None:
    login = await opened(store)
    await redis.delete(login.token_key)
    found = await find(store, login)
    assert (found.access, found.session) == (None, login.session)


async def test_a_deleted_session_is_gone_and_the_others_stay(store: SessionStore, redis: Server) -> None:
    one, other = await opened(store), await opened(store)
    await redis.delete(one.session_key)
    assert await find(store, one) == TokenLookup()
    assert (await find(store, other)).session == other.session


async def test_a_deleted_list_ends_every_session_and_a_later_login_brings_none_back(
    store: SessionStore, redis: Server
) -> None:
    before = [await opened(store) for _ in range(3)]
    await redis.delete(LIST)
    assert [await find(store, login) for login in before] == [TokenLookup()] * 3
    after = await opened(store)
    assert (await find(store, after)).session == after.session
    assert [await find(store, login) for login in before] == [TokenLookup()] * 3


async def test_a_session_taken_from_the_list_is_dead(store: SessionStore, redis: Server) -> None:
    one, other = await opened(store), await opened(store)
    await redis.set(LIST, other.id, keepttl=True)
    assert await find(store, one) == TokenLookup()
    assert (await find(store, other)).session == other.session


# --- Replace --------------------------------------------------------------------------------------------------------


async def test_a_replaced_record_is_found_with_its_new_token_and_with_the_one_before(store: SessionStore) -> None:
    login = await opened(store)
    later = login.refreshed(NOW + 100)
    assert await swap(store, (await find(store, login)).raw, later) is True
    assert (await find(store, later)).session == later.session
    assert (await find(store, later)).access == later.access
    assert (await find(store, login)).access == login.access


@pytest.mark.parametrize(
    "how", ["session deleted", "list deleted", "taken from the list", "ended", "token deleted too"]
)
async def test_a_refresh_that_races_with_a_revocation_brings_nothing_back(
    store: SessionStore, redis: Server, how: str
) -> None:
    login, other = await opened(store), await opened(store)
    raw = (await find(store, login)).raw
    match how:
        case "session deleted":
            await redis.delete(login.session_key)
        case "list deleted":
            await redis.delete(LIST)
        case "taken from the list":
            await redis.set(LIST, other.id, keepttl=True)
        case "ended":
            await store.end(USER, login.id, EndReason.REVOKED, NOW)
        case _:
            await redis.delete(login.session_key, login.token_key, LIST)
    before = {key: await redis.get(key) for key in await keys(redis)}
    assert await swap(store, raw, login.refreshed(NOW + 100)) is False
    assert {key: await redis.get(key) for key in await keys(redis)} == before


async def test_of_two_refreshes_the_second_gets_the_record_of_the_first(store: SessionStore) -> None:
    login = await opened(store)
    raw = (await find(store, login)).raw
    first, second = login.refreshed(NOW + 100), login.refreshed(NOW + 200)
    assert await swap(store, raw, first) is True
    written = await swap(store, raw, second)
    assert isinstance(written, bytes)
    assert store.reload(written, USER, login.id) == first.session
    assert (await find(store, second)).access is None
    assert await swap(store, written, second) is True
    assert (await find(store, second)).session == second.session


async def test_of_many_refreshes_at_once_one_is_written(store: SessionStore, redis: Server) -> None:
    login = await opened(store)
    raw = (await find(store, login)).raw
    later = [login.refreshed(NOW + 1 + n) for n in range(50)]
    answers = await asyncio.gather(*(swap(store, raw, one) for one in later))
    assert answers.count(True) == 1
    written = {store.reload(answer, USER, login.id) for answer in answers if isinstance(answer, bytes)}
    assert written == {later[answers.index(True)].session}
    assert len(await keys(redis)) == 4  # the session, the list, the first token and the winner's


# --- End ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", EndReason)
async def test_an_ended_session_tells_why_for_the_rest_of_its_life(
    store: SessionStore, redis: Server, reason: EndReason
) -> None:
    login = await opened(store)
    await redis.expire(login.session_key, 1000)
    assert await store.end(USER, login.id, reason, NOW + 5) is True
    assert await find(store, login) == TokenLookup(ended=reason)
    assert 1_000_000 - STALL < await redis.pttl(login.session_key) <= 1_000_000
    assert json.loads(await redis.get(login.session_key)) == {"ended": reason.value, "ended_at": NOW + 5}
    assert not await redis.exists(LIST)


async def test_ending_one_session_leaves_the_others_and_the_life_of_their_list(
    store: SessionStore, redis: Server
) -> None:
    one, other = await opened(store), await opened(store, life=2000)
    await store.end(USER, other.id, EndReason.LOGGED_OUT, NOW)
    assert (await find(store, one)).session == one.session
    assert await listed(redis) == [one.id]
    assert LIFE * 1000 - STALL < await redis.pttl(LIST) <= LIFE * 1000


async def test_a_session_ends_once(store: SessionStore) -> None:
    login = await opened(store)
    answers = await asyncio.gather(*(store.end(USER, login.id, EndReason.REVOKED, NOW) for _ in range(20)))
    assert answers.count(True) == 1
    assert await store.end(USER, login.id, EndReason.REUSED, NOW) is False
    assert (await find(store, login)).ended == EndReason.REVOKED


async def test_ending_what_is_not_there_leaves_nothing(store: SessionStore, redis: Server) -> None:
    assert await store.end(USER, "0123456789abcdef", EndReason.REVOKED, NOW) is False
    login = await opened(store)
    await redis.delete(login.session_key)
    assert await store.end(USER, login.id, EndReason.REVOKED, NOW) is False
    assert await keys(redis) == {login.token_key}


# --- The cap --------------------------------------------------------------------------------------------------------


async def test_at_the_cap_the_least_recently_refreshed_makes_room(store: SessionStore, redis: Server) -> None:
    first, second, third = [await opened(store, cap=3, at=NOW + n) for n in range(3)]
    assert await swap(store, (await find(store, first)).raw, first.refreshed(NOW + 10)) is True
    fourth = Login(at=NOW + 20)
    assert await replaced_by(store, fourth, cap=3) == [second.id]
    assert await find(store, second) == TokenLookup(ended=EndReason.REPLACED)
    assert json.loads(await redis.get(second.session_key))["ended_at"] == NOW + 20
    assert await listed(redis) == [third.id, first.id, fourth.id]


async def test_a_replaced_session_keeps_its_tombstone_as_long_as_it_would_have_lived(
    store: SessionStore, redis: Server
) -> None:
    stalest = await opened(store, cap=1, life=1000)
    fresh = Login()
    assert await replaced_by(store, fresh, cap=1) == [stalest.id]
    assert 1_000_000 - STALL < await redis.pttl(stalest.session_key) <= 1_000_000


async def test_a_cap_that_was_lowered_holds_from_the_next_login_on(store: SessionStore, redis: Server) -> None:
    old = [await opened(store, cap=5) for _ in range(5)]
    fresh = Login()
    assert await replaced_by(store, fresh, cap=2) == [login.id for login in old[:4]]
    assert await listed(redis) == [old[4].id, fresh.id]


async def test_thirty_logins_at_once_leave_exactly_the_cap(store: SessionStore, redis: Server) -> None:
    logins = [Login() for _ in range(30)]
    replaced = await asyncio.gather(*(replaced_by(store, login, cap=CAP) for login in logins))
    live = [login for login in logins if (await find(store, login)).session]
    assert len(live) == CAP
    assert sorted(await listed(redis)) == sorted(login.id for login in live)
    ended = [login.id for login in logins if (await find(store, login)).ended == EndReason.REPLACED]
    assert sorted(session_id for answer in replaced for session_id in answer) == sorted(ended)
    assert len(ended) == 20


async def test_the_cap_is_each_users_own(store: SessionStore) -> None:
    mine = await opened(store, cap=1)
    await opened(store, cap=1, user_id=USER + 1)
    assert (await find(store, mine)).session == mine.session


async def test_the_next_login_takes_dead_ids_off_the_list_and_they_count_for_no_cap(
    store: SessionStore, redis: Server
) -> None:
    expired, deleted, live = [await opened(store, cap=3) for _ in range(3)]
    await redis.pexpire(expired.session_key, 0)
    await redis.delete(deleted.session_key)
    fresh = await opened(store, cap=3)
    assert await listed(redis) == [live.id, fresh.id]


async def test_opening_the_same_session_twice_is_opening_it_once(store: SessionStore, redis: Server) -> None:
    other, login = await opened(store, cap=2), await opened(store, cap=2)
    assert await replaced_by(store, login, cap=2) == []
    assert await listed(redis) == [other.id, login.id]


# --- What cannot be read counts as not there ------------------------------------------------------------------------

# What a value says is judged here and not in Redis: one kind of it will do.
on_one_kind = pytest.mark.parametrize("place", ["embedded"], indirect=True, scope="session")

GARBAGE = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"garbage", id="text"),
    pytest.param(b"\xff\xfe\x00", id="bytes"),
    pytest.param(b"null", id="null"),
    pytest.param(b"42", id="a number"),
    pytest.param(b"[1, 2]", id="a list"),
    pytest.param(b"{}", id="an empty object"),
    pytest.param(b'{"ended": "lunch"}', id="a reason that is none"),
    pytest.param(b'{"ended": ["logged_out"]}', id="a reason of a wrong type"),
    pytest.param(b'{"device": {"name": "x"}, "refresh": {}}', id="a record with parts missing"),
    pytest.param(b"[" * 5000, id="deep nesting"),
]


GARBLED_TOKENS = [
    pytest.param(b"1.000 2.000", id="no digest"),
    pytest.param(b"1.000 2.000 " + b"a" * 64 + b" 4", id="one part too many"),
    pytest.param(b"one two " + b"a" * 64, id="times in words"),
    pytest.param(b"1.000 inf " + b"a" * 64, id="a life without end"),
    pytest.param(b"1.000 999999999999.000 " + b"a" * 64, id="a year that no clock shows"),
    pytest.param(b"1.000 -2.000 " + b"a" * 64, id="a time before all"),
    pytest.param(b"1.000 1e308 " + b"a" * 64, id="a number that is too large"),
    pytest.param(b"1.000 2.000 " + "é".encode() * 64, id="a digest that is none"),
]


@on_one_kind
@pytest.mark.parametrize("garbage", GARBAGE)
async def test_a_garbled_session_is_not_there(store: SessionStore, redis: Server, garbage: bytes) -> None:
    login = await opened(store)
    await redis.set(login.session_key, garbage, keepttl=True)
    found = await find(store, login)
    assert (found.session, found.ended) == (None, None)


@on_one_kind
@pytest.mark.parametrize("part", ["device", "created_at", "refreshed_at", "expires_at", "refresh"])
async def test_a_session_that_lacks_a_part_is_not_there(store: SessionStore, redis: Server, part: str) -> None:
    login = await opened(store)
    record = json.loads(await redis.get(login.session_key))
    del record[part]
    await redis.set(login.session_key, json.dumps(record), keepttl=True)
    assert (await find(store, login)).session is None


@on_one_kind
@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("device", None),
        ("device", {"name": "a phone"}),
        ("created_at", None),
        ("refreshed_at", [NOW]),
        ("expires_at", "soon"),
        ("refresh", None),
        ("refresh", {"current": "x", "pending": [], "previous": None, "previous_retired_at": 0}),
        ("refresh", {"current": {}, "pending": None, "previous": None, "previous_retired_at": 0}),
        ("refresh", {"current": {"digest": "é"}, "pending": [], "previous": None, "previous_retired_at": 0}),
    ],
)
async def test_a_session_with_a_damaged_part_is_not_there(
    store: SessionStore, redis: Server, part: str, value: object
) -> None:
    login = await opened(store)
    record = json.loads(await redis.get(login.session_key))
    record[part] = value
    await redis.set(login.session_key, json.dumps(record), keepttl=True)
    assert (await find(store, login)).session is None


NO_TIMES = [
    b"1e308",
    b"1e12",
    b"-1",
    b'"1767225600"',
    b"null",
    b"[]",
    b"9" * 19,
    b"9" * 400,
    b"NaN",
    b"Infinity",
    b"1e999",
]


@on_one_kind
@pytest.mark.parametrize("time", NO_TIMES)
@pytest.mark.parametrize("part", [b"created_at", b"refreshed_at", b"expires_at", b"served_at", b"previous_retired_at"])
async def test_a_session_with_a_time_that_is_none_is_not_there_and_the_users_others_are(
    store: SessionStore, redis: Server, part: bytes, time: bytes
) -> None:
    login, other = await opened(store), await opened(store)
    record = re.sub(b'"%b":[0-9.]+' % part, b'"%b":%b' % (part, time), await redis.get(login.session_key))
    await redis.set(login.session_key, record, keepttl=True)
    assert await find(store, login) == TokenLookup()
    assert await store.of_user(USER) == [other.session]
    assert await store.end_all(USER, EndReason.REVOKED, NOW) == [login.id, other.id]


@on_one_kind
async def test_a_session_that_is_listed_twice_is_one(store: SessionStore, redis: Server) -> None:
    login = await opened(store)
    await redis.append(LIST, f",{login.id},")
    assert await store.of_user(USER) == [login.session]


@on_one_kind
@pytest.mark.parametrize("garbage", [*GARBAGE, *GARBLED_TOKENS])
async def test_a_garbled_token_is_not_there(store: SessionStore, redis: Server, garbage: bytes) -> None:
    login = await opened(store)
    await redis.set(login.token_key, garbage, keepttl=True)
    found = await find(store, login)
    assert (found.access, found.session) == (None, login.session)


@on_one_kind
@pytest.mark.parametrize("garbage", GARBAGE)
async def test_a_garbled_list_holds_no_session_and_the_next_login_mends_it(
    store: SessionStore, redis: Server, garbage: bytes
) -> None:
    login = await opened(store)
    await redis.set(LIST, garbage)
    assert await find(store, login) == TokenLookup()
    assert await store.end(USER, login.id, EndReason.REVOKED, NOW) is False
    assert await swap(store, b"", login.refreshed(NOW + 1)) is False
    fresh = await opened(store)
    assert await listed(redis) == [fresh.id]


@pytest.mark.parametrize("which", ["token", "session", "list"])
async def test_a_key_of_another_type_is_not_there(store: SessionStore, redis: Server, which: str) -> None:
    login = await opened(store)
    key = {"token": login.token_key, "session": login.session_key, "list": LIST}[which]
    await redis.delete(key)
    await redis.rpush(key, login.id)
    found = await find(store, login)
    assert found.access is None
    assert (found.session is None) is (which != "token")


async def test_a_list_of_another_type_holds_no_session_and_the_next_login_mends_it(
    store: SessionStore, redis: Server
) -> None:
    login = await opened(store)
    raw = (await find(store, login)).raw
    await redis.delete(LIST)
    await redis.rpush(LIST, login.id)
    assert await store.end(USER, login.id, EndReason.REVOKED, NOW) is False
    assert await swap(store, raw, login.refreshed(NOW + 1)) is False
    fresh = await opened(store)
    assert (await find(store, fresh)).session == fresh.session
    assert await listed(redis) == [fresh.id]


async def test_a_session_of_another_type_is_not_refreshed(store: SessionStore, redis: Server) -> None:
    login = await opened(store)
    raw = (await find(store, login)).raw
    await redis.delete(login.session_key)
    await redis.rpush(login.session_key, "x")
    assert await swap(store, raw, login.refreshed(NOW + 1)) is False


async def test_a_list_that_an_operator_wrote_without_an_expiry_stays_when_one_of_its_sessions_ends(
    store: SessionStore, redis: Server
) -> None:
    one, other = await opened(store), await opened(store)
    await redis.set(LIST, f"{one.id},{other.id}")
    assert await store.end(USER, one.id, EndReason.REVOKED, NOW) is True
    await asyncio.sleep(0.01)
    assert (await find(store, other)).session == other.session


async def test_a_session_that_an_operator_made_persistent_ends_like_any_other(
    store: SessionStore, redis: Server
) -> None:
    login = await opened(store)
    await redis.persist(login.session_key)
    assert await store.end(USER, login.id, EndReason.REVOKED, NOW) is True
    assert await find(store, login) == TokenLookup(ended=EndReason.REVOKED)


async def test_a_garbled_record_is_answered_to_a_refresh_and_reloads_as_nothing(
    store: SessionStore, redis: Server
) -> None:
    login = await opened(store)
    raw = (await find(store, login)).raw
    await redis.set(login.session_key, b"garbage", keepttl=True)
    assert await swap(store, raw, login.refreshed(NOW + 1)) == b"garbage"
    assert store.reload(b"garbage", USER, login.id) is None
