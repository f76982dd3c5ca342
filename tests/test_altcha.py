"""The captcha that Latch checks itself: challenges as altcha's widget has them, solved by altcha's own solver."""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from altcha import Challenge, Payload, Solution, create_challenge, solve_challenge

from service.captchas.altcha import LIFE, LONGEST
from tests.api.test_limits import spent, wait_of
from tests.api.test_openapi import resolved
from tests.client import BASE, MOBILE, Api, error
from tests.conftest import Clock, Outbox, Start

ON = {"captcha": "altcha", "captcha_cost": 100}
WHERE = f"{BASE}/captcha"
REFUSED = {"captcha_token": "was not accepted; solve the captcha again"}


@pytest.fixture(autouse=True)
def _library_takes_our_clock(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr("altcha.v2.time", SimpleNamespace(time=clock, monotonic=time.monotonic))


async def challenge_of(api: Api) -> dict[str, Any]:
    response = await api.request("GET", WHERE)
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


def solved(challenge: dict[str, Any]) -> dict[str, Any]:
    """What the widget makes of a challenge, before it encodes it."""
    solution = solve_challenge(Challenge.from_dict(challenge))
    assert solution is not None
    return {"challenge": challenge, "solution": solution.to_dict()}


def encoded(payload: object) -> str:
    return base64.b64encode(json.dumps(payload).encode()).decode()


async def ask(api: Api, token: str, mobile: str = MOBILE) -> httpx.Response:
    return await api.request("POST", f"{BASE}/sms/codes", json={"mobile": mobile, "captcha_token": token})


def fields(response: httpx.Response) -> dict[str, str]:
    assert error(response) == (400, "invalid_request")
    found: dict[str, str] = response.json()["fields"]
    return found


async def test_a_challenge_is_what_altchas_widget_expects(start: Start, clock: Clock) -> None:
    api = await start(**ON)
    response = await api.request("GET", WHERE)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    challenge = response.json()
    assert set(challenge) == {"parameters", "signature"}
    parameters = challenge["parameters"]
    assert {name: parameters[name] for name in ("algorithm", "cost", "keyLength", "keyPrefix", "expiresAt")} == {
        "algorithm": "PBKDF2/SHA-256",
        "cost": 100,
        "keyLength": 32,
        "keyPrefix": "00",
        "expiresAt": int(clock()) + LIFE,
    }
    other = await challenge_of(api)
    assert {other["signature"], other["parameters"]["nonce"], other["parameters"]["salt"]}.isdisjoint(
        {challenge["signature"], parameters["nonce"], parameters["salt"]}
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_solved_challenge_sends_a_code_once(start: Start, outbox: Outbox, method: str) -> None:
    api = await start(**ON)
    token = Payload.from_dict(solved(await challenge_of(api))).to_base64()

    async def once_more() -> httpx.Response:
        if method == "POST":
            return await ask(api, token)
        return await api.request("GET", f"{BASE}/sms/codes/{MOBILE}", params={"captcha_token": token})

    assert (await once_more()).status_code == 200
    assert [message.mobile for message in outbox.messages] == [MOBILE]
    assert fields(await once_more()) == REFUSED
    assert len(outbox.messages) == 1


async def test_of_many_uses_at_once_of_a_solved_challenge_one_is_good(start: Start, outbox: Outbox) -> None:
    api = await start(**ON)
    token = encoded(solved(await challenge_of(api)))
    answers = await asyncio.gather(*(ask(api, token, f"138001380{n:02}") for n in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19
    assert len(outbox.messages) == 1


async def test_a_challenge_is_good_for_five_minutes(start: Start, clock: Clock) -> None:
    api = await start(**ON)
    early, late = [encoded(solved(await challenge_of(api))) for _ in range(2)]
    clock.wait(LIFE)
    assert (await ask(api, early)).status_code == 200
    clock.wait(1)
    assert fields(await ask(api, late)) == REFUSED


async def test_what_redis_keeps_of_a_used_one_outlives_it_and_then_goes(start: Start, redis: Any) -> None:
    api = await start(**ON)
    challenge = await challenge_of(api)
    await ask(api, encoded(solved(challenge)))
    [key] = await redis.keys("challenge:*")
    assert key.decode() == f"challenge:{{{challenge['parameters']['nonce']}}}"
    assert LIFE < await redis.ttl(key) <= 2 * LIFE


def other_counter(payload: dict[str, Any]) -> None:
    payload["solution"]["counter"] += 1


def other_key(payload: dict[str, Any]) -> None:
    payload["solution"]["derivedKey"] = "00" * 32


def easier(payload: dict[str, Any]) -> None:
    """Solved anew at less work than was asked for."""
    payload["challenge"]["parameters"]["cost"] = 1
    payload.update(solved(payload["challenge"]))


def unprefixed(payload: dict[str, Any]) -> None:
    """A key that begins with something else: the first try is always right."""
    payload["challenge"]["parameters"]["keyPrefix"] = ""
    payload.update(solved(payload["challenge"]))


def without_work(payload: dict[str, Any]) -> None:
    """A key that is easily found, and begins otherwise than it should."""
    challenge = Challenge.from_dict(payload["challenge"])
    challenge.parameters.key_prefix = "f"
    solution = solve_challenge(challenge)
    assert solution is not None
    payload["solution"] = Solution(solution.counter, solution.derived_key).to_dict()


def longer(payload: dict[str, Any]) -> None:
    payload["challenge"]["parameters"]["expiresAt"] += 3600


def forever(payload: dict[str, Any]) -> None:
    del payload["challenge"]["parameters"]["expiresAt"]


def renamed(payload: dict[str, Any]) -> None:
    """Another nonce, so that it would count as another challenge."""
    nonce = payload["challenge"]["parameters"]["nonce"]
    payload["challenge"]["parameters"]["nonce"] = nonce.upper() if nonce != nonce.upper() else "00" * 16


def unsigned(payload: dict[str, Any]) -> None:
    payload["challenge"]["signature"] = ""


def signed_by_another(payload: dict[str, Any]) -> None:
    forged = create_challenge("PBKDF2/SHA-256", 100, expires_at=2_000_000_000, hmac_secret="a secret of their own")
    payload.update(solved(forged.to_dict()))


FORGERIES = [
    other_counter,
    other_key,
    easier,
    unprefixed,
    without_work,
    longer,
    forever,
    renamed,
    unsigned,
    signed_by_another,
]


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
async def test_a_forged_solution_is_refused_and_costs_the_address_one(
    start: Start, redis: Any, outbox: Outbox, forge: Callable[[dict[str, Any]], None]
) -> None:
    api = await start(**ON, limit_codes_per_ip="30/hour")
    payload = solved(await challenge_of(api))
    payload["challenge"]["parameters"] = dict(payload["challenge"]["parameters"])
    forge(payload)
    assert fields(await ask(api, encoded(payload))) == REFUSED
    assert outbox.messages == []
    assert await spent(redis) == {"limit:codes_per_ip/127.0.0.1/30/1/hour": 1}


ODD: list[tuple[tuple[str, ...], Any]] = [
    (("challenge",), []),
    (("challenge",), None),
    (("solution",), "x"),
    (("solution",), [1]),
    (("challenge", "parameters"), 7),
    (("challenge", "signature"), None),
    (("challenge", "signature"), "\u00e9" * 64),
    (("challenge", "parameters", "nonce"), 7),
    (("challenge", "parameters", "nonce"), "\ud800"),
    (("challenge", "parameters", "salt"), {"a": 1}),
    (("challenge", "parameters", "expiresAt"), 1e308),
    (("challenge", "parameters", "expiresAt"), True),
    (("challenge", "parameters", "expiresAt"), 10**30),
    (("solution", "counter"), -1),
    (("solution", "counter"), 2**32),
    (("solution", "counter"), 1.5),
    (("solution", "counter"), True),
    (("solution", "counter"), "1"),
    (("solution", "derivedKey"), 0),
    (("solution", "derivedKey"), "zz"),
]


async def test_parts_of_another_type_are_refused_and_spend_no_challenge(start: Start) -> None:
    api = await start(**ON)
    good = solved(await challenge_of(api))
    for (*way, last), value in ODD:
        payload: dict[str, Any] = json.loads(json.dumps(good))
        place = payload
        for name in way:
            place = place[name]
        place[last] = value
        assert fields(await ask(api, encoded(payload))) == REFUSED, (*way, last, value)
    assert (await ask(api, encoded(good))).status_code == 200


async def test_what_is_no_payload_is_refused(start: Start) -> None:
    api = await start(**ON)
    for token in ("x", "%%%", "bnVsbA==", "W10=", "e30=", encoded("x"), "５" * 8, encoded([[[[[]]]]])):
        assert fields(await ask(api, token)) == REFUSED, token


async def test_a_token_that_is_too_long_is_told_so(start: Start) -> None:
    assert fields(await ask(await start(**ON), "x" * (LONGEST + 1))) == {"captcha_token": "is too long"}


async def test_numbers_written_otherwise_are_no_second_challenge(start: Start, outbox: Outbox) -> None:
    """`100.0` has the signature of `100`, in altcha's canonical JSON."""
    api = await start(**ON)
    payload = solved(await challenge_of(api))
    assert (await ask(api, encoded(payload))).status_code == 200
    payload["challenge"]["parameters"]["cost"] = 100.0
    assert fields(await ask(api, encoded(payload))) == REFUSED
    assert len(outbox.messages) == 1


async def test_none_sent_is_told_from_a_wrong_one(start: Start) -> None:
    api = await start(**ON)
    assert error(await api.send_code()) == (403, "captcha_required")
    assert error(await ask(api, "")) == (403, "captcha_required")


async def test_the_secret_signs_where_there_is_one_and_else_the_pepper(start: Start) -> None:
    own, derived = await start(**ON, captcha_secret="s" * 32), await start(**ON)
    for here, there in ((own, derived), (derived, own)):
        token = encoded(solved(await challenge_of(here)))
        assert fields(await ask(there, token)) == REFUSED
        assert (await ask(here, token)).status_code == 200


async def test_every_worker_takes_what_another_gave(start: Start) -> None:
    one, other = await start(**ON), await start(**ON)
    token = encoded(solved(await challenge_of(one)))
    assert (await ask(other, token)).status_code == 200
    assert fields(await ask(one, token)) == REFUSED


async def test_with_redis_away_no_challenge_counts_as_unused(start: Start, outbox: Outbox) -> None:
    api = await start(**ON, redis_url="redis://127.0.0.1:1", redis_timeout=1, sms_min_conversion=0)
    token = encoded(solved(await challenge_of(api)))
    assert error(await ask(api, token)) == (503, "service_unavailable")
    assert outbox.messages == []


@pytest.mark.parametrize("settings", [{}, {"captcha": "turnstile", "captcha_secret": "x"}])
async def test_without_it_there_is_no_challenge(start: Start, settings: dict[str, str]) -> None:
    assert error(await (await start(**settings)).request("GET", WHERE)) == (404, "not_found")


async def test_guarded_a_flood_of_unused_codes_shuts_nobody_out_who_can_solve_one(start: Start, outbox: Outbox) -> None:
    api = await start(**ON, captcha_when="guarded", sms_min_conversion=0.5, sms_conversion_min_sent=2)
    for n in range(2):
        assert (await api.send_code(f"1700000000{n}")).status_code == 200
    assert error(await api.send_code()) == (403, "captcha_required")
    assert (await ask(api, encoded(solved(await challenge_of(api))))).status_code == 200
    assert outbox.messages[-1].mobile == MOBILE


async def test_a_solved_captcha_spares_no_limit(start: Start) -> None:
    api = await start(**ON, limit_code_cooldown="60")
    for status in (200, 429):
        response = await ask(api, encoded(solved(await challenge_of(api))))
        assert response.status_code == status
    assert wait_of(response) == 60


async def test_a_browser_app_of_another_origin_may_have_a_challenge(start: Start) -> None:
    api = await start(**ON, cors_origins="https://app.example.com")
    response = await api.request("GET", WHERE, headers={"Origin": "https://app.example.com"})
    assert response.headers["access-control-allow-origin"] == "https://app.example.com"


async def test_the_document_describes_the_challenge_that_is_given(start: Start) -> None:
    api = await start(**ON)
    document = (await api.request("GET", "/docs/openapi.json")).json()
    [operation] = [item["get"] for path, item in document["paths"].items() if path.rstrip("/") == WHERE]
    schema = resolved(document, operation["responses"]["200"]["content"]["application/json"]["schema"])
    challenge = await challenge_of(api)
    assert set(schema["properties"]) == set(challenge)
    assert set(resolved(document, schema["properties"]["parameters"])["properties"]) == set(challenge["parameters"])
