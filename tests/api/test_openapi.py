"""The OpenAPI document and its page."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
from openapi_spec_validator import validate

from service import VERSION
from service.http.errors import STATUS
from service.routes.openapi.components import Components
from tests.client import Api
from tests.conftest import Start

UNDESCRIBED = {".well-known/oauth-authorization-server/<path:path>"}  # the same again, where an issuer has a path
METHODS = {"get", "post", "put", "delete", "patch"}


def resolved(document: dict[str, Any], value: dict[str, Any]) -> Any:
    """What a reference is to; or the value itself."""
    for name in value["$ref"].split("/")[1:] if "$ref" in value else ():
        value = document = document[name]
    return value


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All of them."""
    for item in document["paths"].values():
        yield from (item[method] for method in METHODS & set(item))


def inline_objects(value: Any) -> Iterator[dict[str, Any]]:
    """Objects with properties of their own that have no name, from which a generator would make one up."""
    if isinstance(value, list):
        for one in value:
            yield from inline_objects(one)
    elif isinstance(value, dict):
        if value.get("type") == "object" and "allOf" not in value:
            yield value
        for key, one in value.items():
            yield from inline_objects(one) if key != "example" else ()


def check_makes_a_good_client(document: dict[str, Any], most_schemas: int) -> None:
    """Raise AssertionError where a client made of it would have names that nobody chose."""
    every = list(operations(document))
    ids = [one["operationId"] for one in every]
    assert [name for name in ids if not re.fullmatch("[a-z]+([A-Z][a-z]+)*", name)] == []
    assert [name for name, times in Counter(ids).items() if times > 1] == []
    assert {tag for one in every for tag in one["tags"]} == {tag["name"] for tag in document["tags"]}
    assert all(len(one["tags"]) == 1 and one["summary"] and one["description"] for one in every)
    assert list(inline_objects(document["paths"])) == []
    components = document["components"]
    assert [name for name in components["schemas"] if not re.fullmatch("([A-Z][a-z]+)+", name)] == []
    within = [inline for one in components["schemas"].values() for inline in inline_objects([*one.values()])]
    assert within == []
    assert len(components["schemas"]) <= most_schemas
    for one in every:
        for status, response in one["responses"].items():
            assert int(status) < 400 or response.keys() == {"$ref"}, one["operationId"]
    info, [server] = document["info"], document["servers"]
    assert info["version"] == VERSION
    assert info["license"]["name"] == "MIT"
    assert server["url"]


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
        if ".docs." not in route.name and route.path not in UNDESCRIBED
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
    whole = await document(api)
    for item in whole["paths"].values():
        for method in METHODS & set(item):
            for status, response in item[method]["responses"].items():
                if int(status) < 400:
                    continue
                content = resolved(whole, response)["content"]["application/json"]
                codes = resolved(whole, content["schema"])["properties"]["error"]["enum"]
                refresh = method == "put"
                for code in codes:
                    assert int(status) == STATUS[code] or (refresh and code == "session_ended" and status == "403")


async def test_the_document_makes_a_good_client(api: Api) -> None:
    check_makes_a_good_client(await document(api), most_schemas=60)


async def test_what_several_operations_say_is_said_once(api: Api) -> None:
    whole = await document(api)
    referred = Counter(re.findall(r"#/components/[a-z]+/[A-Za-z_-]+", str(whole)))
    for kind in ("schemas", "responses", "parameters"):
        assert all(referred[f"#/components/{kind}/{name}"] for name in whole["components"][kind])
    assert referred["#/components/responses/InvalidTokenOrSessionEnded"] > 5


def test_two_different_schemas_of_one_name_are_no_document() -> None:
    def answers(schema: dict[str, Any]) -> dict[str, Any]:
        return {"responses": {200: {"content": {"application/json": {"schema": {"title": "One", **schema}}}}}}

    components = Components()
    lifted = components.lift(answers({"type": "string"}))
    assert lifted["responses"]["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/One"}
    assert components.lift(answers({"type": "string"})) == lifted
    with pytest.raises(ValueError, match="schemas are called One"):
        components.lift(answers({"type": "integer"}))


@pytest.mark.parametrize("prefix", ["", "/latch"])
async def test_the_server_is_where_the_document_comes_from(api: Api, prefix: str) -> None:
    [server] = (await document(api))["servers"]
    assert urljoin(f"https://x{prefix}/docs/openapi.json", server["url"]) == f"https://x{prefix}/"


async def test_the_server_is_that_of_public_url(start: Start) -> None:
    api = await start(public_url="https://example.com/login/")
    assert (await document(api))["servers"] == [{"url": "https://example.com/login"}]


@pytest.mark.parametrize("prefix", ["", "/latch"])
async def test_the_page_asks_for_nothing_but_ours_behind_a_prefix_too(api: Api, prefix: str) -> None:
    response = await api.request("GET", "/docs")
    assert response.status_code == 200
    assert "text/html" in response.headers["content-type"]
    assert "<title>Latch</title>" in response.text
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    addresses = re.findall(r'(?:src|href)="(?!data:)([^"]*)"', response.text)
    assert len(addresses) == 5
    for address in addresses:
        path = urljoin(f"http://x{prefix}/docs", address).removeprefix(f"http://x{prefix}")
        assert path.startswith("/docs/")
        answer = await api.request("GET", path)
        assert answer.status_code == 200, path


async def test_the_page_with_a_slash_at_its_end_is_the_page(api: Api) -> None:
    response = await api.request("GET", "/docs/")
    assert response.status_code == 308
    assert urljoin("http://x/latch/docs/", response.headers["location"]) == "http://x/latch/docs"


@pytest.mark.parametrize("path", ["/docs/openapi.json", "/docs/swagger-ui-bundle.js"])
async def test_what_the_page_is_made_of_is_compressed_and_kept(api: Api, path: str) -> None:
    plain = await api.request("GET", path, headers={"Accept-Encoding": "identity"})
    packed = await api.request("GET", path, headers={"Accept-Encoding": "gzip"})
    assert packed.content == plain.content
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 3
    assert packed.headers["vary"] == "Accept-Encoding"
    assert packed.headers["cache-control"] != "no-store"
    again = await api.request("GET", path, headers={"If-None-Match": packed.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = await api.request("HEAD", path, headers={"Accept-Encoding": "gzip"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == packed.headers["etag"]


@pytest.mark.parametrize("name", ["LICENSE", "page.html", "..%2Fschemas.py", "nothing.js"])
async def test_no_other_file_is_served(api: Api, name: str) -> None:
    assert (await api.request("GET", f"/docs/{name}")).status_code == 404
