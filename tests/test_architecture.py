"""The structure of the house: arrows one way, each thing in its one place."""

import ast
import re
from pathlib import Path

import pytest

from service import errors
from service.errors import ServiceError
from service.http.errors import REFUSALS, STATUS

ROOT = Path(__file__).parent.parent
SOURCES = [
    ROOT / "config.py",
    ROOT / "run.py",
    *(ROOT / "settings").glob("*.py"),
    *(ROOT / "service").rglob("*.py"),
    *(ROOT / "models").glob("*.py"),
]

# Who may be imported by whom, by the longest prefix that fits. `service` alone means the files directly in it.
ALLOWED: dict[str, set[str]] = {
    "settings": {"settings"},
    "settings.__main__": {"config", "settings"},
    "config": {"settings"},
    "models": {"models"},
    "service": {
        "config",
        "settings",
        "service",
        "service.runtime",
        "service.stores",
        "service.senders",
        "service.captchas",
    },
    "service.runtime": {"service.runtime.deadline"},
    "service.stores": {
        "config",
        "settings",
        "models",
        "service.stores",
        "service.embedded",
        "service.runtime.deadline",
        "service.entities",
        "service.errors",
        "service.mobiles",
    },
    "service.senders": {"config", "service.senders", "service.entities", "service.errors", "service.mobiles"},
    "service.captchas": {
        "config",
        "service.captchas",
        "service.addresses",
        "service.entities",
        "service.errors",
    },
    "service.routes": {"config", "service", "service.captchas", "service.routes"},
    "service.app": {
        "config",
        "settings",
        "service",
        "service.stores",
        "service.senders",
        "service.captchas",
        "service.routes",
    },
    "service.commands.server": {"config", "service", "service.commands", "service.stores"},
    "service.commands": {"config", "service", "service.app", "service.routes"},
    "service.embedded": set(),
    "service.commands.sessions": {"config", "service", "service.app", "service.stores"},
    "service.commands.migrate": {"config", "service", "service.app"},
    "run": {
        "config",
        "service",
        "service.commands",
        "service.commands.migrate",
        "service.commands.server",
        "service.commands.sessions",
        "service.stores",
    },
}
# Modules directly in `service` that others may import by name.
SHARED = {"service.addresses", "service.runtime.deadline", "service.entities", "service.errors", "service.mobiles"}
PURE = {"addresses", "devices", "texts", "tokens", "rotation", "mobiles", "entities", "errors", "redaction"}
# Outside libraries that belong to one place.
PLACES = {
    "altcha": ("service/captchas/altcha.py",),
    "sanic": ("service/routes/", "service/app.py"),
    "sanic_ext": ("service/routes/", "service/app.py"),
    "redis": ("service/stores/",),
    "tortoise": ("service/stores/", "models/"),
    "asyncpg": ("service/stores/",),
    "prometheus_client": ("service/observability/metrics.py", "service/observability/prometheus_patches.py"),
    "opentelemetry": ("service/observability/tracing.py",),
    "ua_parser": ("service/http/devices.py",),
    "pydantic": ("config.py", "settings/", "service/embedded/pepper.py"),
    "limits": ("service/stores/", "settings/limits.py"),
    "httpx": ("service/captchas/", "service/senders/"),
    "standardwebhooks": ("service/senders/webhook.py",),
    "alibabacloud_dysmsapi20170525": ("service/senders/aliyun.py",),
    "alibabacloud_tea_openapi": ("service/senders/aliyun.py",),
    "darabonba": ("service/senders/aliyun.py",),
    "tencentcloud": ("service/senders/tencent.py",),
    "twilio": ("service/senders/twilio.py",),
    "aiohttp": ("service/senders/twilio.py",),
}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def layer_of(module: str) -> str:
    """The longest key of ALLOWED that the module lies in; files directly in `service` are `service`."""
    fitting = [layer for layer in ALLOWED if module == layer or module.startswith(f"{layer}.")]
    return max(fitting, key=len) if fitting else ""


def place_of(imported: str) -> str:
    """What an import of ours reaches: a layer, or a single module that a rule names."""
    named = SHARED
    for module in named:
        if imported == module or imported.startswith(f"{module}."):
            return module
    return layer_of(imported)


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_imports_go_one_way(path: Path) -> None:
    layer = layer_of(module_of(path))
    allowed = ALLOWED[layer]
    for imported in imports_of(path):
        place = place_of(imported)
        if not place or place == layer:
            continue
        inside_service = place in SHARED and "service" in allowed
        assert place in allowed or inside_service, f"{module_of(path)} may not import {imported}"


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_outside_libraries_stay_in_their_place(path: Path) -> None:
    relative = str(path.relative_to(ROOT))
    for imported in imports_of(path):
        places = PLACES.get(imported.partition(".")[0])
        assert places is None or relative.startswith(places), f"{relative} may not import {imported}"


@pytest.mark.parametrize("name", sorted(PURE))
def test_the_pure_core_imports_nothing_that_does_io(name: str) -> None:
    ours = {imported for imported in imports_of(ROOT / "service" / f"{name}.py") if imported.startswith("service")}
    assert {imported.split(".")[1] for imported in ours} <= PURE


def test_only_the_user_store_imports_the_models() -> None:
    importers = {module_of(path) for path in SOURCES if any(name.startswith("models") for name in imports_of(path))}
    assert importers - {"models"} == {"service.stores.users"}


def test_redis_keys_are_spelled_in_the_stores_alone() -> None:
    spelled = re.compile(r"""["'](token|session|sessions|code|cooldown|conversion|challenge|limit):""")
    for path in SOURCES:
        if "stores" not in path.parts:
            assert not spelled.search(path.read_text(encoding="utf-8")), path


def test_the_environment_is_read_in_config_alone() -> None:
    for path in SOURCES:
        if path.name not in {
            "config.py",
            "metrics.py",
            "server.py",
        }:  # the last hands the metrics' folder to the workers
            assert "os.environ" not in path.read_text(encoding="utf-8"), path


def error_classes() -> list[type[ServiceError]]:
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, ServiceError)]
    assert len(found) > 8
    return found


def test_every_error_code_has_a_status_and_every_status_an_error() -> None:
    codes = {error.code for error in error_classes()} | {code for code, _ in REFUSALS.values()}
    assert codes == set(STATUS)


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn = set(re.findall(r"(?:├──|└──) (\w+) +(\w+)", errors.__doc__ or ""))
    assert drawn == {(error.__name__, error.code) for error in error_classes() if error is not ServiceError}


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_files_and_functions_stay_small(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.count("\n") <= 230, "a noun may be missing"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            assert node.end_lineno - node.lineno < 45, node.name
