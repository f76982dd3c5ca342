"""OpenTelemetry traces: a span per request, with one for each operation on a store and each message (docs/metrics.md).

Imported only where OTEL_EXPORTER_OTLP_ENDPOINT is set. No attribute holds a number, an id, a token, an address or a
path: names are route templates, commands and verbs.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service import VERSION
from service.observability.redaction import redact

NAME = "latch"
LEAST_FAILURE = 500  # HTTP semantic conventions: of what a server answers, 4xx is no error of the server
LAST_SECONDS = 2.0  # that the spans still here get to reach the collector when the process stops
TRACES_PATH = "/v1/traces"

_REQUEST: ContextVar[Span | None] = ContextVar("span", default=None)


def to_collector(endpoint: str) -> "Tracing":
    """Traces to an OTLP collector. The SDK reads its other OTEL_ variables itself: service name, sampler, headers."""
    resource = Resource.create({"service.name": NAME, "service.version": VERSION})
    provider = TracerProvider(resource=resource.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + TRACES_PATH)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider, give_up=exporter.shutdown)


class Tracing:
    """Makes the spans of `provider`; `give_up` ends the exporter's tries to send them."""

    def __init__(self, provider: TracerProvider, *, give_up: Callable[[], None] = lambda: None) -> None:
        self._provider = provider
        self._give_up = give_up
        self._tracer = provider.get_tracer(NAME, VERSION)
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, method: str, headers: Mapping[str, str]) -> Span:
        """The span of a request, under that of its caller where it sent a `traceparent` (W3C Trace Context)."""
        span = self._tracer.start_span(
            method,
            context=self._propagator.extract(headers),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method},
        )
        _REQUEST.set(span)
        return span

    @staticmethod
    def end(span: Span, method: str, route: str, status: int, request_id: str) -> None:
        """The request is answered. `route` is a template, or a word where none fits.

        The id may be the caller's: what looks like a number is masked.
        """
        _REQUEST.set(None)
        if route.startswith("/"):
            span.update_name(f"{method} {route}")
            span.set_attribute("http.route", route)
        span.set_attribute("http.response.status_code", status)
        span.set_attribute("latch.request_id", redact(request_id))
        if status >= LEAST_FAILURE:
            span.set_attribute("error.type", str(status))
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def store(self, system: str, operation: str, outcome: str, seconds: float) -> None:
        """Tell of an operation on a store that has just ended."""
        attributes = {"db.system.name": system, "db.operation.name": operation}
        self._tell(f"{system} {operation}", attributes, seconds, "" if outcome == "ok" else outcome)

    def sms(self, sender: str, outcome: str, seconds: float) -> None:
        """Tell of a message that a sender has just taken, or not."""
        attributes = {"latch.sms.sender": sender, "latch.sms.outcome": outcome}
        self._tell(f"sms {sender}", attributes, seconds, "" if outcome == "sent" else outcome)

    async def close(self) -> None:
        """Send what is left, in a thread because the SDK blocks, and give up after LAST_SECONDS.

        The SDK would go on trying for as long as its exporter likes: its `force_flush` does not keep its time limit
        (https://github.com/open-telemetry/opentelemetry-python/issues/4568).
        """
        sending = asyncio.create_task(asyncio.to_thread(self._provider.shutdown))
        done, _ = await asyncio.wait({sending}, timeout=LAST_SECONDS)
        if not done:
            self._give_up()
        await sending

    def _tell(self, name: str, attributes: Mapping[str, str], seconds: float, failure: str) -> None:
        """A span after the fact: it has no children, so nobody needs it while it lasts."""
        parent = _REQUEST.get()
        if parent is None or not parent.is_recording():  # the probes of /readyz, the sampler's choice
            return
        end = time.time_ns()
        span = self._tracer.start_span(
            name,
            context=trace.set_span_in_context(parent),
            kind=SpanKind.CLIENT,
            attributes=dict(attributes),
            start_time=end - int(seconds * 1e9),
        )
        if failure:
            span.set_attribute("error.type", failure)
            span.set_status(Status(StatusCode.ERROR))
        span.end(end)
