"""A client of the HTTP API with one method per endpoint."""

from typing import Any, Protocol

import httpx

from tests.failure_texts import is_translated

BASE = "/app/v1_0"
MOBILE = "13800138000"


class Phone(Protocol):
    """Where codes arrive."""

    def code(self, mobile: str) -> str: ...


class Api:
    """Speaks to one server over a real socket."""

    def __init__(self, client: Any, phone: Phone) -> None:
        self._client = client
        self.phone = phone

    @property
    def app(self) -> Any:
        return self._client.app

    @property
    def port(self) -> int:
        return int(self._client.port)

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        send = getattr(self._client, method.lower())  # pytest-sanic's client has one method for each of HTTP's
        response: httpx.Response = await send(path, **options)
        return response

    async def stop(self) -> None:
        """Stop the server, as at the end of the test."""
        await self._client.close()

    async def send_code(self, mobile: Any = MOBILE, *, purpose: str = "login", **headers: str) -> httpx.Response:
        body = {"mobile": mobile, **({} if purpose == "login" else {"purpose": purpose})}
        return await self.request("POST", f"{BASE}/sms/codes", json=body, headers=headers)

    async def code_for(self, purpose: str, mobile: str, token: str) -> str:
        """Ask for a code of this purpose, and read it on the phone."""
        response = await self.send_code(mobile, purpose=purpose, **bearer(token))
        assert response.status_code == 200, response.text
        return self.phone.code(mobile)

    async def post_login(self, mobile: Any, code: Any, **headers: str) -> httpx.Response:
        body = {"mobile": mobile, "code": code}
        return await self.request("POST", f"{BASE}/authorizations", json=body, headers=headers)

    async def refresh(self, token: str, **headers: str) -> httpx.Response:
        return await self.request("PUT", f"{BASE}/authorizations", headers=bearer(token) | headers)

    async def check(self, token: str) -> httpx.Response:
        return await self.request("GET", f"{BASE}/authorizations", headers=bearer(token))

    async def log_out(self, token: str) -> httpx.Response:
        return await self.request("DELETE", f"{BASE}/authorizations", headers=bearer(token))

    async def who(self, token: str) -> httpx.Response:
        return await self.request("GET", f"{BASE}/user", headers=bearer(token))

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """As `request`, with a body whatever the method."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", trust_env=False) as client:
            return await client.request(method, path, **options)

    async def rename(self, token: str, name: Any) -> httpx.Response:
        return await self.request("PATCH", f"{BASE}/user", json={"name": name}, headers=bearer(token))

    async def change_mobile(self, token: str, body: Any) -> httpx.Response:
        return await self.request("PUT", f"{BASE}/user/mobile", json=body, headers=bearer(token))

    async def erase(self, token: str, code: str, *, by_post: bool = False) -> httpx.Response:
        method, path = ("POST", "/user/erase") if by_post else ("DELETE", "/user")
        return await self.send(method, f"{BASE}{path}", json={"code": code}, headers=bearer(token))

    async def new_code(self, mobile: str = MOBILE) -> str:
        """Ask for a code and read it on the phone."""
        response = await self.send_code(mobile)
        assert response.status_code == 200, response.text
        return self.phone.code(mobile)

    async def log_in(self, mobile: str = MOBILE, **headers: str) -> dict[str, Any]:
        """Log in and answer the tokens."""
        response = await self.post_login(mobile, await self.new_code(mobile), **headers)
        assert response.status_code == 200, response.text
        data: dict[str, Any] = response.json()["data"]
        return data

    async def is_live(self, token: str) -> bool:
        response = await self.check(token)
        assert response.status_code in {200, 401}, response.text
        return response.status_code == 200


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def error(response: httpx.Response) -> tuple[int, str]:
    """The status and the error code of a failure, whose envelope is checked on the way."""
    body = response.json()
    assert set(body) >= {"message", "error", "request_id"}
    assert body["request_id"] == response.headers["x-request-id"]
    assert response.headers["cache-control"] == "no-store"
    if response.headers.get("content-language") == "en":  # what a gateway or a guard says by itself tells none
        said = [body["message"], *body.get("fields", {}).values()]
        assert [text for text in said if not is_translated(text)] == []
    return response.status_code, body["error"]
