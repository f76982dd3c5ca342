"""The OpenAPI document of the private listener, and its page."""

import pytest
from openapi_spec_validator import validate

from service.http.errors import STATUS
from tests.admin.conftest import ADMIN, StartConsole
from tests.admin.test_roles import REASON_DUE, ROUTES
from tests.api.test_openapi import METHODS, check_makes_a_good_client, resolved

pytestmark = pytest.mark.slow


async def test_every_route_is_described_with_its_failures_and_takes_a_key(start_console: StartConsole) -> None:
    console = await start_console(with_keys=False)
    response = await console.ask("GET", "/docs/openapi.json", None)
    document = response.json()
    validate(document)
    assert document["info"]["title"] == "Latch, for operators"
    assert list(document["components"]["securitySchemes"]) == ["key"]
    described = {
        (method.upper(), path.rstrip("/")): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }
    routes, due = (
        {(method, f"{ADMIN}{path}".replace("<", "{").replace(">", "}")) for method, path in those}
        for those in (ROUTES, REASON_DUE)
    )
    assert set(described) == routes | {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics")}
    for route in routes:
        operation = described[route]
        assert operation["security"] == [{"key": []}], route
        assert {"401", "403", "500", "503"} <= set(operation["responses"]), route
        parameters = [resolved(document, one) for one in operation["parameters"]]
        [reason] = [one for one in parameters if one["name"] == "X-Reason"]
        assert reason["required"] == (route in due), route
        for status, failure in operation["responses"].items():
            if int(status) >= 400:
                content = resolved(document, failure)["content"]["application/json"]
                codes = resolved(document, content["schema"])["properties"]["error"]["enum"]
                assert {STATUS[code] for code in codes} == {int(status)}, route


async def test_the_document_makes_a_good_client(start_console: StartConsole) -> None:
    console = await start_console(with_keys=False, console_url="https://latch.internal:8443")
    document = (await console.ask("GET", "/docs/openapi.json", None)).json()
    check_makes_a_good_client(document, most_schemas=110)
    assert document["servers"] == [{"url": "https://latch.internal:8443"}]


async def test_the_page_shows_the_document(start_console: StartConsole) -> None:
    console = await start_console(with_keys=False)
    response = await console.ask("GET", "/docs", None)
    assert response.status_code == 200
    assert "docs/openapi.json" in response.text
    assert "Latch, for operators" in response.text
