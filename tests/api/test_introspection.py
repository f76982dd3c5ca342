"""`/introspect` (RFC 7662), and what says where it is (RFC 8414)."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7662 import IntrospectTokenValidator
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from tests.client import BASE, Api, bearer, error
from tests.conftest import Clock, Start

INTROSPECT = f"{BASE}/introspect"
METADATA = "/.well-known/oauth-authorization-server"
OLD_KEY, NEW_KEY = "the-old-key-of-the-backends", "the-new-key-of-the-backends"
ODD_KEY = "a key: 50%+20 of Zoë's with/every=thing"
NAMED_KEY = "0123456789abcdef0123456789abcdef"
PUBLIC_URL = "https://login.example.com"


@pytest.fixture
async def backend(start: Start) -> Api:
    """A service with two keys, as while one is rotated, and others."""
    return await start(service_keys=f"{OLD_KEY}, {NEW_KEY}, orders={NAMED_KEY}")


async def introspect(api: Api, token: str, key: str = NEW_KEY) -> httpx.Response:
    return await ask(api, {"token": token}, bearer(key))


async def ask(api: Api, form: dict[str, Any], headers: Mapping[str, str] | None = None) -> httpx.Response:
    return await api.request("POST", INTROSPECT, data=form, headers=headers or {})


def basic(key: str, user: str = "orders") -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{key}".encode()).decode()}


def client(api: Api, method: str) -> AsyncOAuth2Client:
    return AsyncOAuth2Client("orders", NAMED_KEY, token_endpoint_auth_method=method, trust_env=False)


def address(api: Api) -> str:
    return f"http://127.0.0.1:{api.port}{INTROSPECT}"


async def test_a_live_access_token_is_described_without_an_envelope(backend: Api, clock: Clock) -> None:
    tokens = await backend.log_in()
    for key in (OLD_KEY, NEW_KEY):
        response = await introspect(backend, tokens["token"], key)
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-store"
        answer = response.json()
        assert clock() + tokens["expires_in"] <= answer.pop("exp") <= clock() + 3600
        assert answer == {
            "active": True,
            "sub": str(tokens["user_id"]),
            "sid": tokens["session_id"],
            "iat": int(clock()),
            "token_type": "Bearer",
            "client_id": "latch",
            "username": str(tokens["user_id"]),
        }


async def test_whatever_is_not_live_is_inactive_and_nothing_else(backend: Api, clock: Clock) -> None:
    tokens, ended, expired = await backend.log_in(), await backend.log_in(), await backend.log_in()
    await backend.log_out(ended["token"])
    inactive = [tokens["refresh_token"], ended["token"], "junk", "A" * 64, "é" * 64, "\x00"]
    for token in inactive:
        response = await introspect(backend, token)
        assert (response.status_code, response.json()) == (200, {"active": False}), token
    clock.wait(3601)
    assert (await introspect(backend, expired["token"])).json() == {"active": False}


@pytest.mark.parametrize("key", [NEW_KEY, NAMED_KEY])
async def test_a_key_is_taken_in_each_of_its_ways(backend: Api, key: str) -> None:
    form = {"token": (await backend.log_in())["token"]}
    as_post = {**form, "client_id": "orders", "client_secret": key}
    ways: list[tuple[dict[str, str], dict[str, str]]] = [
        (form, bearer(key)),
        (form, {"Authorization": f"bEARER  {key}"}),
        (form, basic(key)),
        (form, basic(key, user="")),
        (form, basic(key, user="any%3Aone")),
        (form, {"Authorization": basic(key)["Authorization"].replace("Basic", "basic")}),
        ({**form, "client_id": "orders"}, basic(key)),
        (as_post, {}),
        ({**form, "client_secret": key}, {}),
        ({**as_post, "client_secret": key, "token_type_hint": "something_new"}, {}),
    ]
    for fields, headers in ways:
        response = await ask(backend, fields, headers)
        assert (response.status_code, response.json().get("active")) == (200, True), (fields, headers)


@pytest.mark.parametrize("encode", [str, quote_plus], ids=["as it stands", "form-encoded"])
async def test_a_password_may_be_form_encoded_or_not(start: Start, encode: Any) -> None:
    api = await start(service_keys=ODD_KEY)
    tokens = await api.log_in()
    assert (await ask(api, {"token": tokens["token"]}, basic(encode(ODD_KEY)))).json()["active"] is True
    assert (await ask(api, {"token": tokens["token"], "client_secret": ODD_KEY})).json()["active"] is True


async def test_keys_in_two_ways_are_refused(backend: Api) -> None:
    form, in_form = {"token": "x"}, {"token": "x", "client_id": "orders", "client_secret": NEW_KEY}
    twice = httpx.Headers([("authorization", bearer(NEW_KEY)["Authorization"]), *basic(NEW_KEY).items()])
    ways: list[tuple[dict[str, str], Mapping[str, str]]] = [
        (in_form, basic(NEW_KEY)),
        (in_form, bearer(NEW_KEY)),
        (form, twice),
    ]
    for fields, headers in ways:
        response = await ask(backend, fields, headers)
        assert error(response) == (400, "invalid_request")
        assert "one way" in response.json()["message"]


async def test_without_a_service_key_nothing_is_told(backend: Api, caplog: pytest.LogCaptureFixture) -> None:
    tokens = await backend.log_in()
    both = 'Bearer realm="latch", Basic realm="latch", charset="UTF-8"'
    refused: list[tuple[dict[str, Any], str]] = [
        ({}, both),
        (bearer("wrong"), 'Bearer realm="latch", error="invalid_token"'),
        (bearer(tokens["token"]), "Bearer "),
        (bearer(NEW_KEY[:-1]), "Bearer "),
        (bearer(f"{OLD_KEY},{NEW_KEY}"), "Bearer "),
        (bearer(f"orders={NAMED_KEY}"), "Bearer "),
        (basic("wrong"), 'Basic realm="latch", charset="UTF-8"'),
        (basic("", user=NEW_KEY), "Basic "),
        ({"Authorization": f"Basic {NEW_KEY}"}, "Basic "),
        ({"Authorization": "Basic é"}, "Basic "),
        ({"Authorization": "Bearer"}, both),
        ({"Authorization": f"Digest {NEW_KEY}"}, both),
    ]
    for headers, challenge in refused:
        encoded = {name: value.encode() for name, value in headers.items()}
        response = await backend.request("POST", INTROSPECT, data={"token": tokens["token"]}, headers=encoded)
        assert error(response) == (401, "invalid_client"), headers
        assert response.headers["www-authenticate"].startswith(challenge), headers
    response = await ask(backend, {"token": tokens["token"], "client_id": "orders", "client_secret": "wrong"})
    assert error(response) == (401, "invalid_client")
    assert sum(record.message == "introspection_refused" for record in caplog.records) == len(refused) + 1


async def test_without_any_service_key_set_nobody_may_ask(api: Api) -> None:
    assert error(await introspect(api, "junk", NEW_KEY)) == (401, "invalid_client")


async def test_the_log_says_by_the_name_of_its_key_who_asked(backend: Api, caplog: pytest.LogCaptureFixture) -> None:
    for key in (NAMED_KEY, NEW_KEY, "wrong"):
        await introspect(backend, "junk", key)
    lines = [vars(record) for record in caplog.records if "/introspect" in record.getMessage()]
    assert [(line["status"], line.get("client")) for line in lines] == [(200, "orders"), (200, None), (401, None)]
    assert NAMED_KEY not in str(lines)


async def test_a_form_is_due_and_what_else_comes_is_told_so(backend: Api) -> None:
    for options in ({"json": {"token": "x"}}, {"content": b"token=x"}, {"files": {"token": b"x"}}):
        response = await backend.request("POST", INTROSPECT, headers=bearer(NEW_KEY), **options)
        assert error(response) == (415, "unsupported_media_type")
        assert "application/x-www-form-urlencoded" in response.json()["message"]
    compressed = {**bearer(NEW_KEY), "Content-Encoding": "gzip"}
    response = await ask(backend, {"token": "x"}, compressed)
    assert error(response) == (415, "unsupported_media_type")
    assert response.headers["accept-encoding"] == "identity"


async def test_a_form_with_a_charset_is_read(backend: Api) -> None:
    headers = {**bearer(NEW_KEY), "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}
    response = await backend.request("POST", INTROSPECT, content=b"token=x", headers=headers)
    assert response.json() == {"active": False}


@pytest.mark.parametrize("content", [b"", b"token=", b"other=x", b"token", b"\xff=\xff"])
async def test_a_token_that_is_missing_is_named(backend: Api, content: bytes) -> None:
    headers = {**bearer(NEW_KEY), "Content-Type": "application/x-www-form-urlencoded"}
    response = await backend.request("POST", INTROSPECT, content=content, headers=headers)
    assert error(response) == (400, "invalid_request")
    assert response.json()["fields"] == {"token": "is missing"}


async def test_what_is_sent_twice_is_named(backend: Api) -> None:
    response = await ask(backend, {"token": ["a", "b"], "client_secret": [NEW_KEY, NEW_KEY], "resource": ["a", "b"]})
    assert error(response) == (400, "invalid_request")
    assert set(response.json()["fields"]) == {"token", "client_secret"}


async def test_a_broken_store_is_not_told_as_an_inactive_token(start: Start) -> None:
    api = await start(redis_url="redis://127.0.0.1:1", service_keys=NEW_KEY)
    assert error(await introspect(api, "A" * 64)) == (503, "service_unavailable")


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_authlib_introspects(backend: Api, method: str) -> None:
    tokens = await backend.log_in()
    async with client(backend, method) as oauth:
        live = (await oauth.introspect_token(address(backend), tokens["token"], "access_token")).json()
        assert (live["active"], live["sub"]) == (True, str(tokens["user_id"]))
        await backend.log_out(tokens["token"])
        assert (await oauth.introspect_token(address(backend), tokens["token"])).json() == {"active": False}
        oauth.client_secret = "wrong"
        refused = await oauth.introspect_token(address(backend), tokens["token"])
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


async def test_authlibs_validator_takes_the_answer(backend: Api) -> None:
    tokens = await backend.log_in()
    validator = IntrospectTokenValidator()
    answer = (await introspect(backend, tokens["token"])).json()
    validator.validate_token(answer, None, None)


async def test_metadata_is_made_from_the_public_url_and_never_from_a_host(start: Start) -> None:
    api = await start(public_url=f"{PUBLIC_URL}/")
    response = await api.request("GET", METADATA, headers={"Host": "evil.example"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    described = AuthorizationServerMetadata(response.json())
    described.validate_issuer()
    described.validate_response_types_supported()
    described.validate_introspection_endpoint()
    described.validate_introspection_endpoint_auth_methods_supported()
    assert described.issuer == PUBLIC_URL
    assert described.introspection_endpoint == f"{PUBLIC_URL}{INTROSPECT}"
    assert {"client_secret_basic", "client_secret_post"} < set(described.introspection_endpoint_auth_methods_supported)


async def test_an_issuer_with_a_path_is_found_where_the_standard_has_it(start: Start) -> None:
    api = await start(public_url=f"{PUBLIC_URL}/latch")
    for path in (METADATA, f"{METADATA}/latch"):
        response = await api.request("GET", path)
        assert response.json()["introspection_endpoint"] == f"{PUBLIC_URL}/latch{INTROSPECT}"
    for path in (f"{METADATA}/other", f"{METADATA}/latch/more"):
        assert error(await api.request("GET", path)) == (404, "not_found")


async def test_without_a_public_url_there_is_no_metadata(api: Api) -> None:
    for path in (METADATA, f"{METADATA}/", f"{METADATA}/latch"):
        assert error(await api.request("GET", path)) == (404, "not_found")
