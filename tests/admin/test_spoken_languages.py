"""What operators read of a failure: the API's by Accept-Language, a page's as its visitor has chosen."""

from typing import Any

import httpx
import pytest

from service.roles import Role
from tests.admin.conftest import ADMIN, Console
from tests.api.test_spoken_languages import check, is_chinese
from tests.client import Api

pytestmark = pytest.mark.slow

# Of each kind of refusal one: the role, the method, the path, the body, the error code.
REFUSED: list[tuple[Role | None, str, str, Any, str]] = [
    (None, "GET", "/users/1", None, "invalid_token"),
    (Role.LOOK, "GET", "/operators", None, "forbidden"),
    (Role.LOOK, "GET", "/users/42", None, "not_found"),
    (Role.LOOK, "GET", "/events?kind=x&ip=y&user_id=z&since=0&operator=", None, "invalid_request"),
    (Role.LOOK, "GET", "/events?cursor=x", None, "invalid_request"),
    (Role.LOOK, "POST", "/users/search", {"q": "a"}, "forbidden"),
    (Role.ACT, "POST", "/users/search", {"cursor": "x"}, "invalid_request"),
    (Role.ACT, "PATCH", "/users/42", {"name": "", "status": "odd"}, "invalid_request"),
    (Role.ACT, "DELETE", "/users/42", None, "invalid_request"),
    (Role.ACT, "GET", "/revocations/none", None, "not_found"),
    (Role.ACT, "POST", "/revocations", {"users": ["13800138000"]}, "invalid_request"),
    (Role.ACT, "POST", "/revocations", {"users": [], "prefix": 1, "ip": "x", "before": "x"}, "invalid_request"),
    (Role.OWNER, "POST", "/keys", {"name": "No", "role": "odd"}, "invalid_request"),
    (Role.OWNER, "POST", "/keys", {"name": "look", "role": "look"}, "invalid_request"),
    (Role.OWNER, "DELETE", "/keys/nobody", None, "not_found"),
    (Role.OWNER, "DELETE", "/operators/nobody", None, "not_found"),
    (Role.OWNER, "DELETE", "/operators/nobody/sessions/none", None, "not_found"),
]


async def test_each_refusal_is_told_in_the_language_of_its_caller(console: Console) -> None:
    for role, method, path, body, code in REFUSED:
        for language in ("zh-CN", "en"):
            headers = {"Accept-Language": language, "Cookie": "latch-language=en"}  # that is for pages
            key = console.keys[role] if role else None
            response = await console.ask(method, f"{ADMIN}{path}", key, json=body, headers=headers)
            check(response, code, language)


async def test_another_host_is_told_so_in_the_language_of_its_caller(console: Console) -> None:
    for language in ("zh-CN", "en"):
        headers = {"Host": "evil.example.com", "Accept-Language": language}
        check(await console.ask("GET", f"{ADMIN}/now", None, headers=headers), "invalid_request", language)


async def test_a_page_and_what_its_script_is_told_are_in_the_language_that_was_chosen(
    api: Api, console: Console
) -> None:
    headers = {
        "Accept-Language": "en",
        "Cookie": "latch-language=zh-CN",
        "Origin": console.app.ctx.settings.console_origin,
    }
    told = await console.ask("POST", "/enrol/options", None, json={"name": "nobody"}, headers=headers)
    check(told, "invalid_request", "zh-CN")
    page: httpx.Response = await console.ask("GET", "/static/nowhere", None, headers=headers)
    assert page.headers["content-type"].startswith("text/html")
    assert is_chinese(page.text)
    assert "There is nothing" not in page.text
