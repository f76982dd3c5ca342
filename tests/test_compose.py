"""The compose files of deploy/compose: what they have in common, and that their settings are good ones."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

import config
from tests.test_deployment import REQUIRED, SECRETS, filled_example, strings_of

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "deploy/compose"
FILES = sorted(FOLDER.glob("*.yml"))
LATCHES = ("latch-1", "latch-2", "migrate")

every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.stem))


def services_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["services"]
    return found


def filled(text: str) -> str:
    return REQUIRED.sub(lambda found: found["name"].lower().replace("_", "") + "0123456789", text)


def test_there_is_one_for_each_kind_of_redis() -> None:
    assert [path.stem for path in FILES] == ["cluster", "sentinel", "standalone"]


@every_file
def test_it_holds_no_secret_and_demands_each(path: Path) -> None:
    services = services_of(path)
    assert {found["name"] for text in strings_of(services) for found in REQUIRED.finditer(text)} == SECRETS
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|PEPPER|SECRET|KEY|AUTH", name):
                assert REQUIRED.fullmatch(value), name
            for password in re.findall(r"://[^@/:]*:(.*)@", value):
                assert REQUIRED.fullmatch(password), name


@every_file
def test_its_settings_are_good_ones(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path(__file__)
    for name in LATCHES:
        environment = {key: filled(value) for key, value in services_of(path)[name]["environment"].items()}
        environment["REDIS_URL"] = environment["REDIS_URL"].replace("/etc/redis-tls/ca.pem", str(here))
        for key, value in environment.items():
            monkeypatch.setenv(key, value)
        settings = config.load(_env_file=None)
        assert settings.trusted_proxies == 1
        assert "://latch:redispassword0123456789@" in settings.redis_location
        assert settings.database_location.startswith("postgres://")


@every_file
def test_every_redis_keeps_its_data_evicts_nothing_and_confines_latch(path: Path) -> None:
    servers = {name: each for name, each in services_of(path).items() if name.startswith("redis")}
    assert len(servers) == {"cluster": 6, "sentinel": 3, "standalone": 1}[path.stem]
    for name, server in servers.items():
        command = " ".join(server["command"])
        assert "--appendonly yes" in command
        assert "--maxmemory-policy noeviction" in command
        assert '--user latch on ">$$REDIS_PASSWORD" $$(cat /etc/latch.acl)' in command
        assert "./deploy/redis/latch.acl:/etc/latch.acl:ro" in server["volumes"]
        assert f"{name}:/data" in server["volumes"]
        assert ("min-replicas-to-write 1" in command) is (len(servers) > 1)


@every_file
def test_only_nginx_is_published_and_all_are_confined_and_looked_after(path: Path) -> None:
    services = services_of(path)
    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]
    for name, service in services.items():
        assert service["read_only"] is True
        assert "no-new-privileges:true" in service["security_opt"]
        assert "healthcheck" in service or name.startswith("latch") or name == "cluster"
        assert set(service.get("depends_on", ())) <= set(services)
    for name in ("latch-1", "latch-2"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


@every_file
def test_what_it_mounts_from_the_repository_exists_but_for_the_keys(path: Path) -> None:
    mounts = [mount for each in services_of(path).values() for mount in each.get("volumes", ())]
    files = {mount.partition(":")[0] for mount in mounts if mount.startswith("./")}
    assert all((ROOT / name).exists() for name in files if not name.startswith("./deploy/tls"))


@every_file
def test_docker_compose_accepts_it(path: Path, tmp_path: Path) -> None:
    program = shutil.which("docker-compose")
    if program is None:
        pytest.skip("docker-compose is not installed, so nobody here can say what it accepts")
    shutil.copy(path, tmp_path)
    (tmp_path / ".env").write_text(filled_example(), encoding="utf-8")
    done = subprocess.run(
        [program, "-f", path.name, "config"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == set(services_of(path))


def test_nginx_accepts_its_configuration(tmp_path: Path) -> None:
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("nginx is not installed: the configuration of the compose files is NOT tested here")
    text = (FOLDER / "nginx.conf").read_text(encoding="utf-8")
    text = re.sub(r"server latch-\d", "server 127.0.0.1", text).replace("/tmp/", f"{tmp_path}/")
    (tmp_path / "nginx.conf").write_text(text, encoding="utf-8")
    command = [program, "-t", "-e", str(tmp_path / "error.log"), "-c", str(tmp_path / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, done.stderr
