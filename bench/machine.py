"""What the figures were measured on: the machine, the versions, the state of the code."""

import json
import platform
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.contestants import KINDS
from bench.cores import Cores, available
from bench.generator import PEERS_PYTHON, Generator
from bench.servers import BenchError
from bench.stores import PostgresServer, RedisServer

ROOT = Path(__file__).parent.parent
OURS = ("sanic", "redis", "hiredis", "tortoise-orm", "asyncpg", "uvloop", "httptools", "orjson")


def header(generator: Generator, cores: Cores, redis: RedisServer, postgres: PostgresServer) -> dict[str, str]:
    """One line each."""
    peers = installed()
    of_peers = [f"{package} {peers[package.lower()]}" for kind in KINDS for package in kind.packages]
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": commit(),
        "machine": f"{processor_model()}, {_cores()}; {platform.system()} {platform.release()}",
        "cores": cores.text,
        "load": generator.title,
        "stores": f"{redis.title} over {'TCP' if redis.url.startswith('redis') else 'a Unix socket'}, {postgres.title}",
        "Latch": f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in OURS),
        "peers": ", ".join(of_peers),
    }


def installed() -> dict[str, str]:
    """The packages of the peers' environment. Raises BenchError where there is none."""
    if not PEERS_PYTHON.exists():
        raise BenchError("the peers' environment is not there; type: make bench")
    command = [str(PEERS_PYTHON), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"]
    listed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {package["name"].lower(): package["version"] for package in listed}


def processor_model() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def commit() -> str:
    """The commit that is measured, and whether it was changed since."""

    def git(*words: str) -> str:
        with suppress(OSError):
            done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
            return done.stdout.strip()
        return ""

    named = git("rev-parse", "--short", "HEAD") or "unknown"
    return f"{named} with changes" if git("status", "--porcelain") else named


def _cores() -> str:
    number = len(available())
    return f"{number} core{'s' if number > 1 else ''}"
