"""The OpenAPI document and its page."""

import re
from typing import Any
from urllib.parse import urljoin

import pytest
from openapi_spec_validator import validate

from service.http.errors import STATUS
from tests.client import Api

UNDESCRIBED = {".well-known/oauth-authorization-server/<path:path>"}  # the same again, where an issuer has a path
METHODS = {"get", "post", "put", "delete", "patch"}


async def document(api: Api) -> dict[str, Any]:
    response = await api.request("GET", "/docs/openapi.json")
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


async def test_the_document_is_valid_openapi(api: Api) -> None:
    described = await document(api)
    validate(described)
    assert described["info"]["title"] == "Latch"


async def test_every_route_is_described_with_a_summary_examples_and_its_failures(api: Api) -> None:
    paths = (await document(api))["paths"]
    described = {(method, path) for path, item in paths.items() for method in METHODS & set(item)}
    served = {
        (method.lower(), "/" + re.sub("<([a-z_]+)(:[a-z]+)?>", r"{\1}", route.path))
        for route in api.app.router.routes
        for method in route.methods - {"HEAD", "OPTIONS"}
        if ".openapi." not in route.name and route.path not in UNDESCRIBED
    }
    assert {(method, path.rstrip("/")) for method, path in described} == {
        (method, path.rstrip("/")) for method, path in served
    }
    for method, path in described:
        operation = paths[path][method]
        assert operation["summary"]
        assert "500" in operation["responses"]
        assert "default" not in operation["responses"]


async def test_the_documented_failures_have_the_statuses_of_the_table(api: Api) -> None:
    for item in (await document(api))["paths"].values():
        for method in METHODS & set(item):
            for status, response in item[method]["responses"].items():
                if int(status) < 400:
                    continue
                codes = response["content"]["application/json"]["schema"]["properties"]["error"]["enum"]
                refresh = method == "put"
                for code in codes:
                    assert int(status) == STATUS[code] or (refresh and code == "session_ended" and status == "403")


@pytest.mark.parametrize("prefix", ["", "/latch"])
async def test_the_page_shows_the_document_behind_a_prefix_too(api: Api, prefix: str) -> None:
    response = await api.request("GET", "/docs")
    assert response.status_code == 200
    assert "text/html" in response.headers["content-type"]
    addresses = re.findall(r'(?:spec-url|href)="([^"]*)"', response.text)
    assert len(addresses) == 2
    for address in addresses:
        assert urljoin(f"http://x{prefix}/docs", address) == f"http://x{prefix}/docs/openapi.json"
