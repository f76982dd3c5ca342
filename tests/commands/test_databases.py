"""What the commands say of a PostgreSQL that refuses: one sentence, no stack trace, no password; exit code 1."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres_servers
from tests.postgres_servers import Server
from tests.processes import Service, run_here


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres_servers.server() as running:
        yield running


def told(command: str, folder: Path, url: str) -> str:
    """What a command that fails says of it."""
    finished = run_here(command, folder, DATABASE_URL=url)
    said = finished.stdout + finished.stderr
    assert finished.returncode == 1
    assert "Traceback" not in said
    return said


@pytest.mark.slow
def test_a_refused_password_is_said_by_every_command(server: Server, folder: Path) -> None:
    url = server.url.replace(":one@", ":hunter2@")
    for command in ("check", "migrate"):
        said = told(command, folder, url)
        assert f"database at postgres://127.0.0.1:{server.port}/latch refuses the password (28P01)" in said
        assert "hunter2" not in said


@pytest.mark.slow
def test_a_start_says_it_serves_and_readyz_names_the_database(server: Server, folder: Path) -> None:
    url = server.url.replace(":one@", ":hunter2@") + "?channel_binding=require&connection_limit=3"
    with Service(folder, ready="/healthz", DATABASE_URL=url) as service:
        answer = service.http.get("/readyz")
        assert (answer.status_code, answer.json()["stores"]["database"]) == (503, "unavailable")
        said = service.text()
    assert "refuses the password (28P01); serving all the same" in said
    assert "DATABASE_URL: channel_binding has no effect: " in said
    assert "DATABASE_URL: connection_limit has no effect: " in said
    assert "hunter2" not in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_what_the_role_may_not_do_is_said_by_check(server: Server, folder: Path) -> None:
    assert run_here("migrate", folder, DATABASE_URL=server.url).returncode == 0
    server.sql("REVOKE INSERT, UPDATE ON users FROM latch", database="latch")
    assert "lets this role not INSERT or UPDATE in the table users" in told("check", folder, server.url)
    server.sql("GRANT INSERT, UPDATE ON users TO latch", database="latch")


@pytest.mark.slow
def test_a_server_that_takes_no_writes_is_named_by_check_and_a_start(server: Server, folder: Path) -> None:
    assert run_here("migrate", folder, DATABASE_URL=server.url).returncode == 0
    server.set("default_transaction_read_only = on")
    try:
        assert "takes no writes: it is a standby, or set to read only (25006)" in told("check", folder, server.url)
        with Service(folder, ready="/healthz", DATABASE_URL=server.url) as service:
            assert service.http.get("/readyz").json()["stores"] == {"redis": "ok", "database": "unavailable"}
            server.set("default_transaction_read_only = off")
            assert service.http.get("/readyz").status_code == 200
    finally:
        server.set("default_transaction_read_only = off")


@pytest.mark.parametrize("command", ["check", "migrate", "sessions 1"])
def test_an_sqlite_file_that_cannot_be_opened_is_told_in_a_sentence(command: str, folder: Path) -> None:
    url = f"sqlite://{folder}/missing/latch.sqlite3"
    said = told(command, folder, url)
    assert f"database at {url} cannot be opened: is its folder there, and may it be written?" in said


def test_a_redis_that_is_away_is_named_by_the_operators_commands(folder: Path) -> None:
    elsewhere = {"REDIS_URL": "redis://:hunter2@127.0.0.1:1", "CODE_PEPPER": "0" * 64}
    assert run_here("migrate", folder, **elsewhere).returncode == 0
    finished = run_here("sessions 1", folder, **elsewhere)
    assert (finished.returncode, finished.stdout) == (1, "")
    assert "Redis at redis://127.0.0.1:1 does not answer" in finished.stderr
    assert "hunter2" not in finished.stderr
