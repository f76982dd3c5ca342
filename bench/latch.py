"""Latch itself, as it ships: `python run.py` with the settings' defaults, and what it needs for its logins.

Codes and sessions are written by the service's own code, so that they are what they are whatever it makes of them.
TRUSTED_PROXIES is 1, and every login comes from an address of its own: the limits are on, and none is reached.
"""

import asyncio
import itertools
import json
import secrets
import subprocess
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, closing
from http.client import HTTPConnection
from pathlib import Path

import config
from bench.cores import Set
from bench.generator import PATH, request
from bench.servers import PYTHON, BenchError, Server
from config import Settings
from service.backing import connections, limits_of
from service.code_issuer import CodeIssuer
from service.events import Events
from service.stores.codes import CodeStore
from tests.processes import free_port

RUN = str(Path(__file__).parent.parent / "run.py")
PEPPER = secrets.token_hex(32)
AT_ONCE = 64
OK = 200
ADDRESSES = itertools.count(1)


class Latch(Server):
    """One Latch. Where `redis` is empty it brings its own, with all that it keeps in `data`."""

    def __init__(
        self, folder: Path, cores: Set, *, redis: str = "", database: str = "", workers: int = 1, data: str = ""
    ) -> None:
        port = free_port()
        chosen: dict[str, object] = {"REDIS_URL": redis, "CODE_PEPPER": PEPPER} if redis else {}
        if database:
            chosen["DATABASE_URL"] = database
        settings = {
            **chosen,
            "PORT": port,
            "ADMIN_PORT": 0,
            "DATA_DIR": folder / (data or f"data-{port}"),
            "WORKERS": workers,
            "TRUSTED_PROXIES": 1,
        }
        self.settings = settings
        command = [PYTHON, RUN]
        super().__init__("Latch", command, port=port, cores=cores, folder=folder, ready="/readyz", environment=settings)

    def migrate(self) -> "Latch":
        """Make its tables, where it does not do so itself."""
        done = subprocess.run(
            [PYTHON, RUN, "migrate"],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchError(f"python run.py migrate failed:\n{done.stdout}{done.stderr}")
        return self

    def issue(self, mobiles: Sequence[str]) -> list[bytes]:
        """Issue a code to each number, as if it had been sent. Answers the requests that log in with them."""
        return asyncio.run(_issue(self._loaded(), mobiles))

    def answer(self, token: str) -> str:
        """What it answers to a check of this token, which must be live."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request("GET", PATH, headers={"Authorization": f"Bearer {token}"})
            response = connection.getresponse()
            text = response.read().decode()
        if response.status != OK:
            raise BenchError(f"a session that should be live is not: {response.status} {text}")
        return text

    def _loaded(self) -> Settings:
        """The settings as the process reads them, but from here."""
        named = {name.lower(): value for name, value in self.settings.items()}
        return config.load(_env_file=None, **named)


async def _issue(settings: Settings, mobiles: Sequence[str]) -> list[bytes]:
    async with _issuer(settings) as issuer:
        issued: list[bytes] = []
        for some in _in_groups(mobiles):
            made = await asyncio.gather(*(issuer.issue(mobile) for mobile in some))
            issued += [login(mobile, code.digits) for mobile, code in zip(some, made, strict=True)]
        return issued


@asynccontextmanager
async def _issuer(settings: Settings) -> AsyncIterator[CodeIssuer]:
    connection, database = connections(settings)
    limits = limits_of(settings, connection, Events(), time.time)
    yield CodeIssuer(settings, CodeStore(connection), limits, time.time)
    await connection.close()
    await database.close()


def _in_groups(mobiles: Sequence[str]) -> Iterable[Sequence[str]]:
    return (mobiles[start : start + AT_ONCE] for start in range(0, len(mobiles), AT_ONCE))


def login(mobile: str, code: str) -> bytes:
    """A request that logs in, from an address of its own."""
    number = next(ADDRESSES)
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    body = json.dumps({"mobile": mobile, "code": code}).encode()
    return request(method="POST", body=body, X_Forwarded_For=address)
