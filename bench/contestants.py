"""Who is measured beside Latch: each in one process of its own, served as its documentation recommends."""

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from redis import Redis

from bench.cores import Set
from bench.generator import PATH, PEERS_PYTHON
from bench.latch import login
from bench.servers import BenchError, Server
from tests.processes import free_port

PEERS = Path(__file__).parent / "peers"
CODE = "246810"
CODE_LIFE = 600
GTHREAD = "gunicorn, 1 worker, 8 threads"


@dataclass(frozen=True, slots=True)
class Kind:
    """`served` says how; `packages` are those whose versions the report names."""

    key: str
    title: str
    packages: tuple[str, ...]
    served: str
    logs_in: bool = True
    scheme: str = "Bearer"

    def command(self, port: int) -> list[str]:
        if self.served == "sanic":
            return [str(PEERS_PYTHON), str(PEERS / f"{self.key}.py")]
        binary = str(PEERS_PYTHON.parent)
        if self.served == GTHREAD:
            options = ["--worker-class=gthread", "--workers=1", "--threads=8", "--keep-alive=75"]
            return [f"{binary}/gunicorn", *options, f"--chdir={PEERS}", f"--bind=127.0.0.1:{port}", self.application]
        return [f"{binary}/uvicorn", f"--app-dir={PEERS}", f"--port={port}", "--no-access-log", self.application]

    @property
    def application(self) -> str:
        return f"{self.key}:{'application' if self.key.startswith('django') else 'app'}"


BARE = Kind("bare_sanic", "bare Sanic", ("sanic",), "sanic", logs_in=False)
JWT = Kind("sanic_jwt", "Sanic + PyJWT, stateless", ("PyJWT",), "sanic", logs_in=False)
FLASK = Kind(
    "flask_tutorial",
    "Flask + SQLAlchemy + itsdangerous",
    ("Flask", "SQLAlchemy", "itsdangerous", "gunicorn", "psycopg"),
    GTHREAD,
)
FASTAPI = Kind(
    "fastapi_users_redis", "fastapi-users with Redis", ("fastapi", "fastapi-users", "uvicorn"), "uvicorn, 1 worker"
)
KNOX = Kind(
    "django_knox",
    "django-rest-knox",
    ("Django", "djangorestframework", "django-rest-knox"),
    GTHREAD,
    scheme="Token",
)
KINDS = (BARE, JWT, FLASK, FASTAPI, KNOX)


class Peer(Server):
    """One of them."""

    def __init__(self, kind: Kind, folder: Path, cores: Set, *, redis: str, database: str, body: str) -> None:
        port = free_port()
        given = {
            "PORT": port,
            "BODY": body,
            "SECRET": secrets.token_hex(32),
            "REDIS_URL": redis,
            "DATABASE_URL": database,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        super().__init__(kind.title, kind.command(port), port=port, cores=cores, folder=folder, environment=given)
        self.kind = kind
        self._redis = redis

    def issue(self, mobiles: Sequence[str]) -> list[bytes]:
        """Lay a code for each number where its login looks for it. Answers the requests that log in with them."""
        with Redis.from_url(self._redis) as client, client.pipeline(transaction=False) as pipeline:
            for mobile in mobiles:
                pipeline.set(f"app:code:{mobile}", CODE, ex=CODE_LIFE)
            pipeline.execute()
        return [login(mobile, CODE) for mobile in mobiles]

    def authorization(self) -> str:
        """The header of a check, after a login. The bare handler looks at nothing, and is sent as much all the same."""
        if self.kind is BARE:
            return f"Bearer {secrets.token_urlsafe(48)}"
        mobile = f"137{os.getpid() % 10**8:08d}"
        self.issue([mobile])
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        body = json.dumps({"mobile": mobile, "code": CODE})
        connection.request("POST", PATH, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        if response.status != 200:
            raise BenchError(f"{self.name} let nobody log in: {response.status} {text}")
        return f"{self.kind.scheme} {json.loads(text)['token']}"
