"""The command line as a user types it: processes, signals, restarts."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from service.commands import server
from tests.client import BASE, MOBILE, bearer
from tests.processes import AS_SHIPPED, PATIENCE, ROOT, Service, free_port, run, run_here

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_sessions_users_and_pepper_outlive_a_restart(folder: Path) -> None:
    with Service(folder) as service:
        tokens = service.log_in()
        waiting = service.code("13900139000")
        assert service.stop(signal.SIGINT) == 0
        assert "Traceback" not in service.text()
    assert not list(folder.glob("redis.sock"))
    assert oct((folder / "code_pepper").stat().st_mode & 0o777) == "0o600"
    assert oct((folder / "sms.jsonl").stat().st_mode & 0o777) == "0o600"
    with Service(folder, WORKERS=2) as service:
        assert service.is_live(tokens["token"])
        response = service.http.put(f"{BASE}/authorizations", headers=bearer(tokens["refresh_token"]))
        assert response.status_code == 200
        login = {"mobile": "13900139000", "code": waiting}
        assert service.http.post(f"{BASE}/authorizations", json=login).status_code == 200
        assert service.log_in()["user_id"] == tokens["user_id"]
        service.process.send_signal(signal.SIGTERM)  # to the main process alone, as a supervisor does
        assert service.process.wait(PATIENCE) == 0


@pytest.mark.slow
def test_two_workers_hold_the_counts_together_warn_once_and_log_nothing_secret(folder: Path) -> None:
    odd = {"TEST_CODES": f"{MOBILE}=246810", "SMS_TEXT": "{code}" + "x" * 160}
    with Service(folder, WORKERS=2, LOG_LEVEL="DEBUG", **odd) as service, ThreadPoolExecutor(16) as pool:
        mine = "13812345678"
        code = service.code(mine)
        body = {"mobile": mine, "code": code}
        answers = list(pool.map(lambda _: service.http.post(f"{BASE}/authorizations", json=body), range(50)))
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 49
        [tokens] = [answer.json()["data"] for answer in answers if answer.status_code == 200]

        code = service.code(mine)
        guesses = [f"{(int(code) + n) % 10**6:06}" for n in range(1, 101)]
        login = f"{BASE}/authorizations"
        answers = list(pool.map(lambda guess: service.http.post(login, json={"mobile": mine, "code": guess}), guesses))
        assert {answer.status_code for answer in answers} == {400}
        assert service.http.post(login, json={"mobile": mine, "code": code}).status_code == 400

        mobiles = [f"137{n:08}" for n in range(40)]
        logins = list(pool.map(service.log_in, mobiles))
        assert len({one["user_id"] for one in logins}) == 40
        refreshed = list(
            pool.map(lambda _: service.http.put(login, headers=bearer(tokens["refresh_token"])), range(40))
        )
        assert {answer.status_code for answer in refreshed} == {200}
        assert service.http.get(f"{BASE}/sms/codes/13600136000").status_code == 200
        service.http.get("/metrics")
        assert service.stop() == 0

        text = service.text()
        secrets = [tokens["token"], tokens["refresh_token"], mine, "13600136000", *mobiles]
        secrets += [one["token"] for one in logins] + [(folder / "code_pepper").read_text()]
        assert not [secret for secret in secrets if secret in text]
        assert code not in without_ids_and_times(text)
        assert "137****0001" in text
        assert text.count("TEST_CODES: who knows the fixed code logs in as 138****8000") == 1
        assert text.count("billed as 2 messages") == 1
        assert "246810" not in text


def without_ids_and_times(text: str) -> str:
    """Where six digits stand by chance, one run in a thousand would find a code."""
    found = re.compile(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{16}\b|\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")
    assert found.search(text)
    return found.sub("", text)


@pytest.mark.slow
def test_metrics_add_up_over_the_workers_and_every_line_of_a_json_log_parses(folder: Path) -> None:
    with Service(folder, WORKERS=2, LOG_FORMAT="json", LOG_LEVEL="DEBUG") as service:
        deadline = time.monotonic() + PATIENCE
        while service.text().count("Worker ready") < 2:  # one alone has answered so far
            assert time.monotonic() < deadline, service.text()
            time.sleep(0.05)
        for _ in range(30):
            with httpx.Client(base_url=service.http.base_url, verify=False, trust_env=False) as client:
                client.get(f"{BASE}/user")
        service.log_in()
        counted = 'latch_requests_total{method="GET",route="/app/v1_0/user",status="401"} 30.0'
        while counted not in (text := service.http.get("/metrics").text):  # each worker counts now and then
            assert time.monotonic() < deadline, text
            time.sleep(0.1)
        for total in ("workers 2", "workers_configured 2", "worker_starts_total 2", 'logins_total{outcome="ok"} 1'):
            assert f"\nlatch_{total}.0\n" in text
        assert 'latch_store_connections_max{store="redis"} 4.0' in text
        for junk in (b"GET / HTTP/1.1\r\nbroken\r\n\r\n", b"\x00\xff\r\n\r\n", b"GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", service.port)) as connection:
                connection.sendall(junk)
        assert service.stop() == 0
        before, _, shown = service.text().partition("\nLatch listens on")
        lines = [json.loads(line) for line in (before + shown.partition("Ctrl-C.\n")[2]).splitlines() if line]
    assert {line["logger"] for line in lines} >= {"sanic.server", "latch.audit", "service.access"}
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines)


@pytest.mark.slow
def test_a_redis_that_a_killed_run_left_behind_is_taken_over(folder: Path) -> None:
    with Service(folder) as service:
        tokens = service.log_in()
        assert service.stop(signal.SIGKILL) != 0
    with Service(folder) as service:
        assert "left behind" in service.text()
        assert service.is_live(tokens["token"])


@pytest.mark.slow
def test_a_second_run_on_the_same_folder_says_what_to_do(latch: Service) -> None:
    second = run_here("", latch.data_dir, PORT=free_port())
    assert second.returncode == 2
    assert f"process {latch.process.pid}" in second.stderr
    assert "DATA_DIR" in second.stderr
    assert latch.http.get("/readyz").status_code == 200


@pytest.mark.slow
def test_a_data_dir_whose_socket_path_is_too_long_is_told(folder: Path) -> None:
    second = run_here("", folder / ("x" * 100), PORT=free_port())
    assert second.returncode == 2
    assert "DATA_DIR" in second.stderr
    assert "107" in second.stderr or "103" in second.stderr


@pytest.mark.slow
def test_bad_settings_stop_the_start_with_their_names_and_no_secret(folder: Path) -> None:
    result = run("", folder, PORT="ninety", ACCESS_TTL=-1, CODE_PEPPER="short-secret", SMS_SENDER="pigeon")
    assert result.returncode == 2
    assert {line.split(":")[0] for line in result.stderr.splitlines()} == {
        "PORT",
        "ACCESS_TTL",
        "CODE_PEPPER",
        "SMS_SENDER",
    }
    assert "short-secret" not in result.stderr


@pytest.mark.slow
def test_a_missing_sdk_stops_the_start_before_anything_is_served(folder: Path) -> None:
    (folder.parent / "twilio.py").write_text("raise ImportError('no such package', name='twilio')\n", encoding="utf-8")
    chosen = {"SMS_SENDER": "twilio", "TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "hush", "TWILIO_FROM": "+1555"}
    settings = {**chosen, "PYTHONPATH": folder.parent, "WORKERS": 2, "PORT": free_port()}
    result = run("", folder, "", **settings)
    assert result.returncode == 2
    assert result.stderr.strip().endswith(f'type: {sys.executable} -m pip install "twilio>=9.4"')
    assert not folder.exists() or not list(folder.glob("*redis*"))
    result = run("check", folder, "", **settings)
    assert result.returncode == 1
    assert "FAIL  SMS_SENDER: twilio needs a package" in result.stdout


@pytest.mark.slow
def test_an_outside_redis_without_a_pepper_stops_the_start(folder: Path) -> None:
    result = run_here("", folder, REDIS_URL="redis://127.0.0.1:1")
    assert result.returncode == 2
    assert "CODE_PEPPER" in result.stderr


@pytest.mark.slow
def test_a_port_in_use_is_told(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("", folder, PORT=taken.getsockname()[1])
    assert result.returncode == 2
    assert "PORT" in result.stderr
    assert not (folder / "redis.sock").exists()


@pytest.mark.slow
def test_a_start_that_fails_and_a_command_leave_the_redis_that_a_killed_run_has_left(folder: Path) -> None:
    with Service(folder) as service:
        tokens = service.log_in()
        assert service.stop(signal.SIGKILL) != 0
    with Redis(unix_socket_path=str(folder / "redis.sock")) as redis:
        process = redis.info("server")["process_id"]
        with socket.create_server(("127.0.0.1", 0)) as taken:
            result = run_here("", folder, PORT=taken.getsockname()[1])
        assert (result.returncode, "PORT" in result.stderr) == (2, True)
        result = run_here("", folder, DATABASE_URL=f"sqlite://{folder.parent}/outside.sqlite3", PORT=free_port())
        assert (result.returncode, "latch migrate" in result.stderr) == (1, True)
        assert "live" in run_here(f"explain {tokens['token']}", folder).stdout
        assert redis.info("server")["process_id"] == process
    with Service(folder) as service:
        assert service.is_live(tokens["token"])
        assert service.stop() == 0
    assert not (folder / "redis.sock").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("host", "address"), [("localhost", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("::1", "::1")])
def test_a_host_is_a_name_or_an_address_of_either_kind(host: str, address: str) -> None:
    with server.bound(server.Place("HOST, PORT", host, 0), None) as listener:
        assert listener.getsockname()[0] == address


@pytest.mark.slow
def test_migrate_applies_once(folder: Path) -> None:
    url = f"sqlite://{folder.parent}/outside.sqlite3"
    assert "applied 0001_initial\n" in run("migrate", folder, DATABASE_URL=url).stdout
    assert "nothing to apply" in run_here("migrate", folder, DATABASE_URL=url).stdout


@pytest.mark.slow
def test_an_outside_database_that_lacks_migrations_stops_the_start(folder: Path) -> None:
    result = run_here("", folder, DATABASE_URL=f"sqlite://{folder.parent}/outside.sqlite3", PORT=free_port())
    assert result.returncode == 1
    assert "latch migrate" in result.stderr


@pytest.mark.slow
def test_an_outside_database_that_is_away_does_not_stop_the_start_and_is_told(folder: Path) -> None:
    url = "postgres://latch:hidden@127.0.0.1:1/latch"
    with Service(folder, ready="/healthz", DATABASE_URL=url) as service:
        response = service.http.get("/readyz")
        assert response.status_code == 503
        assert response.json()["stores"] == {"redis": "ok", "database": "unavailable"}
    for command in ("migrate", "check"):
        result = run_here(command, folder, DATABASE_URL=url)
        assert result.returncode == 1
        assert "does not answer" in result.stdout + result.stderr
        assert "Traceback" not in result.stderr
        assert "hidden" not in result.stdout + result.stderr


@pytest.mark.slow
def test_an_odd_folder_name_is_no_trouble(folder: Path) -> None:
    odd = folder / "a%20b?c#d e"
    result = run_here("check", odd)
    assert (result.returncode, result.stderr) == (0, "")
    with Service(odd) as service:
        assert service.is_live(service.log_in()["token"])
    assert (odd / "latch.sqlite3").stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_check_is_content_with_the_embedded_stores_running_or_not(folder: Path, latch: Service) -> None:
    result = run("check", folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert "Redis evicts nothing" in result.stdout
    result = run_here("check", latch.data_dir)
    assert result.returncode == 0
    assert "up to date" in result.stdout


@pytest.mark.slow
def test_check_says_what_is_wrong(folder: Path, redis_server: str) -> None:
    url = f"sqlite://{folder.parent}/outside.sqlite3"
    result = run_here("check", folder, REDIS_URL="redis://u:hidden@127.0.0.1:1", CODE_PEPPER="x" * 32, DATABASE_URL=url)
    assert result.returncode == 1
    assert "FAIL  Redis at redis://127.0.0.1:1 does not answer" in result.stdout
    assert "latch migrate" in result.stdout
    assert "hidden" not in result.stdout + result.stderr


def transcript() -> list[tuple[str, str]]:
    """The commands of the README's transcript, each with the answer shown under it."""
    part = README.split("<!-- transcript:")[1].split("\nThe whole API")[0]
    lines = [line for block in re.findall(r"```console\n(.*?)```", part, re.DOTALL) for line in block.splitlines()]
    steps: list[tuple[str, str]] = []
    for line in lines:
        if line.startswith("$ "):
            steps.append((line[2:], ""))
        else:
            steps[-1] = (steps[-1][0], line)
    return steps


def shape(value: Any) -> Any:
    """What is promised of an answer: its fields, and whether each is text or a number."""
    return {name: shape(inner) for name, inner in value.items()} if isinstance(value, dict) else type(value).__name__


@pytest.mark.slow
def test_the_transcript_of_the_readme_is_what_happens(folder: Path) -> None:
    assert len(transcript()) == 9
    with Service(folder, SMS_SENDER="console", **AS_SHIPPED) as service:
        variables: dict[str, str] = {}
        for command, shown in transcript():
            if not command.startswith("curl"):
                continue
            typed = command.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{service.port}")
            answer = subprocess.run(
                ["bash", "-c", typed], env={**os.environ, **variables}, capture_output=True, text=True, check=True
            ).stdout
            assert shape(json.loads(answer or "{}")) == shape(json.loads(shown or "{}")), command
            if found := re.search(r"SMS to 138\*{4}8000: (\d+) is your login code", service.text()):
                variables["CODE"] = found[1]
            if "refresh_token" in answer and "TOKEN" not in variables:
                data = json.loads(answer)["data"]
                variables |= {"TOKEN": data["token"], "REFRESH_TOKEN": data["refresh_token"]}
