"""`/introspect` (RFC 7662)."""

from typing import Any

import httpx
import pytest

from tests.client import BASE, Api, bearer, error
from tests.conftest import Clock, Start

INTROSPECT = f"{BASE}/introspect"
OLD_KEY, NEW_KEY = "the-old-key-of-the-backends", "the-new-key-of-the-backends"


@pytest.fixture
async def backend(start: Start) -> Api:
    """A service with two keys, as while one is rotated."""
    return await start(service_keys=f"{OLD_KEY}, {NEW_KEY}")


async def introspect(api: Api, token: str, key: str = NEW_KEY) -> httpx.Response:
    return await api.request("POST", INTROSPECT, data={"token": token}, headers=bearer(key))


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
        }


async def test_whatever_is_not_live_is_inactive_and_nothing_else(backend: Api, clock: Clock) -> None:
    tokens, ended, expired = await backend.log_in(), await backend.log_in(), await backend.log_in()
    await backend.log_out(ended["token"])
    inactive = [tokens["refresh_token"], ended["token"], "junk", "A" * 64, "é" * 64]
    for token in inactive:
        response = await introspect(backend, token)
        assert (response.status_code, response.json()) == (200, {"active": False}), token
    clock.wait(3601)
    assert (await introspect(backend, expired["token"])).json() == {"active": False}


async def test_without_a_service_key_nothing_is_told(backend: Api, caplog: pytest.LogCaptureFixture) -> None:
    tokens = await backend.log_in()
    refused: list[dict[str, Any]] = [
        {},
        bearer("wrong"),
        bearer(tokens["token"]),
        bearer(NEW_KEY[:-1]),
        bearer(f"{OLD_KEY},{NEW_KEY}"),
        {"Authorization": f"Basic {NEW_KEY}"},
    ]
    for headers in refused:
        response = await backend.request("POST", INTROSPECT, data={"token": tokens["token"]}, headers=headers)
        assert error(response) == (401, "invalid_token")
        assert response.headers["www-authenticate"].startswith("Bearer")
    assert sum(record.message == "introspection_refused" for record in caplog.records) == len(refused)


async def test_without_any_service_key_set_nobody_may_ask(api: Api) -> None:
    assert error(await introspect(api, "junk", NEW_KEY)) == (401, "invalid_token")


async def test_input_of_another_form_is_refused(backend: Api) -> None:
    response = await backend.request("POST", INTROSPECT, json={"token": "x"}, headers=bearer(NEW_KEY))
    assert error(response) == (415, "unsupported_media_type")
    response = await backend.request("POST", INTROSPECT, data={"other": "x"}, headers=bearer(NEW_KEY))
    assert error(response) == (400, "invalid_request")
    assert set(response.json()["fields"]) == {"token"}


async def test_a_broken_store_is_not_told_as_an_inactive_token(start: Start) -> None:
    api = await start(redis_url="redis://127.0.0.1:1", service_keys=NEW_KEY)
    assert error(await introspect(api, "A" * 64)) == (503, "service_unavailable")
