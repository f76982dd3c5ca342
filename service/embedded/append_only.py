"""Mends the end of the embedded server's append-only file, which a loss of power can leave full of zeros or torn.

The server itself copes with a file that was cut short; with anything else at the end it refuses to start. Its own check
tool finds the damage and cuts it off, after a copy was made. Where whole commands stand behind the damage, or another
file than the last one is hit, nothing is touched: what to give up is for a person to decide.
"""

import logging
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

COMMAND = re.compile(rb"\*[1-9]\d{0,6}\r\n\$\d{1,9}\r\n")  # how a command begins (RESP)
LINE = re.compile(rb"[*$](\d{1,9})\r\n")
LISTED = re.compile(r"file (?P<name>\S+) seq \d+ type (?P<kind>[bi])\b")
REACH = re.compile(r"ok_up_to=(\d+)")

log = logging.getLogger(__name__)


class Damaged(Exception):
    """The data cannot be read, and was left as it is; the text says what to type."""


@dataclass(frozen=True)
class AppendOnlyFile:
    """The files of one server: a base, and what was appended since. `binary` is the server and its check tools."""

    data_dir: Path
    binary: str

    def mend(self) -> bool:
        """Cut off what is damaged at the very end, and return whether anything was. Raises Damaged."""
        files = self._files()
        for path in files:
            reach = self._reach(path)
            if reach is None:
                continue
            if path != files[-1] or path.name.endswith(".rdb"):
                raise Damaged(self._beyond_mending(path))
            with path.open("rb") as file:
                file.seek(reach)
                if holds_commands_behind_the_damage(file.read()):
                    raise Damaged(self._for_a_person(path, reach))
            self._cut(path, reach)
            return True
        return False

    def _files(self) -> Sequence[Path]:
        """In the order in which the server reads them."""
        folder = self.data_dir / "appendonlydir"
        try:
            manifest = (folder / "appendonly.aof.manifest").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ()
        listed = [found["name"] for found in LISTED.finditer(manifest)]
        return [path for name in listed if (path := folder / name).is_file()]

    def _reach(self, path: Path) -> int | None:
        """How many bytes from its beginning can be read; None: all of them."""
        if path.name.endswith(".rdb"):
            return None if self._run("valkey-check-rdb", str(path)).returncode == 0 else 0
        checked = self._run("valkey-check-aof", str(path))
        found = REACH.search(checked.stdout)
        return int(found[1]) if checked.returncode and found else None

    def _cut(self, path: Path, reach: int) -> None:
        size = path.stat().st_size
        try:
            kept = _copy(path, self.data_dir)
        except OSError as error:
            raise Damaged(f"{path} cannot be copied before it is mended ({error.strerror}); make room first") from None
        fixed = self._run("valkey-check-aof", "--fix", str(path), answer="y\n")
        if fixed.returncode or path.stat().st_size != reach:
            raise Damaged(f"{self._for_a_person(path, reach)} A copy is in {kept}")
        log.warning(
            "the embedded redis' append-only file was damaged at its end, as after a loss of power: "
            "%d of its %d bytes were cut off; the file as it was is kept in %s",
            size - reach,
            size,
            kept,
        )

    def _run(self, tool: str, *arguments: str, answer: str = "") -> "subprocess.CompletedProcess[str]":
        """The server's binary is each of its tools, by the name that it is called by."""
        return subprocess.run(
            [tool, *arguments],
            executable=self.binary,
            input=answer,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

    def _for_a_person(self, path: Path, reach: int) -> str:
        typed = f"exec -a valkey-check-aof {shlex.quote(self.binary)} --fix {shlex.quote(str(path))}"
        return (
            f"{path} is damaged from byte {reach} on, with good data behind it, and was left as it is. Copy it; then, "
            f"to give up all from there on, type: bash -c {shlex.quote(typed)}"
        )

    def _beyond_mending(self, path: Path) -> str:
        folder = shlex.quote(str(path.parent))
        return (
            f"{path} is damaged, and was left as it is. Bring {self.data_dir} back from a backup; or, "
            f"to begin without its data, which logs everybody out, type: mv {folder} {folder}.damaged"
        )


def _copy(path: Path, folder: Path) -> Path:
    """Beside the folder that belongs to the server, safely on the disk."""
    kept = folder / f"{path.name}.{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.damaged"
    descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with path.open("rb") as source, os.fdopen(descriptor, "wb") as target:
        shutil.copyfileobj(source, target)
        target.flush()
        os.fsync(target.fileno())
    return kept


def holds_commands_behind_the_damage(tail: bytes) -> bool:
    """Whether more would be cut off than damage. Commands before it are those of a transaction that never ended."""
    at = 0
    while end := _end_of_command(tail, at):
        at = end
    return COMMAND.search(tail, at + 1) is not None


def _end_of_command(data: bytes, at: int) -> int:
    """The offset behind the command that begins there; 0 where there is no whole one."""
    head = LINE.match(data, at)
    if not head or data[at : at + 1] != b"*":
        return 0
    at = head.end()
    for _ in range(int(head[1])):
        bulk = LINE.match(data, at)
        if not bulk:
            return 0
        at = bulk.end() + int(bulk[1]) + 2
        if data[at - 2 : at] != b"\r\n":
            return 0
    return at
