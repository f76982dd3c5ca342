"""What `/metrics` counts of logins, refreshes, sessions, codes and stores."""

import asyncio
import re

from prometheus_client.parser import text_string_to_metric_families

from service import VERSION
from service.entities import EndReason
from service.events import OUTCOMES, Attempt
from tests.client import BASE, MOBILE, Api, bearer
from tests.conftest import LIMITS, Clock, Start

Labels = frozenset[tuple[str, str]]


async def counted(api: Api) -> dict[tuple[str, Labels], float]:
    text = (await api.request("GET", "/metrics")).text
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


async def value(api: Api, name: str, **labels: str) -> float:
    return (await counted(api))[name, frozenset(labels.items())]


async def test_a_login_counts_its_code_its_session_and_itself(api: Api) -> None:
    await api.log_in()
    assert await value(api, "latch_logins_total", outcome="ok") == 1
    assert await value(api, "latch_codes_sent_total") == 1
    assert await value(api, "latch_codes_verified_total") == 1
    assert await value(api, "latch_sessions_opened_total") == 1


async def test_a_login_that_fails_counts_why_and_opens_nothing(start: Start, clock: Clock) -> None:
    api = await start(limit_logins_per_ip="2/minute")
    tokens = await api.log_in()
    await api.post_login(MOBILE, "000000")
    await api.post_login(MOBILE, "000000")
    clock.wait(61)
    users = api.app.ctx.users
    await users.disable(await users.find(str(tokens["user_id"])))
    await api.post_login(MOBILE, await api.new_code())
    for outcome, times in {"ok": 1, "invalid_code": 1, "too_many_requests": 1, "user_disabled": 1}.items():
        assert await value(api, "latch_logins_total", outcome=outcome) == times, outcome
    assert await value(api, "latch_sessions_opened_total") == 1
    assert await value(api, "latch_codes_verified_total") == 1
    assert await value(api, "latch_sessions_ended_total", reason="disabled") == 1


async def test_refreshes_are_counted_by_outcome_and_a_theft_once(api: Api, clock: Clock) -> None:
    stale = (await api.log_in())["refresh_token"]
    token = stale
    for _ in range(3):
        token = (await api.refresh(token)).json()["data"]["refresh_token"]
        clock.wait(61)
    assert (await api.refresh(stale)).json()["reason"] == "reused"
    assert (await api.refresh(stale)).json()["reason"] == "reused"
    await api.refresh("x" * 64)
    for outcome, times in {"ok": 3, "reused": 1, "ended": 1, "invalid": 1}.items():
        assert await value(api, "latch_refreshes_total", outcome=outcome) == times, outcome
    assert await value(api, "latch_sessions_ended_total", reason="reused") == 1


async def test_sessions_that_end_are_counted_by_reason(start: Start) -> None:
    api = await start(max_sessions=2)
    first, second, third = [await api.log_in() for _ in range(3)]  # the third replaces the first
    await api.request("DELETE", f"{BASE}/sessions/{second['session_id']}", headers=bearer(third["token"]))
    await api.log_out(third["token"])
    for reason, times in {"replaced": 1, "revoked": 1, "logged_out": 1, "reused": 0}.items():
        assert await value(api, "latch_sessions_ended_total", reason=reason) == times, reason
    assert not await api.is_live(first["token"])


async def test_a_test_number_is_in_no_funnel(start: Start) -> None:
    api = await start(test_codes=f"{MOBILE}=246810")
    await api.send_code()
    assert (await api.post_login(MOBILE, "246810")).status_code == 200
    assert await value(api, "latch_codes_sent_total") == 0
    assert await value(api, "latch_codes_verified_total") == 0
    assert await value(api, "latch_logins_total", outcome="ok") == 1


async def test_a_code_that_has_been_guessed_at_too_often_is_a_limit_that_was_hit(start: Start) -> None:
    api = await start(code_attempts=1)
    await api.send_code()
    await api.post_login(MOBILE, "000000")
    assert (await api.send_code()).status_code == 429
    assert await value(api, "latch_limit_hits_total", limit="code_attempts") == 1


async def test_operations_on_the_stores_are_timed_by_outcome(start: Start, unused_port: int) -> None:
    api = await start(redis_url=f"redis://127.0.0.1:{unused_port}")
    assert (await api.check("x" * 64)).status_code == 503
    await api.request("GET", "/readyz")
    assert await value(api, "latch_store_seconds_count", store="redis", outcome="unavailable") == 2
    assert await value(api, "latch_store_seconds_count", store="redis", outcome="ok") == 0
    assert await value(api, "latch_store_seconds_count", store="database", outcome="ok") == 1


async def test_a_store_that_is_away_is_what_became_of_the_login_and_the_refresh(start: Start, unused_port: int) -> None:
    api = await start(redis_url=f"redis://127.0.0.1:{unused_port}")
    await api.post_login(MOBILE, "123456")
    await api.refresh("x" * 64)
    assert await value(api, "latch_logins_total", outcome="unavailable") == 1
    assert await value(api, "latch_refreshes_total", outcome="unavailable") == 1


async def test_a_check_is_one_operation_on_redis(api: Api) -> None:
    tokens = await api.log_in()
    await api.app.ctx.codes.settle()  # a login counts its code a moment later
    before = await value(api, "latch_store_seconds_count", store="redis", outcome="ok")
    await api.check(tokens["token"])
    assert await value(api, "latch_store_seconds_count", store="redis", outcome="ok") == before + 1


async def test_what_is_known_beforehand_is_there_from_the_start(api: Api) -> None:
    zero = await counted(api)
    for name, label, values in (
        ("latch_logins_total", "outcome", OUTCOMES[Attempt.LOGIN]),
        ("latch_refreshes_total", "outcome", OUTCOMES[Attempt.REFRESH]),
        ("latch_sessions_ended_total", "reason", tuple(EndReason)),
        ("latch_limit_hits_total", "limit", tuple(limit.removeprefix("limit_") for limit in LIMITS)),
    ):
        for known in values:
            assert zero[name, frozenset({(label, str(known))})] == 0, (name, known)
    assert zero["latch_sms_total", frozenset({("sender", "console"), ("outcome", "failed")})] == 0


async def test_the_worker_tells_of_itself(api: Api) -> None:
    assert await value(api, "latch_workers") == await value(api, "latch_workers_configured") == 1
    assert await value(api, "latch_worker_starts_total") == 1
    assert await value(api, "latch_build_info", version=VERSION) == 1
    assert await value(api, "latch_worker_memory_bytes") > 10_000_000
    assert await value(api, "latch_worker_cpu_seconds_total") > 0
    assert await value(api, "latch_store_connections_max", store="redis") == 2
    assert await value(api, "latch_store_connections_max", store="database") == 1


async def test_no_label_holds_a_number_an_id_or_a_token(start: Start) -> None:
    api = await start(max_sessions=1)
    for mobile in (MOBILE, MOBILE, "13900139000"):
        tokens = await api.log_in(mobile)
    await api.request("GET", f"{BASE}/sms/codes/13900139000")
    await api.request("DELETE", f"{BASE}/sessions/{tokens['session_id']}", headers=bearer(tokens["token"]))
    await asyncio.gather(*(api.request("GET", f"/{n}/13900139000") for n in range(3)))
    values = {text for _, labels in await counted(api) for name, text in labels if name != "le"}
    assert not [text for text in values if re.search(r"\d{7}|[0-9a-f]{16}", text)]
