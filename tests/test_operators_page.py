"""Every command of docs/operators.md, run as it stands there, against a running service with a private listener."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.commands.test_admin import Watched
from tests.processes import PATIENCE, ROOT, environment

PAGE = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
MARK = "---"

pytestmark = [
    pytest.mark.slow,
    # The page's lines are typed as they stand, and slim images have no curl. Its absence is told, and fails nothing.
    pytest.mark.skipif(
        shutil.which("curl") is None, reason="curl is not installed: docs/operators.md is NOT tested here"
    ),
]


def commands(heading: str) -> list[str]:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    [block] = re.findall(r"```console\n(.*?)```", section, re.DOTALL)
    return re.findall(r"^\$ (.*)$", block, re.MULTILINE)


def typed(service: Watched, lines: list[str], **variables: str) -> list[str]:
    """What each line prints, typed into one shell."""
    script = f"\necho '{MARK}'\n".join(lines).replace(":8001", f":{service.admin_port}")
    script = script.replace("python run.py", f"{sys.executable} run.py")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env={**environment(service.data_dir), **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    return [printed.strip() for printed in done.stdout.split(MARK)]


def test_the_commands_do_what_the_page_says(folder: Path) -> None:
    with Watched(folder) as service:
        lost, other = service.log_in_on("phone"), service.log_in_on("tablet")
        assert lost["user_id"] == 1
        making, listing, removing = commands("Keys")
        *asking, explaining = commands("What to type")
        made, _, *answers, listed, _ = typed(service, [making, *asking, listing, removing])
        assert made == ""  # the key is in a variable
        found, user, sessions, ended, disabled, enabled, unlocked, revealed, events = map(data, answers)
        assert [person["id"] for person in found["users"]] == [user["id"]] == [1]
        assert {session["device"] for session in sessions["sessions"]} == {"phone", "tablet"}
        assert ended == {"ended": 2}
        assert [person["status"] for person in (disabled, enabled, unlocked)] == ["disabled", "active", "active"]
        assert revealed["mobile"] == revealed["name"] == "13800138000"
        assert isinstance(events["events"], list)
        assert "support" in listed
        assert not service.is_live(other["token"])
        *_, explained, _ = typed(
            service, [making, commands("What to type")[0], explaining, removing], TOKEN=lost["token"]
        )
        assert "revoked" in data(explained)["why"]
        log = service.text()
    assert "remark='lost phone'" in log
    assert "remark=\u6295\u8bc9" in log
    assert "operator=support" in log


def data(printed: str) -> Any:
    body = orjson.loads(printed)
    assert body["message"] == "ok", body
    return body["data"]
