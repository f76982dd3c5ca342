"""LoginStore on every kind of Redis: an attempt and its code, a session and its code, each pair in one go."""

from typing import Any

import pytest

from service.entities import LoginMark, PastLogin
from service.stores.budgets import Budget, Refusal, windows_of
from service.stores.code_values import CodeLease, Verdict
from service.stores.codes import CodeStore, owner
from service.stores.limits import LimitStore
from service.stores.logins import LoginStore
from service.stores.redis.connection import Connection
from service.stores.sessions import SessionStore
from tests.client import MOBILE
from tests.conftest import NAMES, Clock
from tests.stores.conftest import keys_of, on_every_server
from tests.stores.test_sessions import CAP, LIST, Login

NAME = NAMES.of(MOBILE)
CODE = f"code:{{{NAME}}}"
DIGEST = "digest-of-the-code"
LEASE_LIFE = 10
ADDRESS = (Budget("logins_per_ip", "192.0.2.1", windows_of("logins_per_ip", "2/minute")),)
TRIES = (Budget("tries_per_number", owner(NAME), windows_of("tries_per_number", "5/hour;20/day")),)
LEASE = CodeLease(MOBILE, NAME, "me", TRIES)
MARK, GUESS = LoginMark("name", "0a" * 32), LoginMark("name", "0b" * 32)  # a guess: of another code, by the same id
OLD_MARK = LoginMark("old-name", "0c" * 32)  # the same login under the key before
RECORD, OLD_RECORD = f"login:{{{NAME}}}:name", f"login:{{{NAME}}}:old-name"
PAST = PastLogin(MARK.digest, "0d" * 16, 42, is_new=True)
NAMED = CodeLease(MOBILE, NAME, f"{MARK.digest}.me", TRIES, (MARK,))
REPEATED = CodeLease(MOBILE, NAME, f"{MARK.digest}.again", TRIES, (MARK,))
FIXED = NAMED._replace(tries=(), is_fixed=True)
FIXED_LEASE = f"code:{{{NAME}}}:name"


class Logins:
    """The store, with a clock moved by hand."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self.connection = connection
        self.codes = CodeStore(connection)
        self.limits = LimitStore(connection, clock)
        self.store = LoginStore(self.codes, self.limits, SessionStore(connection))
        self.clock = clock

    async def issue(self) -> None:
        await self.codes.issue(NAME, "nonce", DIGEST, now=self.clock(), life=300, attempts=5)

    async def attempt(
        self, digest: str = DIGEST, address: tuple[Budget, ...] = ADDRESS, lease: CodeLease = LEASE
    ) -> Verdict | Refusal | PastLogin | None:
        return await self.store.attempt(lease, digest, now=self.clock(), life=LEASE_LIFE, attempts=5, address=address)

    async def lend_fixed(self, lease: CodeLease = FIXED) -> Verdict | PastLogin:
        return await self.codes.lend_fixed(lease, life=LEASE_LIFE)

    async def complete(self, login: Login, lease: CodeLease = LEASE, past: PastLogin | None = None) -> bool:
        opened = await self.store.complete(login.session, login.key_suffix, login.access, lease, cap=CAP, past=past)
        assert opened
        return opened.is_complete


@pytest.fixture
def logins(connection_of_latch: Connection, redis: Any, clock: Clock) -> Logins:
    assert redis  # it is empty now
    return Logins(connection_of_latch, clock)


async def test_an_attempt_spends_one_of_the_address_whatever_the_code_is(logins: Logins) -> None:
    await logins.issue()
    assert await logins.attempt("wrong") is Verdict.WRONG
    assert await logins.attempt() is Verdict.RIGHT
    assert await logins.limits.look(ADDRESS) == Refusal("logins_per_ip", 61)


async def test_where_the_address_has_no_attempt_left_no_code_is_tried(logins: Logins, redis: Any) -> None:
    await logins.issue()
    for _ in range(2):
        assert await logins.limits.spend(ADDRESS) is None
    assert await logins.attempt("wrong") is None
    assert await logins.attempt() is None
    assert int(await redis.hget(CODE, "attempts")) == 0
    assert await redis.hget(CODE, "holder") is None
    assert await logins.attempt(address=()) is Verdict.RIGHT


async def test_a_budget_of_several_windows_is_not_spent_along_the_way(logins: Logins) -> None:
    several = (Budget("logins_per_ip", "192.0.2.1", windows_of("logins_per_ip", "2/minute;2/hour")),)
    await logins.issue()
    for _ in range(3):
        assert await logins.attempt(address=several) is None
    assert await logins.limits.look(several) is None


async def test_a_session_is_opened_and_its_code_and_wrong_tries_are_gone(logins: Logins, redis: Any) -> None:
    await logins.issue()
    await logins.attempt("wrong", address=())
    assert await logins.attempt(address=()) is Verdict.RIGHT
    login = Login()
    assert await logins.complete(login)
    assert await keys_of(redis) == {login.session_key, login.token_key, LIST}


async def test_a_code_whose_lease_another_login_has_by_now_is_left_to_it(logins: Logins, redis: Any) -> None:
    await logins.issue()
    assert await logins.attempt(address=()) is Verdict.RIGHT
    logins.clock.wait(LEASE_LIFE)
    other = CodeLease(MOBILE, NAME, "other", TRIES)
    assert await logins.attempt(address=(), lease=other) is Verdict.RIGHT
    assert not await logins.complete(Login())
    assert await redis.hget(CODE, "holder") == b"other"
    assert await logins.complete(Login(), other)
    assert not await redis.exists(CODE)


async def test_a_login_by_a_code_that_is_nobodys_spends_none(logins: Logins, redis: Any) -> None:
    await logins.issue()
    assert await logins.complete(Login(), CodeLease(MOBILE, NAME, ""))
    assert await redis.exists(CODE)


# --- Logins that name their request ---------------------------------------------------------------------------------


async def test_a_named_login_is_under_way_until_it_is_done_and_then_known_for_a_while(
    logins: Logins, redis: Any
) -> None:
    await logins.issue()
    assert await logins.attempt(lease=NAMED) is Verdict.RIGHT
    assert await logins.attempt(lease=REPEATED, address=()) is Verdict.UNDER_WAY
    assert await logins.attempt(lease=LEASE, address=()) is Verdict.NO_ACTIVE_CODE  # that is no repetition
    login = Login()
    assert await logins.complete(login, NAMED, PAST)
    assert await logins.attempt(lease=REPEATED, address=()) == PAST
    assert await logins.attempt(lease=LEASE, address=()) is Verdict.NO_ACTIVE_CODE
    assert await keys_of(redis) == {login.session_key, login.token_key, LIST, RECORD, *ADDRESS[0].keys}
    assert 20_000 < await redis.pttl(RECORD) <= 30_000


async def test_a_named_login_whose_lease_has_run_out_is_no_longer_under_way(logins: Logins) -> None:
    await logins.issue()
    assert await logins.attempt(lease=NAMED, address=()) is Verdict.RIGHT
    logins.clock.wait(LEASE_LIFE)
    assert await logins.attempt(lease=REPEATED, address=()) is Verdict.RIGHT
    assert not await logins.complete(Login(), NAMED, PAST)
    assert await logins.complete(Login(), REPEATED, PAST)


async def test_what_repeats_a_login_is_judged_by_no_limit_of_wrong_tries(logins: Logins) -> None:
    await logins.issue()
    assert await logins.attempt(lease=NAMED, address=()) is Verdict.RIGHT
    for _ in range(5):
        await logins.attempt("wrong", lease=LEASE, address=())  # the code is ended, and the number has no try left
    assert await logins.attempt(lease=REPEATED, address=()) is Verdict.UNDER_WAY
    assert await logins.complete(Login(), NAMED, PAST)
    assert await logins.attempt(lease=REPEATED, address=()) == PAST


async def test_a_guess_at_the_code_of_a_named_login_is_counted_and_has_no_second_one(
    logins: Logins, redis: Any
) -> None:
    guess = CodeLease(MOBILE, NAME, f"{GUESS.digest}.guesser", TRIES, (GUESS,))
    await logins.issue()
    assert await logins.attempt(lease=NAMED, address=()) is Verdict.RIGHT
    assert await logins.attempt("wrong", lease=guess, address=()) is Verdict.WRONG
    assert int(await redis.hget(CODE, "attempts")) == 1
    assert await logins.complete(Login(), NAMED, PAST)
    assert await logins.attempt("wrong", lease=guess, address=()) is Verdict.NO_ACTIVE_CODE
    assert await logins.attempt(lease=REPEATED, address=()) is Verdict.NO_ACTIVE_CODE
    assert not await redis.exists(RECORD)


async def test_a_named_login_is_found_under_each_of_the_keys(logins: Logins, redis: Any) -> None:
    old, both = NAMED._replace(marks=(OLD_MARK,)), REPEATED._replace(marks=(MARK, OLD_MARK))
    past = PAST._replace(digest=OLD_MARK.digest)
    await logins.issue()
    assert await logins.attempt(lease=old._replace(lease_id=f"{OLD_MARK.digest}.me"), address=()) is Verdict.RIGHT
    assert await logins.attempt(lease=both, address=()) is Verdict.UNDER_WAY
    assert await logins.complete(Login(), old._replace(lease_id=f"{OLD_MARK.digest}.me"), past)
    assert await logins.attempt(lease=both, address=()) == past
    assert await redis.exists(OLD_RECORD)


@pytest.mark.parametrize("value", ["", "foreign", f"{MARK.digest} damaged"])
async def test_a_record_that_cannot_be_read_repeats_nothing(logins: Logins, redis: Any, value: str) -> None:
    await redis.set(RECORD, value)
    assert await logins.attempt(lease=REPEATED, address=()) is Verdict.NO_ACTIVE_CODE


async def test_a_record_of_another_type_hinders_no_login(logins: Logins, redis: Any) -> None:
    await redis.rpush(RECORD, "an operator's")
    await logins.issue()
    assert await logins.attempt(lease=NAMED, address=()) is Verdict.RIGHT
    assert await logins.complete(Login(), NAMED, PAST)
    assert await logins.attempt(lease=REPEATED, address=()) == PAST


async def test_a_login_that_is_over_is_judged_anew(logins: Logins, redis: Any) -> None:
    await logins.issue()
    assert await logins.attempt(lease=NAMED, address=()) is Verdict.RIGHT
    assert await logins.complete(Login(), NAMED, PAST)
    anew = REPEATED._replace(over=PAST)
    assert await logins.attempt(lease=anew, address=()) is Verdict.NO_ACTIVE_CODE
    assert not await redis.exists(RECORD)


async def test_a_spent_code_is_spent_once_more_only_for_the_same_record(logins: Logins) -> None:
    await logins.issue()
    assert await logins.attempt(lease=NAMED, address=()) is Verdict.RIGHT
    login = Login()
    assert await logins.complete(login, NAMED, PAST)
    assert await logins.complete(login, NAMED, PAST)  # as after an answer that was lost
    assert not await logins.complete(Login(), NAMED, PAST._replace(nonce="0e" * 16))


async def test_where_there_is_no_room_for_a_record_the_code_is_spent_without(logins: Logins, redis: Any) -> None:
    await logins.issue()
    assert await logins.attempt(lease=NAMED, address=()) is Verdict.RIGHT
    await on_every_server(redis, "CONFIG", "SET", "maxmemory", "1")
    try:
        answers = await logins.connection.run_chain([logins.codes.spending(NAMED, PAST)])
    finally:
        await on_every_server(redis, "CONFIG", "SET", "maxmemory", "0")
    assert answers == [1]
    assert not await redis.exists(CODE)


async def test_a_fixed_code_is_lent_to_one_of_those_that_name_one_request(logins: Logins, redis: Any) -> None:
    again = FIXED._replace(lease_id=f"{MARK.digest}.again")
    assert await logins.lend_fixed() is Verdict.RIGHT
    assert await logins.lend_fixed(again) is Verdict.UNDER_WAY
    assert 0 < await redis.pttl(FIXED_LEASE) <= LEASE_LIFE * 1000
    assert not await logins.codes.release(again)
    assert await logins.codes.release(FIXED)
    assert await logins.lend_fixed(again) is Verdict.RIGHT
    login = Login()
    assert not await logins.complete(login, FIXED, PAST)
    assert await logins.complete(login, again, PAST)
    assert await logins.lend_fixed() == PAST
    assert await keys_of(redis) == {login.session_key, login.token_key, LIST, RECORD}
    assert await logins.lend_fixed(FIXED._replace(over=PAST)) is Verdict.RIGHT
