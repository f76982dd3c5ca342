"""Operators enrol a passkey by a link and log in with it; nobody else does, whatever is wrong with what they bring."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from service.entities import Device
from service.errors import LoginFailed, NotLoggedIn, ServiceUnavailable, TooManyRequests
from service.operator_logins import OperatorLogins
from service.roles import Role
from tests.admin.conftest import Console, StartConsole
from tests.authenticator import PRESENT, Authenticator, encoded
from tests.client import MOBILE
from tests.conftest import LIMITS, Clock, Start

pytestmark = pytest.mark.slow

IP = "203.0.113.7"
LAPTOP = Device("Firefox on Linux", IP)

# What is wrong, with one of the authenticator's fields or what the browser says.
LIES: dict[str, Callable[[Authenticator], dict[str, Any]]] = {
    "another origin": lambda one: {"origin": "https://evil.example"},
    "the origin of another port": lambda one: {"origin": "http://localhost:8002"},
    "no origin": lambda one: {"origin": None},
    "another kind": lambda one: {"type": "payment.get"},
    "a challenge of its own": lambda one: {"challenge": encoded(b"x" * 32)},
    "no challenge": lambda one: {"challenge": 7},
    "another name": lambda one: vars(one).update(rp_id="evil.example") or {},
    "nobody verified": lambda one: vars(one).update(flags=PRESENT) or {},
    "nobody there": lambda one: vars(one).update(flags=0x04) or {},
}


class Desk:
    """The log-in of one console, with the operator ada, and the link that was made last."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.link = ""

    @property
    def logins(self) -> OperatorLogins:
        found: OperatorLogins = self.console.app.ctx.operator_logins
        return found

    async def add(self, name: str = "ada") -> str:
        return self._secret(await self.console.app.ctx.operators.add(name, Role.ACT))

    async def new_link(self) -> str:
        return self._secret(await self.console.app.ctx.operators.link("ada"))

    def _secret(self, link: str) -> str:
        self.link = link.rpartition(".")[2]
        return self.link

    async def enrol(self, authenticator: Authenticator, name: str = "ada", **lies: Any) -> str:
        options = await self.logins.enrol_options(name, self.link, IP)
        return await self.logins.enrol(name, self.link, authenticator.create(options, **lies), LAPTOP)

    async def login(self, authenticator: Authenticator, **lies: Any) -> str:
        return await self.logins.login(authenticator.get(await self.logins.login_options(IP), **lies), LAPTOP)

    async def is_live(self, cookie: str) -> bool:
        try:
            await self.console.app.ctx.operator_sessions.identify(cookie)
        except NotLoggedIn:
            return False
        return True


@pytest.fixture
async def desk(console: Console) -> Desk:
    desk = Desk(console)
    await desk.add()
    return desk


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[tuple[str, str]]]:
    """Events of operators so far, with their reasons."""

    def events() -> list[tuple[str, str]]:
        audit = [vars(record) for record in caplog.records if record.name == "latch.audit"]
        return [(one["msg"], one["reason"]) for one in audit if one["msg"].startswith("operator_")]

    return events


async def test_a_passkey_is_enrolled_by_a_link_and_logs_in_from_then_on(desk: Desk, told: Any, clock: Clock) -> None:
    passkey = Authenticator()
    cookies = [await desk.enrol(passkey)]
    for _ in range(2):
        clock.wait(1)
        cookies.append(await desk.login(passkey))
    sessions = desk.console.app.ctx.operator_sessions
    found = [await sessions.identify(cookie) for cookie in cookies]
    assert {(one.name, one.role, one.device) for one in found} == {("ada", Role.ACT, LAPTOP)}
    await desk.logins.logout(cookies[1])
    await desk.logins.logout("x")
    assert [await desk.is_live(cookie) for cookie in cookies] == [True, False, True]
    kinds = [kind for kind, reason in told() if reason == "ada"]
    assert kinds == ["operator_enrolled", *["operator_login"] * 3, "operator_logout"]


async def test_options_ask_for_a_passkey_that_knows_its_operator_and_verifies_who_holds_it(desk: Desk) -> None:
    options = await desk.logins.enrol_options("ada", desk.link, IP)
    assert options["rp"] == {"name": "Latch", "id": "localhost"}
    assert (options["user"]["name"], options["attestation"], options["excludeCredentials"]) == ("ada", "none", [])
    selection = options["authenticatorSelection"]
    assert (selection["residentKey"], selection["userVerification"]) == ("required", "required")
    passkey = Authenticator()
    await desk.enrol(passkey)
    await desk.new_link()
    again = await desk.logins.enrol_options("ada", desk.link, IP)
    assert [one["id"] for one in again["excludeCredentials"]] == [encoded(passkey.id)]
    assert again["user"] == options["user"]
    asked = await desk.logins.login_options(IP)
    assert (asked["rpId"], asked["userVerification"], asked["allowCredentials"]) == ("localhost", "required", [])
    assert len({options["challenge"], again["challenge"], asked["challenge"]}) == 3


@pytest.mark.parametrize("lie", LIES)
async def test_who_lies_enrols_nothing_and_the_link_stays_good(desk: Desk, lie: str, told: Any) -> None:
    passkey = Authenticator()
    with pytest.raises(LoginFailed):
        await desk.enrol(passkey, **LIES[lie](passkey))
    assert told()[-1] == ("operator_refused", "passkey")
    assert await desk.is_live(await desk.enrol(Authenticator()))


@pytest.mark.parametrize("lie", LIES)
async def test_who_lies_does_not_get_in(desk: Desk, lie: str, told: Any) -> None:
    passkey = Authenticator()
    await desk.enrol(passkey)
    with pytest.raises(LoginFailed):
        await desk.login(passkey, **LIES[lie](passkey))
    assert told()[-1] == ("operator_refused", "passkey")


async def test_neither_another_key_nor_another_handle_nor_an_unknown_passkey_gets_in(desk: Desk) -> None:
    passkey = Authenticator()
    await desk.enrol(passkey)
    handle = passkey.handle
    for other in (Authenticator(id=passkey.id, handle=handle), Authenticator(key=passkey.key, handle=handle)):
        with pytest.raises(LoginFailed):
            await desk.login(other)
    for other_handle in (b"", b"x" * 32):
        passkey.handle = other_handle
        with pytest.raises(LoginFailed):
            await desk.login(passkey)
    passkey.handle = handle
    assert await desk.is_live(await desk.login(passkey))


@pytest.mark.parametrize("flips", [("signature", 20), ("authenticatorData", 40), ("clientDataJSON", 3)])
async def test_what_was_changed_on_the_way_is_refused(desk: Desk, flips: tuple[str, int]) -> None:
    passkey, (part, place) = Authenticator(), flips
    await desk.enrol(passkey)
    credential = passkey.get(await desk.logins.login_options(IP))
    text = credential["response"][part]
    credential["response"][part] = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
    with pytest.raises(LoginFailed):
        await desk.logins.login(credential, LAPTOP)


SPOILT: list[Callable[[dict[str, Any]], Any]] = [
    lambda one: {},
    lambda one: [one],
    lambda one: {**one, "response": None},
    lambda one: {**one, "response": 7},
    lambda one: {**one, "id": None},
    lambda one: {**one, "id": encoded(b"other")},
    lambda one: {**one, "type": "password"},
    lambda one: {name: value for name, value in one.items() if name != "rawId"},
]
NONSENSE = (
    None,
    7,
    "",
    "\u00e9",
    "AAAA",
    *map(encoded, (b"[1]", b"{}", b"[" * 9_000, b"\xa1\x63fmt", b"\x9f" * 9_000)),
)


def spoilt(credential: dict[str, Any]) -> list[Any]:
    """What is no credential any more: SPOILT, and NONSENSE in the place of each part of the response."""
    parts = credential["response"]
    instead = [{**credential, "response": {**parts, part: text}} for part in parts for text in NONSENSE]
    return [*(spoil(credential) for spoil in SPOILT), *instead]


async def test_what_is_no_credential_is_refused_and_breaks_nothing(desk: Desk) -> None:
    passkey = Authenticator()
    for place, _ in enumerate(spoilt(passkey.create(await desk.logins.enrol_options("ada", desk.link, IP)))):
        made = passkey.create(await desk.logins.enrol_options("ada", desk.link, IP))
        with pytest.raises(LoginFailed):
            await desk.logins.enrol("ada", desk.link, spoilt(made)[place], LAPTOP)
    await desk.enrol(passkey)
    for place, _ in enumerate(spoilt(passkey.get(await desk.logins.login_options(IP)))):
        signed = passkey.get(await desk.logins.login_options(IP))
        with pytest.raises(LoginFailed):
            await desk.logins.login(spoilt(signed)[place], LAPTOP)
    assert await desk.is_live(await desk.login(passkey))


async def test_a_challenge_is_good_once_and_for_what_it_was_made(desk: Desk) -> None:
    passkey = Authenticator()
    await desk.enrol(passkey)
    options = await desk.logins.login_options(IP)
    await desk.logins.login(passkey.get(options), LAPTOP)
    with pytest.raises(LoginFailed):
        await desk.logins.login(passkey.get(options), LAPTOP)
    await desk.new_link()
    for_enrolling = await desk.logins.enrol_options("ada", desk.link, IP)
    with pytest.raises(LoginFailed):
        await desk.logins.login(passkey.get(for_enrolling), LAPTOP)
    with pytest.raises(LoginFailed):
        await desk.logins.enrol("ada", desk.link, Authenticator().create(for_enrolling | options), LAPTOP)
    await desk.new_link()
    with pytest.raises(LoginFailed):  # it was made for the link before
        await desk.logins.enrol("ada", desk.link, Authenticator().create(for_enrolling), LAPTOP)


async def test_of_many_who_bring_one_answer_one_gets_in(desk: Desk) -> None:
    passkey = Authenticator(counts=False)
    await desk.enrol(passkey)
    signed = passkey.get(await desk.logins.login_options(IP))
    tries = [desk.logins.login(signed, LAPTOP) for _ in range(10)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(one) is str for one in results) == [False] * 9 + [True]


async def test_a_challenge_is_over_after_five_minutes(desk: Desk, redis: Any) -> None:
    passkey = Authenticator()
    await desk.enrol(passkey)
    options = await desk.logins.login_options(IP)
    [key] = await redis.keys("operator:challenge:*")
    assert 290_000 < await redis.pttl(key) <= 300_000
    assert options["challenge"] not in f"{key} {await redis.get(key)}"
    await redis.pexpire(key, 0)
    with pytest.raises(LoginFailed):
        await desk.logins.login(passkey.get(options), LAPTOP)


async def test_a_count_that_goes_backwards_is_refused_and_told(desk: Desk, told: Any) -> None:
    passkey = Authenticator()
    await desk.enrol(passkey)
    await desk.login(passkey)
    for count in (1, 0):  # the second time as the last one, the third time less
        passkey.sign_count = count
        with pytest.raises(LoginFailed):
            await desk.login(passkey)
        assert told()[-1] == ("operator_refused", "sign_count")
    passkey.sign_count = 9
    await desk.login(passkey)
    passkey.counts, passkey.sign_count = False, 0
    with pytest.raises(LoginFailed):
        await desk.login(passkey)


async def test_a_passkey_that_does_not_count_is_good_each_time(desk: Desk) -> None:
    passkey = Authenticator(counts=False)
    await desk.enrol(passkey)
    assert [await desk.is_live(await desk.login(passkey)) for _ in range(2)] == [True, True]


@pytest.mark.parametrize(("name", "secret"), [("ada", "x"), ("bob", ""), ("ada", "é"), ("{*}", ""), ("\0", "")])
async def test_a_wrong_link_opens_nothing(desk: Desk, name: str, secret: str, told: Any) -> None:
    secret = secret or desk.link
    with pytest.raises(LoginFailed):
        await desk.logins.enrol_options(name, secret, IP)
    options = await desk.logins.enrol_options("ada", desk.link, IP)
    with pytest.raises(LoginFailed):
        await desk.logins.enrol(name, secret, Authenticator().create(options), LAPTOP)
    assert told()[-2:] == [("operator_refused", "link")] * 2


async def test_a_link_is_spent_when_the_passkey_is_stored_and_not_before(desk: Desk, redis: Any) -> None:
    options = await desk.logins.enrol_options("ada", desk.link, IP)
    assert await redis.exists("operator:{ada}:link")
    await desk.logins.enrol("ada", desk.link, Authenticator().create(options), LAPTOP)
    assert not await redis.exists("operator:{ada}:link")
    with pytest.raises(LoginFailed):
        await desk.enrol(Authenticator())


async def test_of_many_who_come_with_one_link_one_enrols(desk: Desk, redis: Any) -> None:
    credentials = [Authenticator().create(await desk.logins.enrol_options("ada", desk.link, IP)) for _ in range(8)]
    tries = [desk.logins.enrol("ada", desk.link, credential, LAPTOP) for credential in credentials]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(one) is str for one in results) == [False] * 7 + [True]
    digest = hashlib.sha256(desk.link.encode()).hexdigest()
    await redis.set("operator:{ada}:link", digest)  # as if Redis had gone away before it could be deleted
    with pytest.raises(LoginFailed):
        await desk.enrol(Authenticator())


async def test_a_new_link_ends_sessions_and_the_passkey_it_brings_the_one_before_it(desk: Desk) -> None:
    lost, new = Authenticator(), Authenticator()
    before = await desk.enrol(lost)
    await desk.new_link()
    assert not await desk.is_live(before)
    meanwhile = await desk.login(lost)
    after = await desk.enrol(new)
    assert [await desk.is_live(one) for one in (meanwhile, after)] == [False, True]
    with pytest.raises(LoginFailed):
        await desk.login(lost)
    assert await desk.is_live(await desk.login(new))


async def test_whoever_is_removed_has_no_passkey_not_even_when_the_name_is_given_out_again(
    desk: Desk, database: Any, clock: Clock, told: Any
) -> None:
    passkey = Authenticator()
    cookie = await desk.enrol(passkey)
    await desk.console.app.ctx.operators.remove("ada")
    assert not await desk.is_live(cookie)
    assert await database.rows("SELECT * FROM passkeys", []) == []
    assert told()[-2:] == [("operator_removed", "ada"), ("operator_session_ended", "ada")]
    with pytest.raises(LoginFailed):
        await desk.login(passkey)
    clock.wait(1)
    await desk.add()
    with pytest.raises(LoginFailed):
        await desk.login(passkey)


async def test_a_passkey_that_was_left_behind_is_nobody_s(desk: Desk, database: Any, clock: Clock) -> None:
    passkey = Authenticator()
    await desk.enrol(passkey)
    await database.rows("DELETE FROM operators", [])
    clock.wait(1)
    await desk.add()
    with pytest.raises(LoginFailed):
        await desk.login(passkey)
    assert await desk.is_live(await desk.enrol(Authenticator()))


async def test_of_two_operators_none_enrols_the_other_s_passkey(desk: Desk) -> None:
    passkey = Authenticator()
    await desk.enrol(passkey)
    await desk.add("bob")
    with pytest.raises(LoginFailed):
        await desk.enrol(Authenticator(id=passkey.id), "bob")
    assert await desk.is_live(await desk.login(passkey))


async def test_attempts_of_one_address_are_limited(
    start_console: StartConsole, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(await start_console(**LIMITS | {"limit_logins_per_ip": "3/minute"}))
    await desk.add()
    for _ in range(3):
        with pytest.raises(LoginFailed):
            await desk.logins.enrol_options("ada", "x", IP)
    for ask in (
        desk.logins.login_options(IP),
        desk.logins.enrol_options("ada", desk.link, IP),
        desk.logins.enrol("ada", desk.link, {}, LAPTOP),
        desk.logins.login({}, LAPTOP),
    ):
        with pytest.raises(TooManyRequests):
            await ask
    assert await desk.logins.login_options("203.0.113.8")
    hits = [vars(record)["reason"] for record in caplog.records if record.getMessage() == "limit_hit"]
    assert hits == ["logins_per_ip"] * 4


async def test_logins_of_users_keep_no_operator_out(start: Start, start_console: StartConsole) -> None:
    limits = LIMITS | {"limit_logins_per_ip": "1/minute"}
    users, desk = await start(**limits), Desk(await start_console(**limits))
    statuses = [(await users.post_login(MOBILE, "000000")).status_code for _ in range(2)]
    assert statuses == [400, 429]
    assert await desk.logins.login_options("127.0.0.1")


async def test_a_database_that_is_away_spends_no_link_and_lets_nobody_in(desk: Desk, database: Any) -> None:
    passkey = Authenticator()
    await database.rows("ALTER TABLE passkeys RENAME TO away", [])
    options = await desk.logins.login_options(IP)
    with pytest.raises(ServiceUnavailable):
        await desk.enrol(passkey)
    with pytest.raises(ServiceUnavailable):
        await desk.logins.login(passkey.get(options), LAPTOP)
    await database.rows("ALTER TABLE away RENAME TO passkeys", [])
    await desk.enrol(passkey)
    assert await desk.is_live(await desk.login(passkey))


async def test_where_redis_fails_after_the_passkey_is_stored_the_answer_says_so(desk: Desk, redis: Any) -> None:
    passkey = Authenticator()
    credential = passkey.create(await desk.logins.enrol_options("ada", desk.link, IP))
    await redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(ServiceUnavailable) as refused:
            await desk.logins.enrol("ada", desk.link, credential, LAPTOP)
    finally:
        await redis.config_set("maxmemory", 0)
    assert refused.value.__notes__ == ["The passkey is stored: log in with it."]
    assert await desk.is_live(await desk.login(passkey))


async def test_with_redis_away_nobody_is_refused_for_it(start_console: StartConsole, unused_port: int) -> None:
    pepper = {"code_pepper": "a pepper for the tests alone"}
    console = await start_console(with_keys=False, redis_url=f"redis://127.0.0.1:{unused_port}", **pepper)
    logins, cookie = Desk(console).logins, f"YWRh.{'0' * 16}.{'A' * 43}"
    credential = Authenticator().get({"challenge": encoded(b"x" * 32)})
    for ask in (
        logins.login_options(IP),
        logins.login(credential, LAPTOP),
        logins.enrol_options("ada", "x", IP),
        logins.enrol("ada", "x", credential, LAPTOP),
        logins.logout(cookie),
    ):
        with pytest.raises(ServiceUnavailable):
            await ask
