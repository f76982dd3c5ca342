"""Traces on their way out of a real process, to a server that stands for a collector."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.client import BASE, MOBILE
from tests.processes import Service


class Collector(HTTPServer):
    """Stands for an OpenTelemetry collector."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[tuple[str, ExportTraceServiceRequest]] = []


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.slow
def test_spans_reach_the_collector_before_the_process_ends(folder: Path, collector: Collector) -> None:
    address = f"http://127.0.0.1:{collector.server_port}"
    with Service(folder, OTEL_EXPORTER_OTLP_ENDPOINT=address, OTEL_SERVICE_NAME="login") as service:
        service.log_in(MOBILE)
        assert service.stop() == 0
        assert "Traceback" not in service.text()
    assert {path for path, _ in collector.received} == {"/v1/traces"}
    groups = [group for _, request in collector.received for group in request.resource_spans]
    names = {span.name for group in groups for scope in group.scope_spans for span in scope.spans}
    assert {f"POST {BASE}/authorizations", "redis verify_code", "sqlite INSERT", "sms file"} <= names
    resource = {pair.key: pair.value.string_value for group in groups for pair in group.resource.attributes}
    assert resource["service.name"] == "login"
    assert MOBILE not in str(groups)
