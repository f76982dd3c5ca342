"""`latch webhooks`: how receivers fare, dead letters, and a test event that is sent now."""

import asyncio
import json
from pathlib import Path

import pytest

from service.stores.redis.connection import Connection
from tests.admin.test_webhooks import URLS, given_up
from tests.dispatch.conftest import SECRET, Open, open_receiver
from tests.processes import Finished, run

__all__ = ["open_receiver"]  # a fixture

pytestmark = pytest.mark.slow

NAMES = {"WEBHOOK_URLS": ",".join(URLS), "WEBHOOK_SECRET": SECRET, "CODE_PEPPER": "0f5c2a7be1d43c900f5c2a7be1d43c90"}


async def test_letters_are_listed_shown_sent_once_more_and_deleted(
    folder: Path, connection: Connection, redis_server: str
) -> None:
    newest, oldest = await given_up(connection, [7, 8])
    database = f"sqlite://{folder.parent / 'latch.sqlite3'}"
    shared = {**NAMES, "REDIS_URL": redis_server, "DATABASE_URL": database}

    async def typed(command: str) -> Finished:
        return await asyncio.to_thread(run, command, folder, **shared)

    async def told(options: str) -> str:
        result = await typed(f"webhooks {options}")
        assert result.returncode == 0, result.stderr
        return result.stdout

    assert (await typed("migrate")).returncode == 0
    listed = json.loads(await told("--json"))
    assert [one["id"] for one in listed["dead_letters"]] == [newest, oldest]
    assert [one["dead_letters"] for one in listed["receivers"]] == [2, 0]
    assert "1 crm.example.com" in await told("")
    assert json.loads(await told(f"--show {oldest} --json"))["data"] == {"user_id": 7}
    assert json.loads(await told(f"--resend {oldest} --reason mended --json")) == {"resent": 1}
    assert await told("--resend-all 1") == "1 sent once more\n"
    assert json.loads(await told("--json"))["dead_letters"] == []
    gone = await typed(f"webhooks --delete {newest}")
    assert (gone.returncode, gone.stderr) == (1, f"there is no dead letter {newest}\n")


async def test_a_test_event_is_signed_and_what_came_back_is_said(folder: Path, open_receiver: Open) -> None:
    takes, fails = await open_receiver(), await open_receiver()
    fails.statuses = lambda _: 503
    urls = f"{takes.url},{fails.url}"
    result = await asyncio.to_thread(run, "webhooks --test --json", folder, WEBHOOK_URLS=urls, WEBHOOK_SECRET=SECRET)
    assert result.returncode == 1
    assert [(one["taken"], one["answer"]) for one in json.loads(result.stdout)["results"]] == [
        (True, "status 204"),
        (False, "status 503"),
    ]
    [event] = takes.taken
    assert (event["type"], event["data"]) == ("test", {"test": True})
    alone = await asyncio.to_thread(run, "webhooks --test", folder, WEBHOOK_URLS=takes.url, WEBHOOK_SECRET=SECRET)
    assert (alone.returncode, alone.stdout) == (0, f"1 localhost:{takes.port}: taken (status 204)\n")
