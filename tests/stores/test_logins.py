"""LoginStore on every kind of Redis: an attempt and its code, a session and its code, each pair in one go."""

from typing import Any

import pytest

from service.entities import PastLogin
from service.stores.budgets import Budget, Refusal, windows_of
from service.stores.codes import CodeLease, CodeStore, Verdict, owner
from service.stores.limits import LimitStore
from service.stores.logins import LoginStore
from service.stores.redis.connection import Connection
from service.stores.sessions import SessionStore
from tests.client import MOBILE
from tests.conftest import Clock
from tests.stores.conftest import keys_of
from tests.stores.test_sessions import CAP, LIST, Login

CODE = "code:{13800138000}"
DIGEST = "digest-of-the-code"
LEASE_LIFE = 10
ADDRESS = (Budget("logins_per_ip", "192.0.2.1", windows_of("logins_per_ip", "2/minute")),)
TRIES = (Budget("tries_per_number", owner(MOBILE), windows_of("tries_per_number", "5/hour;20/day")),)
LEASE = CodeLease(MOBILE, "me", TRIES)


class Logins:
    """The store, with a clock moved by hand."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self.codes = CodeStore(connection)
        self.limits = LimitStore(connection, clock)
        self.store = LoginStore(self.codes, self.limits, SessionStore(connection))
        self.clock = clock

    async def issue(self) -> None:
        await self.codes.issue(MOBILE, "nonce", DIGEST, now=self.clock(), life=300, longest=600, attempts=5)

    async def attempt(
        self, digest: str = DIGEST, address: tuple[Budget, ...] = ADDRESS, lease: CodeLease = LEASE
    ) -> Verdict | Refusal | PastLogin | None:
        return await self.store.attempt(lease, digest, now=self.clock(), life=LEASE_LIFE, attempts=5, address=address)

    async def complete(self, login: Login, lease: CodeLease = LEASE) -> bool:
        opened = await self.store.complete(login.session, login.key_suffix, login.access, lease, cap=CAP)
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
    other = CodeLease(MOBILE, "other", TRIES)
    assert await logins.attempt(address=(), lease=other) is Verdict.RIGHT
    assert not await logins.complete(Login())
    assert await redis.hget(CODE, "holder") == b"other"
    assert await logins.complete(Login(), other)
    assert not await redis.exists(CODE)


async def test_a_login_by_a_code_that_is_nobodys_spends_none(logins: Logins, redis: Any) -> None:
    await logins.issue()
    assert await logins.complete(Login(), CodeLease(MOBILE, ""))
    assert await redis.exists(CODE)
