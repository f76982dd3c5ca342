"""Traces: what a span tells, what it never holds, and that they reach a collector."""

import asyncio
import re
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from service.observability import tracing
from service.observability.tracing import Tracing
from tests.client import BASE, MOBILE, Api, bearer
from tests.conftest import Start

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = f"00-{TRACE}-00f067aa0ba902b7-01"


class Traced:
    """An app whose spans stay here."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        api.app.ctx.telemetry.tracing = Tracing(provider)

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> ReadableSpan:
        [span] = [span for span in self.spans if span.name == name]
        return span

    def forget(self) -> None:
        self._exporter.clear()


@pytest.fixture
async def traced(api: Api) -> Traced:
    return Traced(api)


def told(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_a_check_is_one_span_with_one_for_redis_under_it(traced: Traced) -> None:
    tokens = await traced.api.log_in()
    traced.forget()
    response = await traced.api.check(tokens["token"])
    redis, request = traced.spans
    assert (request.name, request.kind) == (f"GET {BASE}/authorizations", SpanKind.SERVER)
    assert told(request) == {
        "http.request.method": "GET",
        "http.route": f"{BASE}/authorizations",
        "http.response.status_code": 200,
        "latch.request_id": response.headers["x-request-id"],
    }
    assert (redis.name, redis.kind) == ("redis MGET", SpanKind.CLIENT)
    assert told(redis) == {"db.system.name": "redis", "db.operation.name": "MGET"}
    assert redis.parent
    assert request.context
    assert redis.parent.span_id == request.context.span_id
    assert redis.start_time
    assert request.start_time
    assert request.start_time <= redis.start_time


async def test_a_login_shows_its_scripts_its_statement_and_its_message(start: Start) -> None:
    traced = Traced(await start(limit_codes_per_ip="30/hour", limit_logins_per_ip="60/minute"))
    await traced.api.log_in()
    names = {span.name for span in traced.spans}
    assert {"redis limit + verify_code", "redis open_session + consume_code", "sqlite INSERT"} <= names
    login = traced.named(f"POST {BASE}/authorizations")
    assert login.context
    assert {span.context.trace_id for span in traced.spans if span.name == "sqlite INSERT" and span.context} == {
        login.context.trace_id
    }


async def test_the_callers_trace_is_continued_and_a_broken_one_is_not(traced: Traced) -> None:
    await traced.api.request("GET", f"{BASE}/user", headers={"traceparent": CALLER})
    await traced.api.request("GET", f"{BASE}/user", headers={"traceparent": f"{CALLER}; DROP"})
    continued, own = [span for span in traced.spans if span.kind is SpanKind.SERVER]
    assert continued.context
    assert own.context
    assert f"{continued.context.trace_id:032x}" == TRACE
    assert continued.parent
    assert f"{own.context.trace_id:032x}" != TRACE
    assert own.parent is None


async def test_a_span_of_one_request_is_not_the_parent_of_the_next_ones(traced: Traced) -> None:
    for _ in range(3):
        await traced.api.check("x" * 64)
    servers = [span for span in traced.spans if span.kind is SpanKind.SERVER]
    assert len({span.context.trace_id for span in servers if span.context}) == 3


async def test_a_store_that_is_away_is_an_error_of_the_span(start: Start, unused_port: int) -> None:
    traced = Traced(await start(redis_url=f"redis://127.0.0.1:{unused_port}"))
    await traced.api.check("x" * 64)
    redis, request = traced.spans
    assert (told(redis)["error.type"], told(request)["error.type"]) == ("unavailable", "503")
    assert {redis.status.status_code, request.status.status_code} == {StatusCode.ERROR}


async def test_what_a_client_did_wrong_is_no_error_of_the_service(traced: Traced) -> None:
    await traced.api.check("x" * 64)
    [request] = [span for span in traced.spans if span.kind is SpanKind.SERVER]
    assert told(request)["http.response.status_code"] == 401
    assert request.status.status_code is StatusCode.UNSET


async def test_no_span_holds_a_number_an_id_or_a_token(traced: Traced) -> None:
    tokens = await traced.api.log_in()
    await traced.api.request("GET", f"{BASE}/sms/codes/13900139000", headers={"X-Request-ID": "13900139000"})
    await traced.api.request("GET", f"/nowhere/{MOBILE}?mobile={MOBILE}", headers=bearer(tokens["token"]))
    await traced.api.request("GET", f"{BASE}/nowhere/{MOBILE}?token={tokens['token']}")
    await traced.api.request("DELETE", f"{BASE}/sessions/{tokens['session_id']}", headers=bearer(tokens["token"]))
    await traced.api.refresh(tokens["refresh_token"])
    everything = "\n".join(span.to_json() for span in traced.spans)
    secrets = [MOBILE, "13900139000", tokens["token"], tokens["refresh_token"], tokens["session_id"]]
    assert not [secret for secret in secrets if secret in everything]
    assert not re.search(r"\{\d+\}", everything)  # the hash tag of a user's keys
    assert "139****9000" in everything


async def test_what_machines_ask_all_the_time_is_not_traced(traced: Traced) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        await traced.api.request("GET", path)
    assert not traced.spans


async def test_a_message_is_a_span_with_its_sender_and_outcome(traced: Traced) -> None:
    observation = traced.api.app.ctx.telemetry
    span = observation.tracing.begin("POST", {})
    observation.sms("aliyun", "sent", 0.25)
    observation.sms("tencent", "failed", 0.5)
    observation.tracing.end(span, "POST", "/x", 200, "id")
    sent, failed = traced.named("sms aliyun"), traced.named("sms tencent")
    assert told(sent) == {"latch.sms.sender": "aliyun", "latch.sms.outcome": "sent"}
    assert told(failed)["error.type"] == "failed"
    assert sent.end_time
    assert sent.start_time
    assert sent.end_time - sent.start_time == 250_000_000


async def test_a_collector_that_is_away_holds_up_neither_the_requests_nor_the_stop(
    start: Start, unused_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "LAST_SECONDS", 0.2)
    api = await start(otel_exporter_otlp_endpoint=f"http://127.0.0.1:{unused_port}")
    await api.log_in()
    observation = api.app.ctx.telemetry
    async with asyncio.timeout(8):  # left to itself the SDK tries for ten seconds
        await observation.tracing.close()


async def test_without_the_setting_nothing_is_traced(api: Api) -> None:
    assert api.app.ctx.telemetry.tracing is None


async def test_without_opentelemetry_latch_serves_and_says_what_to_install(
    start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "service.observability.tracing", None)  # how Python spells "cannot be imported"
    api = await start(otel_exporter_otlp_endpoint="http://127.0.0.1:4318")
    assert await api.log_in()
    assert "no traces are sent" in capsys.readouterr().err
