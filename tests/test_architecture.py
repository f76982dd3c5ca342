"""The structure of the house: arrows one way, each thing in its one place."""

import ast
import re
import sys
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

# Which rooms a room may import from, besides itself. `service` is the files directly in it, by the order below.
VALUE_FILES = {
    "activity",
    "addresses",
    "audit_events",
    "conversion_rule",
    "entities",
    "errors",
    "kept",
    "message_counts",
    "mobiles",
    "names",
    "roles",
    "webhook_addresses",
    "webhooks",
}
MADE_OF_VALUES = {
    "messages",
    "notes",
    "operator_entities",
    "pictures",
    "selections",
    "webhook_rules",
    "webhook_window",
}
TEXTS = {"languages"}
VALUES = {f"service.{name}" for name in VALUE_FILES | MADE_OF_VALUES | TEXTS}
STORES = {"service.stores", "service.stores.redis"}
ROOMS: dict[str, set[str]] = {
    "settings": set(),
    "settings.__main__": {"config", "settings"},
    "config": {"settings"},
    "models": set(),
    "service.runtime": {"service.errors"},
    "service.stores.redis": {"settings", "service.runtime", "service.stores", *VALUES},
    "service.stores": {"config", "settings", "models", "service.runtime", "service.stores.redis", *VALUES},
    "service.senders": {"config", *VALUES},
    "service.captchas": {"config", *VALUES},
    "service.authenticators": {"config", "settings", *VALUES},
    "service.dispatch": {"config", "service.runtime", "service.senders", *STORES, *VALUES},
    "service.embedded": {"config"},
    "service.observability": {"config", "service.events", "service.runtime", "service.senders", *STORES, *VALUES},
    "service.http": {"service.context", "service.events", "service.observability", "service.runtime", *VALUES},
    "service.routes": {
        "service.captchas",
        "service.events",
        "service.http",
        "service.observability",
        "service.runtime",
        *VALUES,
    },
    "service.rehearsal": {"config", "settings", "service.http", "service.backing", *STORES, "service.tokens", *VALUES},
    "service.commands": {
        "config",
        "settings",
        "service",
        "service.backing",
        "service.embedded",
        "service.rehearsal",
        "service.http",
    }
    | {"service.authenticators", "service.observability", "service.runtime", "service.senders", *STORES},
    "run": {"config", "service.commands", "service.embedded", "service.observability", "service.errors"},
}
# The files directly in `service`, each above those that it may import; those of one row know nothing of each other.
ORDER = (
    {"admin"},
    {"app"},
    {"sanic_app"},
    {"backing", "context"},
    {"accounts", "authorizations", "delivery", "logins", "lookup", "now", "numbers", "operator_logins", "revocations"},
    {"new_devices", "people", "revoking"},
    {"revocation_trail"},
    {"code_issuer", "codes", "dead_letters", "message_figures", "notices"},
    {"conversion", "personal_data", "users"},
    {"limits", "repeats", "sessions", "trail"},
    {"health", "issuer", "openid_logins", "operators"},
    {"operator_sessions", "rotation"},
    {"code_keys", "device_names", "kept", "number_names", "tokens", "events", "sms_text", "undoing"},
    MADE_OF_VALUES,
    VALUE_FILES,
    TEXTS,
)
# The sentence on the door: all but the first five know no asyncio, Redis or HTTP, and no library but the standard one.
WIRING = {"admin", "app", "backing", "context", "sanic_app"}
OF_USE_CASES = {
    "config",
    "settings",
    "service.authenticators",
    "service.captchas",
    "service.dispatch",
    "service.observability",
    "service.runtime",
    "service.senders",
} | STORES
BEHIND_THE_DOOR = {"asyncio", "threading", "socket", "ssl", "http", "sqlite3", "selectors", "concurrent"}
PURE = (
    VALUE_FILES
    | MADE_OF_VALUES
    | TEXTS
    | {"code_keys", "device_names", "number_names", "rotation", "sms_text", "tokens"}
)
# Outside libraries that belong to one place.
PLACES = {
    "webauthn": ("service/authenticators/passkeys.py",),
    "altcha": ("service/captchas/altcha.py",),
    "authlib": ("service/authenticators/",),
    "joserfc": ("service/authenticators/",),
    "sanic": ("service/http/", "service/routes/", "service/app.py", "service/sanic_app.py"),
    "sanic_ext": ("service/routes/", "service/sanic_app.py"),
    "jinja2": ("service/http/localized.py", "service/routes/console/"),
    "redis": ("service/stores/redis/", "service/stores/", "service/embedded/redis_server.py"),
    "tortoise": ("service/stores/", "models/"),
    "asyncpg": ("service/stores/",),
    "prometheus_client": ("service/observability/",),
    "opentelemetry": ("service/observability/tracing.py",),
    "ua_parser": ("service/http/devices.py",),
    "pydantic": ("config.py", "settings/", "service/embedded/pepper.py"),
    "limits": ("service/stores/", "settings/limits.py"),
    "httpx": ("service/authenticators/", "service/captchas/", "service/senders/"),
    "httpcore": ("service/senders/",),
    "standardwebhooks": ("service/senders/signer.py",),
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


def room_of(module: str) -> str:
    """The room of a module, or of what is imported from one; a file directly in `service` is a room of its own."""
    fitting = [room for room in ROOMS if module == room or module.startswith(f"{room}.")]
    return max(fitting, key=len, default=".".join(module.split(".")[:2]))


def ours(path: Path) -> set[str]:
    """The rooms that a file imports from."""
    tops = ("config", "settings", "models", "service", "run")
    return {room_of(name) for name in imports_of(path) if name.partition(".")[0] in tops} - {"service.VERSION"}


def rank(name: str) -> int:
    return next(number for number, row in enumerate(ORDER) if name in row)


@pytest.mark.parametrize("path", [path for path in SOURCES if path.parent != ROOT / "service"], ids=module_of)
def test_a_room_imports_only_from_those_below_it(path: Path) -> None:
    room = room_of(module_of(path))
    allowed = ROOMS[room] | {room}
    for imported in ours(path):
        inside_service = "service" in allowed and imported.removeprefix("service.") in set().union(*ORDER)
        assert imported in allowed or inside_service, f"{module_of(path)} may not import from {imported}"


@pytest.mark.parametrize("path", sorted((ROOT / "service").glob("[a-z]*.py")), ids=module_of)
def test_the_sentence_on_the_door_is_true(path: Path) -> None:
    """Files directly in `service` know no asyncio, Redis, HTTP or library, and of each other those below them."""
    name = path.stem
    others = {room.removeprefix("service.") for room in ours(path) - OF_USE_CASES - {"service.context"}}
    if name not in WIRING:
        assert not {imported.partition(".")[0] for imported in imports_of(path)} & BEHIND_THE_DOOR
        known = sys.stdlib_module_names | {"config", "settings", "service"}
        assert {imported.partition(".")[0] for imported in imports_of(path)} <= known
        assert all(rank(other) > rank(name) for other in others), f"{name} may not import {others}"


def test_directly_in_service_there_are_few_files() -> None:
    assert {path.stem for path in (ROOT / "service").glob("[a-z]*.py")} <= set().union(*ORDER)


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_outside_libraries_stay_in_their_place(path: Path) -> None:
    relative = str(path.relative_to(ROOT))
    for imported in imports_of(path):
        places = PLACES.get(imported.partition(".")[0])
        assert places is None or relative.startswith(places), f"{relative} may not import {imported}"


@pytest.mark.parametrize("name", sorted(PURE))
def test_the_pure_core_imports_nothing_that_does_io(name: str) -> None:
    found = {imported for imported in imports_of(ROOT / "service" / f"{name}.py") if imported.startswith("service")}
    assert {imported.split(".")[1] for imported in found} <= PURE


def test_only_two_stores_import_the_models() -> None:
    importers = {module_of(path) for path in SOURCES if any(name.startswith("models") for name in imports_of(path))}
    assert importers - {"models"} == {"service.stores.operators", "service.stores.users"}


def test_redis_keys_are_spelled_in_the_stores_alone() -> None:
    keys = "active|token|session|sessions|devices|code|login|cooldown|conversion|challenge|limit|operator|revocation"
    spelled = re.compile(rf"""["']({keys}):""")
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
    assert source.count("\n") <= 205, "a noun may be missing"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            assert node.end_lineno - node.lineno < 45, node.name
