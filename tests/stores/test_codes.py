"""CodeStore (section 4 of the contract) on every kind of Redis: judged atomically, lent to one, spent once."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from config import Settings
from service.backing import limits_of
from service.code_issuer import CodeIssuer
from service.codes import Codes
from service.conversion import ConversionGuard
from service.entities import PastLogin
from service.errors import InvalidCode
from service.events import Events
from service.stores.budgets import Budget, Refusal, windows_of
from service.stores.code_values import CodeLease, Ended, Issued, Verdict
from service.stores.codes import CodeStore, owner
from service.stores.conversions import ConversionStore
from service.stores.database import Database
from service.stores.limits import LimitStore
from service.stores.logins import LoginStore
from service.stores.redis.connection import Connection
from service.stores.sessions import SessionStore
from service.stores.users import UserStore
from tests.conftest import NAMES, Clock
from tests.stores.conftest import keys_of

MOBILE = "13800138000"
NAME = NAMES.of(MOBILE)
KEY = f"code:{{{NAME}}}"
IP = "192.0.2.1"
NONCE, DIGEST = "nonce-of-the-first", "digest-of-the-first"
LIFE, ATTEMPTS, LEASE = 300, 5, 10
STALL = 30  # seconds that a busy machine may stand still between two commands

Server = Any  # redis-py says `bytes | str` of its answers; here they are bytes


class Number:
    """The code of one number, with the settings as they ship and a clock moved by hand."""

    def __init__(self, connection: Connection, redis: Server, clock: Clock) -> None:
        self.connection = connection
        self.store = CodeStore(connection)
        self.redis = redis
        self.clock = clock

    async def issue(self, nonce: str = NONCE, digest: str = DIGEST) -> Issued | Ended:
        return await self.store.issue(NAME, nonce, digest, now=self.clock(), life=LIFE, attempts=ATTEMPTS)

    async def verify(self, digest: str = DIGEST, lease_id: str = "me") -> bool:
        return await self.judge(digest, lease_id) is Verdict.RIGHT

    async def judge(
        self, digest: str = DIGEST, lease_id: str = "me", tries: Sequence[Budget] = (), attempts: int = ATTEMPTS
    ) -> Verdict | Refusal | PastLogin:
        verdict = await self.store.verify(
            CodeLease(MOBILE, NAME, lease_id, (*tries,)), digest, now=self.clock(), life=LEASE, attempts=attempts
        )
        assert verdict is not None
        return verdict

    async def spend(self, lease_id: str, tries: Sequence[Budget] = ()) -> bool:
        return await spent(self.connection, CodeLease(MOBILE, NAME, lease_id, (*tries,)))

    async def wait(self, seconds: int) -> None:
        """Let time pass, on our clock and on the server's."""
        self.clock.wait(seconds)
        await self.redis.pexpire(KEY, await self.redis.pttl(KEY) - seconds * 1000)

    async def life(self) -> float:
        return float(await self.redis.pttl(KEY)) / 1000

    async def tries(self) -> int:
        return int(await self.redis.hget(KEY, "attempts"))


async def spent(connection: Connection, lease: CodeLease) -> bool:
    return await connection.run_chain([CodeStore(connection).spending(lease)]) == [1]


@pytest.fixture
def connection(connection_of_latch: Connection) -> Connection:
    return connection_of_latch


@pytest.fixture
async def number(connection: Connection, redis: Server, clock: Clock) -> Number:
    return Number(connection, redis, clock)


# --- Issue ----------------------------------------------------------------------------------------------------------


async def test_a_new_code_has_the_nonce_that_was_passed_and_the_life_that_was_wanted(number: Number) -> None:
    assert await number.issue() == Issued(NONCE, LIFE, DIGEST)
    assert LIFE - STALL < await number.life() <= LIFE
    assert await keys_of(number.redis) == {KEY}


async def test_a_resend_keeps_the_code_and_the_count_of_tries(number: Number) -> None:
    await number.issue()
    for _ in range(3):
        await number.verify("wrong")
    assert await number.issue("another nonce", "another digest") == Issued(NONCE, LIFE, DIGEST)
    assert await number.tries() == 3
    assert not await number.verify("another digest")
    assert await number.verify()


async def test_a_resend_lengthens_the_life_but_never_past_the_longest(number: Number) -> None:
    await number.issue()
    await number.wait(200)
    assert await number.issue() == Issued(NONCE, LIFE, DIGEST)
    assert LIFE - STALL < await number.life() <= LIFE
    await number.wait(250)
    assert await number.issue() == Issued(NONCE, 150, DIGEST)
    assert 150 - STALL < await number.life() <= 150
    await number.wait(89)
    assert await number.issue() == Issued(NONCE, 61, DIGEST)


async def test_a_resend_never_shortens_the_life(number: Number) -> None:
    await number.issue()
    answer = await number.store.issue(NAME, "n", "d", now=number.clock(), life=60, attempts=ATTEMPTS)
    assert isinstance(answer, Issued)
    assert LIFE - STALL < answer.life <= LIFE
    assert LIFE - STALL < await number.life() <= LIFE


async def test_an_expired_code_is_gone_and_the_next_one_is_new(number: Number) -> None:
    await number.issue()
    await number.wait(LIFE)
    assert not await number.verify()
    assert await number.issue("second", "digest of the second") == Issued("second", LIFE, "digest of the second")
    assert await number.tries() == 0


async def test_parallel_requests_get_one_code(number: Number) -> None:
    answers = await asyncio.gather(*(number.issue(f"nonce {n}", f"digest {n}") for n in range(50)))
    assert len({answer.nonce for answer in answers if isinstance(answer, Issued)}) == 1
    assert not any(isinstance(answer, Ended) for answer in answers)


async def test_an_ended_code_answers_how_long_to_wait_and_does_not_live_longer_for_it(number: Number) -> None:
    await number.issue()
    for _ in range(ATTEMPTS):
        await number.verify("wrong")
    await number.wait(100)
    answer = await number.issue()
    assert isinstance(answer, Ended)
    assert 200 - STALL < answer.wait <= 200
    assert 200 - STALL < await number.life() <= 200
    await number.wait(200)
    assert await number.issue("second", "other") == Issued("second", LIFE, "other")


# --- Take -----------------------------------------------------------------------------------------------------------


async def test_a_right_try_is_lent_the_code(number: Number) -> None:
    await number.issue()
    assert await number.verify()


async def test_a_try_without_a_code_is_wrong_and_leaves_nothing(number: Number) -> None:
    assert not await number.verify()
    assert await keys_of(number.redis) == set()


async def test_a_try_at_another_number_is_wrong(number: Number) -> None:
    await number.issue()
    assert not await number.store.verify(
        CodeLease("13900139000", NAMES.of("13900139000"), "me"),
        DIGEST,
        now=number.clock(),
        life=LEASE,
        attempts=ATTEMPTS,
    )


async def test_a_try_before_the_last_is_still_judged(number: Number) -> None:
    await number.issue()
    for _ in range(ATTEMPTS - 1):
        assert not await number.verify("wrong")
    assert await number.verify()


async def test_of_a_hundred_parallel_guesses_exactly_as_many_are_judged_as_are_allowed(number: Number) -> None:
    await number.issue()
    answers = await asyncio.gather(*(number.verify(f"wrong {n}", f"guesser {n}") for n in range(100)))
    assert not any(answers)
    assert await number.tries() == ATTEMPTS
    assert not await number.verify()


async def test_the_right_guess_among_a_hundred_counts_only_among_the_first(number: Number) -> None:
    await number.issue()
    guesses = [DIGEST if n == 50 else f"wrong {n}" for n in range(100)]
    answers = [await number.verify(guess, f"guesser {n}") for n, guess in enumerate(guesses)]
    assert not any(answers)


async def test_of_fifty_parallel_right_tries_exactly_one_is_lent_the_code(number: Number) -> None:
    await number.issue()
    answers = await asyncio.gather(*(number.verify(lease_id=f"holder {n}") for n in range(50)))
    assert answers.count(True) == 1
    assert await number.tries() == 0


async def test_a_wrong_try_counts_while_the_code_is_lent(number: Number) -> None:
    await number.issue()
    await number.verify()
    assert not await number.verify("wrong", "other")
    assert await number.tries() == 1


async def test_guesses_that_end_a_lent_code_do_not_take_it_from_its_holder(number: Number) -> None:
    await number.issue()
    assert await number.verify()
    for _ in range(ATTEMPTS):
        await number.verify("wrong", "guesser")
    assert await number.spend("me")


async def test_a_try_does_not_change_the_life_of_the_code(number: Number) -> None:
    await number.issue()
    await number.wait(100)
    await number.verify("wrong")
    await number.verify()
    await number.store.release(CodeLease(MOBILE, NAME, "me"))
    assert 200 - STALL < await number.life() <= 200


# --- Wrong tries over all codes -------------------------------------------------------------------------------------


def budget(text: str) -> Budget:
    return Budget("tries", owner(NAME), windows_of("tries", text))


async def left_of(number: Number, budget: Budget) -> list[int]:
    return [await number.redis.llen(key) for key in budget.keys]


async def test_a_wrong_try_spends_one_of_each_budget_and_a_right_one_nothing(number: Number) -> None:
    tries = budget("3/minute;5/day")
    await number.issue()
    assert await number.judge("wrong", tries=[tries]) is Verdict.WRONG
    assert await left_of(number, tries) == [1, 1]
    assert await number.judge(tries=[tries]) is Verdict.RIGHT
    assert await number.judge(tries=[tries], lease_id="other") is Verdict.NO_ACTIVE_CODE
    assert await left_of(number, tries) == [1, 1]
    assert all([await number.redis.ttl(key) > 60 - STALL for key in tries.keys])


async def test_without_room_nothing_is_judged_and_the_longest_wait_is_told(number: Number, clock: Clock) -> None:
    tries = [budget("2/minute"), budget("3/hour;4/day")]
    await number.issue()
    for _ in range(2):
        assert await number.judge("wrong", tries=tries) is Verdict.WRONG
        clock.wait(10)
    assert await number.judge(tries=tries) == Refusal("tries", 41)
    clock.wait(40)
    assert await number.judge(tries=tries) == Refusal("tries", 1)  # as old as the window, and still counted
    clock.wait(1)
    assert await number.judge("wrong", tries=tries) is Verdict.WRONG
    assert await number.judge(tries=tries) == Refusal("tries", 3600 - 61 + 1)
    assert await number.tries() == 3
    assert await number.spend("me") is False  # it was not lent
    clock.wait(3600 - 61 + 1)
    assert await number.judge("wrong", tries=tries) is Verdict.WRONG
    assert await number.judge(tries=tries) == Refusal("tries", 24 * 3600 - 3601 + 1)


async def test_the_wrong_try_that_locks_a_number_for_longer_than_a_day_is_told_from_the_others(number: Number) -> None:
    tries = budget("1/minute;4/90 day")
    await number.issue()
    answers = []
    for n in range(4):
        answers.append(await number.judge(f"wrong {n}", tries=[tries]))
        number.clock.wait(61)
    assert answers == [Verdict.WRONG] * 3 + [Verdict.LAST]
    refusal = await number.judge(tries=[tries])
    assert isinstance(refusal, Refusal)
    assert (refusal.wait, refusal.is_long) == (90 * 86_400 - 244 + 1, True)


async def test_of_parallel_guesses_one_is_told_that_it_locks_the_number(number: Number) -> None:
    tries = budget("7/90 day")
    await number.issue()
    guesses = (number.judge(f"wrong {n}", f"guesser {n}", [tries], attempts=1000) for n in range(50))
    answers = await asyncio.gather(*guesses)
    assert (answers.count(Verdict.WRONG), answers.count(Verdict.LAST)) == (6, 1)


async def test_where_there_is_nothing_to_judge_no_try_is_spent_and_none_is_refused(number: Number) -> None:
    tries = budget("1/day")
    assert await number.judge("wrong", tries=[tries]) is Verdict.NO_ACTIVE_CODE
    await number.issue()
    assert await number.judge("wrong", tries=[tries], attempts=1) is Verdict.WRONG
    assert await number.judge("wrong", tries=[tries], attempts=1) is Verdict.NO_ACTIVE_CODE
    assert await left_of(number, tries) == [1]


async def test_of_a_hundred_parallel_guesses_as_many_are_judged_as_the_budget_has(number: Number) -> None:
    tries = budget("7/day")
    await number.issue()
    guesses = (number.judge(f"wrong {n}", f"guesser {n}", [tries], attempts=1000) for n in range(100))
    answers = await asyncio.gather(*guesses)
    assert answers.count(Verdict.WRONG) == 7
    assert {answer for answer in answers if answer is not Verdict.WRONG} == {Refusal("tries", 24 * 3600 + 1)}
    assert await number.tries() == 7


async def test_who_spends_the_code_has_its_wrong_tries_forgotten_and_nobody_else(number: Number) -> None:
    tries = budget("3/minute;5/day")
    await number.issue()
    await number.judge("wrong", tries=[tries])
    await number.judge(tries=[tries])
    assert not await number.spend("other", [tries])
    assert await left_of(number, tries) == [1, 1]
    assert await number.spend("me", [tries])
    assert await keys_of(number.redis) == set()


@pytest.mark.parametrize("foreign", ["a word", ["words", "in a list"]], ids=["string", "list"])
async def test_what_an_operator_left_where_tries_are_counted_locks_nobody_out(
    number: Number, foreign: str | list[str]
) -> None:
    tries = budget("2/day")
    [key] = tries.keys
    await (number.redis.set(key, foreign) if isinstance(foreign, str) else number.redis.rpush(key, *foreign))
    await number.issue()
    for _ in range(2):
        assert await number.judge("wrong", tries=[tries]) is Verdict.WRONG
    assert await number.judge(tries=[tries]) == Refusal("tries", 24 * 3600 + 1)


# --- Lend, give back, spend -----------------------------------------------------------------------------------------


async def test_a_lent_code_is_free_again_when_the_lease_has_run_out(number: Number) -> None:
    await number.issue()
    assert await number.verify(lease_id="first")
    await number.wait(LEASE - 1)
    assert not await number.verify(lease_id="second")
    await number.wait(1)
    assert await number.verify(lease_id="second")
    assert not await number.spend("first")
    assert await number.spend("second")


async def test_a_released_code_can_be_taken_again_at_once(number: Number) -> None:
    await number.issue()
    assert await number.verify(lease_id="first")
    assert await number.store.release(CodeLease(MOBILE, NAME, "first"))
    assert await number.verify(lease_id="second")
    assert not await number.store.release(CodeLease(MOBILE, NAME, "first"))
    assert await number.tries() == 0


async def test_a_spent_code_is_gone(number: Number) -> None:
    await number.issue()
    await number.verify()
    assert await number.spend("me")
    assert await keys_of(number.redis) == set()
    assert not await number.verify()
    assert not await number.spend("me")


async def test_a_code_is_spent_once_however_many_try(number: Number) -> None:
    await number.issue()
    await number.verify()
    answers = await asyncio.gather(*(number.spend("me") for _ in range(20)))
    assert answers.count(True) == 1


@pytest.mark.parametrize("lease_id", ["other", "", "ME"])
async def test_nobody_else_can_release_or_spend_a_lent_code(number: Number, lease_id: str) -> None:
    await number.issue()
    await number.verify(lease_id="me")
    assert not await number.store.release(CodeLease(MOBILE, NAME, lease_id))
    assert not await number.spend(lease_id)
    assert not await number.verify(lease_id="third")
    assert await number.spend("me")


async def test_a_code_that_is_not_lent_can_be_neither_released_nor_spent(number: Number) -> None:
    for _ in range(2):
        assert not await number.store.release(CodeLease(MOBILE, NAME, "me"))
        assert not await number.spend("me")
        await number.issue()
    assert await number.verify()


# --- What Redis holds -----------------------------------------------------------------------------------------------


async def dump(redis: Server) -> str:
    """Every key, field and value, as text."""
    found = [(key, await redis.hgetall(key)) for key in await keys_of(redis)]
    assert found
    return repr(found)


class Life(NamedTuple):
    """What makes codes and what judges them, under one set of settings."""

    issuer: CodeIssuer
    codes: Codes


@pytest.fixture
def codes_with(
    make_settings: Callable[..., Settings], connection: Connection, database: Database, clock: Clock
) -> Callable[..., Life]:
    """The use case on these stores, with the settings passed."""

    def make(**overrides: Any) -> Life:
        settings = make_settings(**overrides)
        limits = limits_of(settings, connection, Events(), clock)
        guard = ConversionGuard(settings, ConversionStore(connection), UserStore(database), limits, clock)
        codes = CodeStore(connection)
        logins = LoginStore(codes, LimitStore(connection, clock), SessionStore(connection))
        judge = Codes(settings, codes, logins, limits, guard, Events(), clock)
        return Life(CodeIssuer(settings, codes, limits, clock), judge)

    return make


async def test_redis_holds_no_code(codes_with: Callable[..., Life], connection: Connection, redis: Server) -> None:
    # Ten digits, that none of the hexadecimal ones holds them by chance.
    codes = codes_with(code_length=10, sms_min_conversion=0)
    code = (await codes.issuer.issue(MOBILE)).digits
    assert code not in await dump(redis)
    await codes.codes.release(await codes.codes.verify(MOBILE, code, IP))
    lease = await codes.codes.verify(MOBILE, code, IP)
    assert code not in await dump(redis)
    assert await spent(connection, lease)
    assert await keys_of(redis) == set()


async def test_what_redis_holds_opens_nothing_without_the_pepper(codes_with: Callable[..., Life]) -> None:
    code = await codes_with().issuer.issue(MOBILE)
    thief = codes_with(code_pepper="the pepper of somebody else")
    with pytest.raises(InvalidCode):
        await thief.codes.verify(MOBILE, code.digits, IP)


OLD_PEPPER, NEW_PEPPER = "the pepper of yesterday", "the pepper of tomorrow"


async def test_while_the_pepper_is_changed_a_code_on_its_way_works_and_is_sent_again(
    codes_with: Callable[..., Life], connection: Connection, redis: Server
) -> None:
    old = await codes_with(code_pepper=OLD_PEPPER).issuer.issue(MOBILE)
    codes = codes_with(code_pepper=f"{NEW_PEPPER}, {OLD_PEPPER}")
    assert (await codes.issuer.issue(MOBILE)).digits == old.digits
    for n in range(2):
        with pytest.raises(InvalidCode):
            await codes.codes.verify(MOBILE, str((int(old.digits) + 1 + n) % 10**6).zfill(6), IP)
    assert int(await redis.hget(KEY, "attempts") or 0) == 2
    assert await spent(connection, await codes.codes.verify(MOBILE, old.digits, IP))


async def test_the_first_pepper_makes_new_codes(codes_with: Callable[..., Life]) -> None:
    code = await codes_with(code_pepper=f"{NEW_PEPPER},{OLD_PEPPER}").issuer.issue(MOBILE)
    with pytest.raises(InvalidCode):
        await codes_with(code_pepper=OLD_PEPPER).codes.verify(MOBILE, code.digits, IP)
    assert await codes_with(code_pepper=NEW_PEPPER).codes.verify(MOBILE, code.digits, IP)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"code_length": 8}),
        ({}, {"code_pepper": "the pepper of tomorrow"}),
    ],
)
async def test_a_code_of_other_settings_is_replaced_by_one_that_works_and_its_tries_count_on(
    codes_with: Callable[..., Life],
    connection: Connection,
    redis: Server,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    old = await codes_with(**before).issuer.issue(MOBILE)
    await redis.hset(KEY, "attempts", "3")
    codes = codes_with(**after)
    new = await codes.issuer.issue(MOBILE)
    assert new.digits != old.digits
    if len(new.digits) == len(old.digits):
        with pytest.raises(InvalidCode):
            await codes.codes.verify(MOBILE, old.digits, IP)
    assert int(await redis.hget(KEY, "attempts") or 0) >= 3
    assert await spent(connection, await codes.codes.verify(MOBILE, new.digits, IP))


async def test_a_code_that_nobody_could_type_in_time_is_made_anew_and_its_tries_count_on(number: Number) -> None:
    await number.issue()
    await number.verify("wrong")
    for wait in (290, 290):
        number.clock.wait(wait)  # the key's own life does not pass: it is Redis' clock
    await number.redis.pexpire(KEY, 20_000)
    assert await number.issue("second", "other") == Issued("second", LIFE, "other")
    assert await number.tries() == 1
    assert not await number.verify()
    assert await number.verify("other")


@pytest.mark.parametrize(
    "garbage",
    [
        ("SET", KEY, "x"),
        ("HSET", KEY, "nonce", "n"),
        ("HSET", KEY, "nonce", "n", "digest", DIGEST, "attempts", "many", "born", "once"),
        ("LPUSH", KEY, "x"),
    ],
    ids=["a string", "parts missing", "no numbers", "a list"],
)
async def test_a_damaged_code_counts_as_none_and_the_next_one_mends_it(
    connection: Connection, redis: Server, clock: Clock, garbage: tuple[str, ...]
) -> None:
    number = Number(connection, redis, clock)
    await number.redis.execute_command(*garbage)
    assert not await number.verify()
    assert not await number.store.release(CodeLease(MOBILE, NAME, "me"))
    assert not await number.spend("me")
    assert await number.issue() == Issued(NONCE, LIFE, DIGEST)
    assert await number.verify()
