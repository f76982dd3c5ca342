"""An operator at the console, without a browser: the pages as they come, and their forms as they are sent."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from service.entities import Device
from service.http.console import COOKIE
from service.roles import Role
from tests.admin.conftest import Console

TAGS = re.compile(r"<[^>]*>")


class Visitor:
    """Somebody with a session; `cookie` is empty for a stranger."""

    def __init__(self, console: Console, cookie: str = "", csrf: str = "") -> None:
        self.console = console
        self.cookie = cookie
        self.csrf = csrf

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self._ask("GET", path, headers)

    async def post(self, path: str, form: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """Send a form of the page: with its token, unless `form` brings another."""
        origin = {"Origin": self.console.app.ctx.settings.console_address}
        return await self._ask("POST", path, origin | headers, data={"csrf": self.csrf, **(form or {})})

    async def shown(self, path: str, **headers: str) -> str:
        """What people read on a page."""
        response = await self.get(path, **headers)
        assert response.status_code == 200, (response.status_code, response.text)
        return text_of(response)

    async def done(self, path: str, form: dict[str, Any] | None = None) -> str:
        """Send a form, and read the page that the browser is sent to."""
        response = await self.post(path, form)
        assert response.status_code == 303, (response.status_code, text_of(response))
        return await self.shown(response.headers["location"])

    async def _ask(self, method: str, path: str, headers: dict[str, str], **options: Any) -> httpx.Response:
        cookie = {"Cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {}
        sent = {**cookie, **headers}
        return await self.console.ask(method, path, None, headers=sent, follow_redirects=False, **options)


def text_of(response: httpx.Response) -> str:
    """The words of a page, without its tags."""
    return " ".join(TAGS.sub(" ", response.text).split())


LogIn = Callable[[Role], Awaitable[Visitor]]


@pytest.fixture
def log_in(console: Console) -> LogIn:
    """Begin a session of an operator of this role, who is named like it."""

    async def begin(role: Role) -> Visitor:
        context = console.app.ctx
        if role.value not in [operator.name for operator in await context.operators.all()]:
            await context.operators.add(role.value, role)
        cookie = await context.operator_sessions.begin(role.value, None, Device("Firefox on Debian", "192.0.2.7"))
        return Visitor(console, cookie, (await context.operator_sessions.identify(cookie)).csrf)

    return begin


@pytest.fixture
async def looker(log_in: LogIn) -> Visitor:
    return await log_in(Role.LOOK)


@pytest.fixture
async def actor(log_in: LogIn) -> Visitor:
    return await log_in(Role.ACT)


@pytest.fixture
async def owner(log_in: LogIn) -> Visitor:
    return await log_in(Role.OWNER)


@pytest.fixture
def stranger(console: Console) -> Visitor:
    return Visitor(console)
