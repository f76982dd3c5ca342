"""Operators who log in by the company's OpenID provider, against a small one on a real socket."""

import asyncio
import hashlib
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import ECKey, OctKey

from config import Settings
from service.authenticators import discovery
from service.authenticators.openid import AWAY, NOT_VOUCHED, OpenIdProvider
from service.backing import connections
from service.commands import check
from service.commands.check_openid import of_openid
from service.commands.findings import Finding, Level
from service.errors import Forbidden, ServiceUnavailable
from service.events import Attempt, Details, Event, Events
from service.openid_logins import BEGIN_AGAIN, DENIED, LONGEST, NOBODY, STATE_LIFE, UNVERIFIED, Beginning, OpenIdLogins
from service.roles import Role
from service.routes.admin.filters import LONGEST_OPERATOR
from service.stores.event_rows import LENGTHS
from service.stores.openid_states import OpenIdStates
from service.stores.redis.connection import Connection
from settings.openid import ROLES
from tests.admin.conftest import StartConsole
from tests.conftest import Clock
from tests.openid_provider import CLIENT, KID, SECRET, OpenIdServer, Reply, running, signing_key

pytestmark = pytest.mark.slow

CALLBACK = "http://localhost:8001/openid/callback"
RULES = "ada@example.com=act,@example.com=look,group:chiefs=owner"
DISCOVERY, KEYS, TOKEN, USERINFO = "/.well-known/openid-configuration", "/keys", "/token", "/me"
BROKEN: Reply = (500, b"", [])
ELSEWHERE: Reply = (302, b"", [("Location", "/elsewhere")])
HUGE: Reply = (200, b'{"issuer": "' + b"x" * discovery.LARGEST + b'"}', [])


@dataclass
class Logins:
    """The use case, what it records, and the browser of somebody who logs in."""

    use_case: OpenIdLogins
    connection: Connection
    settings: Settings
    recorded: list[tuple[Event | Attempt, Details]] = field(default_factory=list)

    async def visit(self, begun: Beginning) -> dict[str, str]:
        """What the provider sends the browser back with."""
        back = urlsplit(await asyncio.to_thread(location, begun.url))
        assert back._replace(query="").geturl() == CALLBACK
        return {name: values[0] for name, values in parse_qs(back.query).items()}

    async def log_in(self) -> tuple[str, Role]:
        begun = await self.use_case.begin()
        return await self.use_case.finish(begun.cookie, **await self.visit(begun))

    async def refused(self) -> str:
        """The sentence of a log-in that is refused, which is an event."""
        return await self.refuses(self.log_in())

    async def refuses(self, work: Awaitable[object]) -> str:
        with pytest.raises(Forbidden) as refusal:
            await work
        assert self.recorded.pop() == (Event.OPERATOR_REFUSED, Details(reason="openid"))
        assert self.recorded == []
        return refusal.value.message

    async def unavailable(self) -> str:
        """Why a log-in is not possible just now, which says nothing about the person."""
        with pytest.raises(ServiceUnavailable) as trouble:
            await self.log_in()
        assert (trouble.value.message, self.recorded) == (AWAY, [])
        return str(trouble.value.__cause__)


def location(url: str) -> str:
    """Where a browser is sent from there. It is new each time: httpx's clients take longer to make than a log-in."""
    place = urlsplit(url)
    browser = HTTPConnection(place.netloc)
    browser.request("GET", f"{place.path}?{place.query}")
    found = browser.getresponse().headers["Location"]
    browser.close()
    return found


def key_of(begun: Beginning) -> str:
    return f"operator:{{openid:{hashlib.sha256(begun.cookie.encode()).hexdigest()}}}:state"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def provider(clock: Clock) -> Iterator[OpenIdServer]:
    with running(clock, CALLBACK) as server:
        yield server


def of(provider: OpenIdServer, **overrides: Any) -> dict[str, Any]:
    """The settings of a service that knows this provider."""
    secret = {"oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    return {"admin_port": 8001, "oidc_issuer": provider.url, **secret, "oidc_roles": RULES, **overrides}


Make = Callable[..., Awaitable[Logins]]


@pytest.fixture
async def make(
    provider: OpenIdServer, make_settings: Callable[..., Settings], clock: Clock, loop: Any
) -> AsyncIterator[Make]:
    made: list[Logins] = []

    async def making(**overrides: Any) -> Logins:
        settings = make_settings(**of(provider, **overrides))
        connection, _ = connections(settings)
        recorded: list[tuple[Event | Attempt, Details]] = []
        events = Events(lambda event, details: recorded.append((event, details)))
        states = OpenIdStates(connection)
        use_case = OpenIdLogins(OpenIdProvider(settings, clock), states, settings.oidc_rules, events)
        made.append(Logins(use_case, connection, settings, recorded))
        return made[-1]

    yield making
    for logins in made:
        await logins.use_case.close()
        await logins.connection.close()


@pytest.fixture
async def logins(make: Make) -> Logins:
    return await make()


async def test_somebody_logs_in_under_the_verified_address_in_lower_case(logins: Logins) -> None:
    assert await logins.log_in() == ("ada@example.com", Role.ACT)
    assert logins.recorded == []


async def test_the_browser_is_sent_with_state_nonce_and_a_challenge_and_no_secret(logins: Logins) -> None:
    begun = await logins.use_case.begin()
    sent = {name: values[0] for name, values in parse_qs(urlsplit(begun.url).query).items()}
    drawn = [sent.pop(name) for name in ("state", "nonce", "code_challenge")]
    assert sent == {
        "tenant": "1",
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": CALLBACK,
        "scope": "openid email profile groups",
        "code_challenge_method": "S256",
    }
    assert len({*drawn, begun.cookie}) == 4
    assert all(re.fullmatch("[A-Za-z0-9_-]{43}", text) for text in [*drawn, begun.cookie])


async def test_groups_are_asked_for_only_where_a_rule_names_one(make: Make) -> None:
    begun = await (await make(oidc_roles="@example.com=look")).use_case.begin()
    assert parse_qs(urlsplit(begun.url).query)["scope"] == ["openid email profile"]


@pytest.mark.parametrize(
    ("rules", "role"),
    [
        ("@example.com=look", Role.LOOK),
        ("@EXAMPLE.com=look,ADA@example.com=owner", Role.OWNER),
        ("ada@example.com=look,group:support=act", Role.ACT),
        ("group:staff=owner,group:support=look", Role.OWNER),
    ],
)
async def test_the_highest_role_that_fits_counts(make: Make, rules: str, role: Role) -> None:
    assert await (await make(oidc_roles=rules)).log_in() == ("ada@example.com", role)


@pytest.mark.parametrize(
    "rules", ["bob@example.com=owner", "@ample.com=owner", "@sub.example.com=owner", "group:Support=owner", "@com=act"]
)
async def test_nobody_comes_in_whom_no_rule_fits(make: Make, rules: str) -> None:
    assert await (await make(oidc_roles=rules)).refused() == NOBODY


def test_the_roles_of_the_settings_are_those_there_are() -> None:
    assert tuple(Role) == ROLES


def test_a_name_is_no_longer_than_the_audit_trail_holds_and_finds() -> None:
    assert min(LENGTHS["operator"], LONGEST_OPERATOR) >= LONGEST


async def test_the_longest_name_is_still_one(make: Make, provider: OpenIdServer) -> None:
    provider.person["email"] = address = f"{'a' * (LONGEST - len('@example.com'))}@example.com"
    assert await (await make()).log_in() == (address, Role.LOOK)


async def test_a_log_in_is_finished_once(logins: Logins) -> None:
    begun = await logins.use_case.begin()
    back = await logins.visit(begun)
    assert await logins.use_case.finish(begun.cookie, **back)
    assert await logins.refuses(logins.use_case.finish(begun.cookie, **back)) == BEGIN_AGAIN


async def test_of_many_at_once_one_finishes(logins: Logins) -> None:
    begun = await logins.use_case.begin()
    back = await logins.visit(begun)
    finished = await asyncio.gather(
        *(logins.use_case.finish(begun.cookie, **back) for _ in range(10)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in finished) == ["Forbidden"] * 9 + ["tuple"]


async def test_what_another_browser_began_is_not_finished_here(logins: Logins) -> None:
    mine, theirs = await logins.use_case.begin(), await logins.use_case.begin()
    back = await logins.visit(theirs)
    assert await logins.refuses(logins.use_case.finish(mine.cookie, **back)) == BEGIN_AGAIN
    assert await logins.refuses(logins.use_case.finish("", **back)) == BEGIN_AGAIN
    assert await logins.use_case.finish(theirs.cookie, **back)


@pytest.mark.parametrize("state", ["", "made-up", "\udcff"])
async def test_another_state_is_refused_and_spends_the_log_in(logins: Logins, state: str) -> None:
    begun = await logins.use_case.begin()
    back = await logins.visit(begun)
    assert await logins.refuses(logins.use_case.finish(begun.cookie, state, back["code"])) == BEGIN_AGAIN
    assert await logins.refuses(logins.use_case.finish(begun.cookie, **back)) == BEGIN_AGAIN


async def test_what_was_begun_ends_by_itself_and_redis_holds_neither_cookie_nor_state(logins: Logins) -> None:
    begun = await logins.use_case.begin()
    redis: Any = logins.connection.redis
    key = key_of(begun)
    assert 0 < await redis.pttl(key) <= STATE_LIFE * 1000
    kept = key + (await redis.get(key)).decode()
    state = parse_qs(urlsplit(begun.url).query)["state"][0]
    assert begun.cookie not in kept
    assert state not in kept


@pytest.mark.parametrize("value", ["one two", "one two three four", ""])
async def test_what_somebody_else_wrote_there_is_no_log_in(logins: Logins, value: str) -> None:
    begun = await logins.use_case.begin()
    back = await logins.visit(begun)
    redis: Any = logins.connection.redis
    key = key_of(begun)
    await redis.set(key, value)
    assert await logins.refuses(logins.use_case.finish(begun.cookie, **back)) == BEGIN_AGAIN


async def test_a_value_of_another_type_is_no_log_in(logins: Logins) -> None:
    begun = await logins.use_case.begin()
    back = await logins.visit(begun)
    redis: Any = logins.connection.redis
    key = key_of(begun)
    await redis.delete(key)
    await redis.lpush(key, "one two three")
    assert await logins.refuses(logins.use_case.finish(begun.cookie, **back)) == BEGIN_AGAIN


async def test_who_is_sent_back_with_an_error_is_refused(logins: Logins) -> None:
    begun = await logins.use_case.begin()
    state = parse_qs(urlsplit(begun.url).query)["state"][0]
    assert await logins.refuses(logins.use_case.finish(begun.cookie, state, "", "access_denied")) == DENIED


async def test_who_is_sent_back_with_nothing_is_refused(logins: Logins) -> None:
    begun = await logins.use_case.begin()
    state = parse_qs(urlsplit(begun.url).query)["state"][0]
    assert await logins.refuses(logins.use_case.finish(begun.cookie, state, "")) == DENIED


async def test_trouble_of_the_provider_is_no_refusal(logins: Logins) -> None:
    begun = await logins.use_case.begin()
    state = parse_qs(urlsplit(begun.url).query)["state"][0]
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        await logins.use_case.finish(begun.cookie, state, "", "temporarily_unavailable")
    assert logins.recorded == []


@pytest.mark.parametrize(("code", "said"), [("made-up", NOT_VOUCHED), ("\udcff", DENIED), ("a\nb", DENIED)])
async def test_a_made_up_code_is_refused(logins: Logins, code: str, said: str) -> None:
    begun = await logins.use_case.begin()
    back = await logins.visit(begun)
    assert await logins.refuses(logins.use_case.finish(begun.cookie, back["state"], code)) == said


async def test_a_code_that_was_put_into_the_log_in_of_another_is_refused(logins: Logins) -> None:
    mine, theirs = await logins.use_case.begin(), await logins.use_case.begin()
    own, stolen = await logins.visit(mine), await logins.visit(theirs)
    assert await logins.refuses(logins.use_case.finish(mine.cookie, own["state"], stolen["code"])) == NOT_VOUCHED


NOW = int(Clock().now)
UNSOUND: list[dict[str, Any]] = [
    {"nonce": "another"},
    {"nonce": None},
    {"aud": "another client"},
    {"aud": ["another client"]},
    {"aud": []},
    {"aud": [CLIENT, "another client"]},
    {"aud": [CLIENT], "azp": "another client"},
    {"iss": "https://elsewhere.example.com"},
    {"iss": None},
    {"exp": NOW - 61},
    {"exp": None},
    {"exp": "never"},
    {"iat": NOW + 120},
    {"nbf": NOW + 120},
    {"at_hash": "another-access-token"},
    {"at_hash": ["no", "text"]},
]


@pytest.mark.parametrize("changes", UNSOUND, ids=str)
async def test_an_id_token_that_is_not_for_us_and_now_is_refused(
    logins: Logins, provider: OpenIdServer, changes: dict[str, Any]
) -> None:
    provider.changes = changes
    assert await logins.refused() == NOT_VOUCHED


@pytest.mark.parametrize(
    "changes",
    [{"exp": NOW - 30}, {"iat": NOW + 30}, {"aud": CLIENT}, {"aud": [CLIENT, "another"], "azp": CLIENT}],
    ids=str,
)
async def test_clocks_may_be_a_little_apart_and_the_audience_may_be_told_otherwise(
    logins: Logins, provider: OpenIdServer, changes: dict[str, Any]
) -> None:
    provider.changes = changes
    assert await logins.log_in()


async def test_an_id_token_without_a_subject_is_refused(logins: Logins, provider: OpenIdServer) -> None:
    del provider.person["sub"]
    assert await logins.refused() == NOT_VOUCHED


@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS512"])
async def test_an_id_token_that_anybody_could_have_signed_is_refused(
    logins: Logins, provider: OpenIdServer, algorithm: str
) -> None:
    provider.algorithm = algorithm
    assert await logins.refused() == NOT_VOUCHED


async def test_a_secret_among_the_published_keys_is_no_key(logins: Logins, provider: OpenIdServer) -> None:
    provider.algorithm = "HS256"
    provider.published.insert(0, OctKey.import_key(SECRET, {"kid": KID}).as_dict(private=True))
    assert await logins.refused() == NOT_VOUCHED


async def test_a_key_of_the_same_name_that_did_not_sign_is_refused(logins: Logins, provider: OpenIdServer) -> None:
    provider.key = signing_key()
    assert await logins.refused() == NOT_VOUCHED


async def test_a_key_that_is_nowhere_published_is_asked_for_once_and_refused(
    logins: Logins, provider: OpenIdServer
) -> None:
    provider.key = signing_key("unknown")
    assert await logins.refused() == NOT_VOUCHED
    assert provider.asked.count(KEYS) == 2


async def test_new_keys_of_the_provider_are_fetched_when_they_are_met(logins: Logins, provider: OpenIdServer) -> None:
    await logins.log_in()
    provider.rotate("second")
    await logins.log_in()
    await logins.log_in()
    assert (provider.asked.count(KEYS), provider.asked.count(DISCOVERY)) == (2, 1)


async def test_what_is_published_is_asked_for_anew_after_a_while(
    logins: Logins, provider: OpenIdServer, clock: Clock
) -> None:
    await logins.log_in()
    clock.wait(discovery.LIFE - 1)
    await logins.log_in()
    assert (provider.asked.count(KEYS), provider.asked.count(DISCOVERY)) == (1, 1)
    clock.wait(2)
    await logins.log_in()
    assert (provider.asked.count(KEYS), provider.asked.count(DISCOVERY)) == (2, 2)


async def test_a_key_that_was_withdrawn_is_not_good_for_long(
    logins: Logins, provider: OpenIdServer, clock: Clock
) -> None:
    await logins.log_in()
    provider.published = [signing_key("second").as_dict()]
    clock.wait(discovery.LIFE + 1)
    assert await logins.refused() == NOT_VOUCHED


async def test_keys_that_are_of_no_use_here_are_passed_over(logins: Logins, provider: OpenIdServer) -> None:
    odd: list[Any] = [{"kty": "AKP", "kid": "x"}, {"kty": "RSA", "n": "?"}, {"kty": "EC", "crv": "P-0"}, "text", {}]
    provider.published = [*odd, *provider.published]
    assert await logins.log_in()


async def test_curves_sign_as_well(logins: Logins, provider: OpenIdServer) -> None:
    provider.algorithm, provider.key = "ES256", ECKey.generate_key("P-256", parameters={"kid": "curve"})
    provider.published = [provider.key.as_dict()]
    assert await logins.log_in()


@pytest.mark.parametrize("said", [False, None, "false", 0, "yes", [True], {}])
async def test_an_address_that_is_not_verified_is_no_name(logins: Logins, provider: OpenIdServer, said: object) -> None:
    provider.person["email_verified"] = said
    assert await logins.refused() == UNVERIFIED


@pytest.mark.parametrize(
    "address",
    [
        None,
        7,
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@example.com ",
        "ada@example.com\n",
        "a da@example.com",
        "a}b@example.com",
        "<b>@example.com",
        "bob@elsewhere.com,ada@example.com",
        "\u212aai@example.com",  # the Kelvin sign, a k in lower case
        f"{'a' * LONGEST}@example.com",
        ["ada@example.com"],
    ],
)
async def test_what_is_no_address_is_no_name(make: Make, provider: OpenIdServer, address: object) -> None:
    logins = await make(oidc_roles=f"{RULES},kai@example.com=owner,group:staff=owner")
    provider.person |= {"email": address, "preferred_username": "ada@example.com", "upn": "ada@example.com"}
    assert await logins.refused() == UNVERIFIED


async def test_a_claim_of_another_name_may_say_that_the_address_is_theirs(make: Make, provider: OpenIdServer) -> None:
    logins = await make(oidc_verified_claim="xms_edov")
    assert await logins.refused() == UNVERIFIED
    provider.person["xms_edov"] = "1"
    assert await logins.log_in()


@pytest.mark.parametrize("claims", [{"email", "email_verified"}, {"email_verified"}, {"groups"}], ids=sorted)
async def test_what_the_id_token_leaves_out_is_asked_of_userinfo(
    logins: Logins, provider: OpenIdServer, claims: set[str]
) -> None:
    provider.person["groups"] = ["chiefs"]
    provider.in_userinfo_alone = claims
    assert await logins.log_in() == ("ada@example.com", Role.OWNER)
    assert provider.asked.count(USERINFO) == 1


async def test_userinfo_is_not_asked_where_the_id_token_says_all(make: Make, provider: OpenIdServer) -> None:
    await (await make()).log_in()
    provider.in_userinfo_alone = {"groups"}
    await (await make(oidc_roles="@example.com=look")).log_in()
    assert USERINFO not in provider.asked


async def test_the_word_that_an_address_is_verified_is_not_taken_for_another_address(
    logins: Logins, provider: OpenIdServer
) -> None:
    provider.in_userinfo_alone = {"email_verified"}
    provider.userinfo = {"email": "bob@elsewhere.com"}
    assert await logins.refused() == NOBODY


async def test_userinfo_of_somebody_else_is_refused(logins: Logins, provider: OpenIdServer) -> None:
    provider.in_userinfo_alone = {"groups"}
    provider.userinfo = {"sub": "8", "groups": ["chiefs"]}
    assert await logins.refused() == NOT_VOUCHED


async def test_without_userinfo_the_id_token_alone_counts(logins: Logins, provider: OpenIdServer) -> None:
    provider.in_userinfo_alone = {"email"}
    provider.discovery = {"userinfo_endpoint": None}
    assert await logins.refused() == UNVERIFIED


@pytest.mark.parametrize("groups", ["chiefs", ["chiefs", 7, None]])
async def test_groups_may_be_one_name_or_many_in_a_claim_of_any_name(
    make: Make, provider: OpenIdServer, groups: object
) -> None:
    provider.person["https://example.com/roles"] = groups
    logins = await make(oidc_groups_claim="https://example.com/roles")
    assert await logins.log_in() == ("ada@example.com", Role.OWNER)


@pytest.mark.parametrize("takes", [("client_secret_basic",), ("client_secret_post",)])
async def test_the_secret_goes_as_the_provider_takes_it(
    logins: Logins, provider: OpenIdServer, takes: tuple[str, ...]
) -> None:
    provider.takes = takes
    assert await logins.log_in()


@pytest.mark.parametrize("id_token", ["", "..", "e30.e30.", "text", "\u212a.a.b", 7, None, ["a.b.c"], "W10.W10.W10"])
async def test_what_is_no_id_token_is_refused(logins: Logins, provider: OpenIdServer, id_token: object) -> None:
    provider.replies[TOKEN] = (200, json.dumps({"access_token": "\u212a", "id_token": id_token}).encode(), [])
    assert await logins.refused() == NOT_VOUCHED


async def test_an_access_token_that_is_none_asks_nobody(logins: Logins, provider: OpenIdServer) -> None:
    provider.token_changes = {"access_token": "\u212a"}
    provider.changes = {"at_hash": None}
    provider.in_userinfo_alone = {"email"}
    assert await logins.refused() == UNVERIFIED


OTHERS = [ELSEWHERE, HUGE, (200, b"<html>", []), (200, b"[]", []), (429, b"{}", [])]


@pytest.mark.parametrize("path", [DISCOVERY, TOKEN, KEYS, USERINFO])
@pytest.mark.parametrize("reply", [BROKEN, *(pytest.param(reply, marks=pytest.mark.slow) for reply in OTHERS)])
async def test_a_provider_that_does_not_do_its_part_says_nothing_about_the_person(
    logins: Logins, provider: OpenIdServer, path: str, reply: Reply
) -> None:
    provider.in_userinfo_alone = {"groups"}
    provider.replies[path] = reply
    if path == TOKEN and reply[0] == 200 and reply is not HUGE:
        assert await logins.refused() == NOT_VOUCHED  # an answer without an ID token
        return
    assert re.match("discovery|token endpoint|keys|userinfo", await logins.unavailable())
    assert "/elsewhere" not in provider.asked
    provider.replies.clear()
    assert await logins.log_in()


@pytest.mark.parametrize("path", [DISCOVERY, TOKEN, KEYS, USERINFO])
async def test_a_provider_that_hangs_is_not_waited_for(
    logins: Logins, provider: OpenIdServer, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(discovery, "TIMEOUT", 0.3)
    provider.in_userinfo_alone = {"groups"}
    provider.hangs = {path}
    assert "no answer within 0.3 s" in await logins.unavailable()


async def test_a_provider_that_is_not_there_is_away(make: Make) -> None:
    logins = await make(oidc_issuer="http://127.0.0.1:1")
    assert await logins.unavailable() == "discovery: no answer (ConnectError)"


async def test_a_secret_that_the_provider_does_not_know_is_ours_to_mend(make: Make) -> None:
    assert (
        await (await make(oidc_client_secret="another")).unavailable() == "token endpoint: status 401, invalid_client"
    )


UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"issuer": "https://elsewhere.example.com"}, "is of the issuer 'https://elsewhere.example.com'"),
    ({"issuer": None}, "is of the issuer 'None'"),
    ({"token_endpoint": "http://login.example.com/token"}, "token_endpoint is no https address"),
    ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint is no https address"),
    ({"jwks_uri": None}, "jwks_uri is no https address"),
    ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "neither client_secret_basic nor"),
]


@pytest.mark.parametrize(("changes", "why"), UNFIT)
async def test_a_discovery_document_that_does_not_fit_is_told_to_check_and_in_the_log(
    logins: Logins, provider: OpenIdServer, caplog: pytest.LogCaptureFixture, changes: dict[str, Any], why: str
) -> None:
    provider.discovery = changes
    assert why in await logins.unavailable()
    assert (caplog.records[-1].levelno, why in caplog.text) == (logging.ERROR, True)
    [finding] = await of_openid(logins.settings)
    assert (finding.level, finding.away, why in finding.text) == (Level.BAD, False, True)


async def test_without_redis_nobody_is_refused(make: Make, provider: OpenIdServer) -> None:
    logins = await make(redis_url="redis://127.0.0.1:1")
    with pytest.raises(ServiceUnavailable):
        await logins.use_case.begin()
    with pytest.raises(ServiceUnavailable):
        await logins.use_case.finish("cookie", "state", "code")
    assert (logins.recorded, TOKEN in provider.asked) == ([], False)


async def test_check_says_whether_the_provider_answers(
    logins: Logins, provider: OpenIdServer, make_settings: Callable[..., Settings]
) -> None:
    place = f"OpenID provider at {provider.url}"
    assert Finding(Level.GOOD, f"{place} answers") in await check.diagnose(logins.settings)
    provider.replies[DISCOVERY] = BROKEN
    text = f"{place}: discovery: status 500; operators log in with passkeys alone"
    assert await of_openid(logins.settings) == [Finding(Level.WARN, text, away=True)]
    assert await of_openid(make_settings()) == []


async def test_the_log_tells_why_and_nothing_that_could_be_used(
    logins: Logins, provider: OpenIdServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider.changes = {"nonce": "another"}
    begun = await logins.use_case.begin()
    back = await logins.visit(begun)
    await logins.refuses(logins.use_case.finish(begun.cookie, **back))
    provider.changes, provider.replies[TOKEN] = {}, (400, b'{"error": "invalid_request: %s"}' % SECRET.encode(), [])
    await logins.unavailable()
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("service")]
    said = "\n".join(ours)
    assert "ID token: invalid_claim nonce" in said
    assert "token endpoint: status 400, no error code" in said
    query = {name: values[0] for name, values in parse_qs(urlsplit(begun.url).query).items()}
    secret = [begun.cookie, *back.values(), SECRET, query["nonce"], query["code_challenge"], *provider.tokens]
    assert [text for text in secret if text in said] == []


async def test_the_private_listener_has_it_where_a_provider_is_set(
    start_console: StartConsole, provider: OpenIdServer
) -> None:
    console = await start_console(with_keys=False, **of(provider))
    use_case: OpenIdLogins = console.app.ctx.openid
    begun = await use_case.begin()
    back = await Logins(use_case, console.app.ctx, console.app.ctx.settings).visit(begun)
    assert await use_case.finish(begun.cookie, **back) == ("ada@example.com", Role.ACT)
    assert (await start_console(with_keys=False)).app.ctx.openid is None
