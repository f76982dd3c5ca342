"""The compose files of deploy/compose: what they have in common, and that their settings are good ones."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError
from redis.retry import Retry

import config
from service.stores.codes import RELEASE
from service.stores.redis.connection import Connection
from tests.processes import free_port
from tests.programs import found
from tests.test_deployment import OF_MANY_SERVERS, REQUIRED, SECRETS, filled_example, strings_of
from tests.topologies import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "deploy/compose"
ACL = ROOT / "deploy/redis/latch.acl"
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
    demanded = {found["name"] for text in strings_of(services) for found in REQUIRED.finditer(text)}
    assert demanded == (SECRETS if path.stem == "standalone" else SECRETS | OF_MANY_SERVERS)
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


# What the shell of a container runs, on this machine: without Docker's entry point, its folders and its network.

LATCH, ADMIN = "latch-password", "admin-password"


@contextmanager
def running(path: Path, name: str, folder: Path, replaced: dict[str, str]) -> Iterator[None]:
    binary = found("redis-server", "the users of the compose files")
    text = services_of(path)[name]["command"][2].replace("$$", "$")
    for there, here in {
        "docker-entrypoint.sh redis-server": f"{binary}",
        "$(hostname)": "127.0.0.1",
        **replaced,
    }.items():
        text = text.replace(there, here)
    environment = {
        "PATH": os.environ["PATH"],
        "REDIS_PASSWORD": LATCH,
        "REDIS_ADMIN_PASSWORD": ADMIN,
        "REPLICA_OF": services_of(path)[name].get("environment", {}).get("REPLICA_OF", ""),
    }
    for there, here in replaced.items():
        environment["REPLICA_OF"] = environment["REPLICA_OF"].replace(there, here)
    process = subprocess.Popen(["sh", "-c", text], env=environment, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def as_user(port: int, username: str, password: str) -> Redis:
    at_once = Retry(NoBackoff(), 0)  # else a server that is not up yet is waited for by the second
    return Redis(port=port, username=username, password=password, decode_responses=True, retry=at_once)


def check_users(port: int) -> None:
    """Latch is Latch alone, and nobody but those who know the other password is `default`."""
    with as_user(port, "latch", LATCH) as latch, as_user(port, "default", ADMIN) as default:
        wait_until(latch.ping)
        assert default.ping()
        with pytest.raises(NoPermissionError):
            latch.config_get("requirepass")
    for username, password in (("default", LATCH), ("default", ""), ("latch", ADMIN)):
        with as_user(port, username, password) as other, pytest.raises((AuthenticationError, ResponseError)):
            other.ping()


def test_the_nodes_of_a_cluster_let_latch_be_no_more_than_latch(tmp_path: Path) -> None:
    port = free_port()
    options = f"--port {port} --cluster-port {free_port()} --dir {tmp_path} --appendonly"
    replaced = {"--appendonly": options, "/etc/latch.acl": str(ACL)}
    with running(FOLDER / "cluster.yml", "redis-1", tmp_path, {**replaced, "/data": str(tmp_path)}):
        check_users(port)


async def test_latch_finds_its_redis_by_sentinels_that_let_it_do_nothing_else(tmp_path: Path) -> None:
    master, replica, sentinel = (free_port() for _ in range(3))
    path = FOLDER / "sentinel.yml"
    url = filled(services_of(path)["latch-1"]["environment"]["REDIS_URL"])
    with ExitStack() as stack:
        for name, port in (("redis-1", master), ("redis-2", replica)):
            (folder := tmp_path / name).mkdir()
            options = f"--port {port} --dir {folder} --repl-diskless-sync-delay 0 --appendonly"
            own = {"--appendonly": options, "/etc/latch.acl": str(ACL)}
            stack.enter_context(running(path, name, folder, {**own, "redis-1 6379": f"127.0.0.1 {master}"}))
            check_users(port)
        watched = {"redis-1 6379 2": f"127.0.0.1 {master} 1", "26379": str(sentinel), "/data": str(tmp_path)}
        stack.enter_context(running(path, "sentinel-1", tmp_path, watched))
        with as_user(sentinel, "latch", LATCH) as latch:
            wait_until(latch.ping)
            for command in ("SENTINEL FAILOVER latch", "SENTINEL SET latch quorum 1", "SENTINEL CONFIG GET *"):
                with pytest.raises(NoPermissionError):
                    latch.execute_command(*command.split())
        with as_user(replica, "default", ADMIN) as default:
            wait_until(lambda: default.info("replication")["master_link_status"] == "up")
        url = re.sub("@.*/latch/0", f"@127.0.0.1:{sentinel}/latch/0", url).replace("redispassword0123456789", LATCH)
        connection = Connection(url, timeout=5)
        await connection.run(RELEASE, ["code:{1}"], ["x"])
        await connection.close()


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
    program = found("docker-compose", "whether it takes the files")
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
    program = found("nginx", "its configuration for the compose files")
    text = (FOLDER / "nginx.conf").read_text(encoding="utf-8")
    text = re.sub(r"server latch-\d", "server 127.0.0.1", text).replace("/tmp/", f"{tmp_path}/")
    (tmp_path / "nginx.conf").write_text(text, encoding="utf-8")
    command = [program, "-t", "-e", str(tmp_path / "error.log"), "-c", str(tmp_path / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, done.stderr
