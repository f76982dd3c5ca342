"""The private listener in this process, beside the public one, on the same stores."""

import itertools
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from _pytest.logging import LogCaptureHandler
from sanic_ext.extensions.openapi.builders import SpecificationBuilder

from config import Settings
from service import admin
from service.http.requests import App
from service.roles import Role
from service.senders import Failover
from tests.client import Api
from tests.conftest import Clock, Outbox

ADMIN = "/admin/v1"
HOST = "localhost:8001"


class Console:
    """Speaks to the private listener as a program with a key does."""

    def __init__(self, api: Api, host: str = HOST) -> None:
        self._api = api
        self._host = host
        self.keys: dict[Role, str] = {}

    @property
    def app(self) -> Any:
        return self._api.app

    @property
    def port(self) -> int:
        return self._api.port

    async def stop(self) -> None:
        await self._api.stop()

    async def ask(self, method: str, path: str, key: str | None, **options: Any) -> httpx.Response:
        headers = {"Host": self._host, **({"Authorization": f"Bearer {key}"} if key else {})}
        headers |= options.pop("headers", {})
        return await self._api.request(method, path, headers=headers, **options)

    async def as_role(self, role: Role, method: str, path: str, **options: Any) -> httpx.Response:
        return await self.ask(method, f"{ADMIN}{path}", self.keys[role], **options)

    async def act(self, method: str, path: str, **options: Any) -> Any:
        """What an `act` key is answered, where all is well."""
        response = await self.as_role(Role.ACT, method, path, **options)
        assert response.status_code in {200, 201, 202, 204}, response.text
        return response.json()["data"] if response.content else None


_apps = itertools.count()
StartConsole = Callable[..., Awaitable[Console]]


@pytest.fixture
def _documents_apart() -> Iterator[None]:
    """sanic-ext keeps one document per process, where a service has one app."""
    SpecificationBuilder.reset()  # type: ignore[no-untyped-call]
    yield
    SpecificationBuilder.reset()  # type: ignore[no-untyped-call]


@pytest.fixture
def start_console(
    _documents_apart: None, make_settings: Callable[..., Settings], sanic_client: Any, clock: Clock, outbox: Outbox
) -> StartConsole:
    """Start a private listener, with a key of each role. Settings that are passed win; `prepare` gets the app first."""

    async def starter(
        *, with_keys: bool = True, prepare: Callable[[App], object] = lambda _: None, **overrides: Any
    ) -> Console:
        settings = make_settings(**{"admin_port": 8001, **overrides})
        sender = Failover([("outbox", outbox)], settings.sms_timeout, lambda *_: None)
        app = admin.build(settings, name=f"latch-admin-{next(_apps)}", clock=clock, sender=sender)
        app.config.TOUCHUP = False
        prepare(app)
        caplogs = [handler for handler in logging.root.handlers if isinstance(handler, LogCaptureHandler)]
        client = await sanic_client(app, verify=False, trust_env=False)
        logging.root.handlers += [handler for handler in caplogs if handler not in logging.root.handlers]
        console = Console(Api(client, outbox), settings.console_host)
        for role in Role if with_keys else ():
            console.keys[role] = await app.ctx.keys.add(role.value, role)
        return console

    return starter


@pytest.fixture
async def console(api: Api, start_console: StartConsole) -> Console:
    """The private listener of the same stores as `api`."""
    return await start_console()
