"""Operators and keys: by owners over HTTP, and by commands."""

import asyncio
import hashlib
import json
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from service.entities import Device
from service.events import Events
from service.operator_sessions import OperatorSessions
from service.roles import Role
from service.stores.operator_sessions import OperatorSessionStore
from service.stores.operators import OperatorStore
from service.stores.redis.connection import Connection
from tests.admin.conftest import Console
from tests.client import error
from tests.processes import run, run_here
from tests.stores.conftest import opened

pytestmark = pytest.mark.slow

LINK = re.compile(r"http://localhost:[0-9]+/enrol#ada\.([A-Za-z0-9_-]{43})")
KEY = re.compile(r"latch_[A-Za-z0-9_-]{43}")


@pytest.mark.parametrize("noun", ["operators", "keys"])
async def test_an_owner_adds_lists_and_removes(console: Console, noun: str) -> None:
    added = await console.as_role(Role.OWNER, "POST", f"/{noun}", json={"name": "ada", "role": "look"})
    assert added.status_code == 201
    entry = added.json()["data"]
    assert (entry["name"], entry["role"], "key" in entry) == ("ada", "look", noun == "keys")
    assert ("link" in entry) == (noun == "operators")
    listed = (await console.as_role(Role.OWNER, "GET", f"/{noun}")).json()["data"][noun]
    [ada] = [one for one in listed if one["name"] == "ada"]
    assert ada == {"name": "ada", "role": "look", "created_at": "2026-01-01T00:00:00Z", "last_used_at": None}
    again = await console.as_role(Role.OWNER, "POST", f"/{noun}", json={"name": "ada", "role": "act"})
    assert error(again) == (400, "invalid_request")
    assert again.json()["fields"] == {"name": "is taken"}
    assert (await console.as_role(Role.OWNER, "DELETE", f"/{noun}/ada")).status_code == 204
    assert error(await console.as_role(Role.OWNER, "DELETE", f"/{noun}/ada")) == (404, "not_found")


async def test_a_new_key_has_its_role_and_its_acts_its_name(console: Console, caplog: pytest.LogCaptureFixture) -> None:
    added = await console.as_role(Role.OWNER, "POST", "/keys", json={"name": "crm.eu-1", "role": "look"})
    key = added.json()["data"]["key"]
    assert KEY.fullmatch(key)
    assert (await console.ask("GET", "/admin/v1/users/1", key)).status_code == 404
    assert (await console.ask("POST", "/admin/v1/users/1/unlock", key)).status_code == 403
    record = vars(caplog.records[[r.getMessage() for r in caplog.records].index("operator_refused")])
    assert record["operator"] == "crm.eu-1"
    assert key not in caplog.text


async def test_of_a_key_the_database_has_the_digest_alone(console: Console, database: Any) -> None:
    rows = await database.rows("SELECT * FROM keys", [])
    assert {row["digest"] for row in rows} == {
        hashlib.sha256(key.encode()).hexdigest() for key in console.keys.values()
    }
    assert not any(key[6:] in str(rows) for key in console.keys.values())


@pytest.mark.parametrize("name", ["a" * 33, "Ada", "%00", "%C3%A4", "a%2Fb", "*"])
async def test_what_cannot_be_a_name_is_nobody_s(console: Console, name: str) -> None:
    for noun in ("operators", "keys"):
        assert error(await console.as_role(Role.OWNER, "DELETE", f"/{noun}/{name}")) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name", "role"}),
        ({"name": "", "role": ""}, {"name", "role"}),
        ({"name": "Ada", "role": "look"}, {"name"}),
        ({"name": "a" * 33, "role": "root"}, {"name", "role"}),
        ({"name": "ada\n", "role": "look"}, {"name"}),
        ({"name": "a{b}", "role": 7}, {"name", "role"}),
    ],
)
async def test_what_cannot_be_a_name_or_a_role_is_told(console: Console, body: object, fields: set[str]) -> None:
    for noun in ("operators", "keys"):
        response = await console.as_role(Role.OWNER, "POST", f"/{noun}", json=body)
        assert error(response) == (400, "invalid_request")
        assert set(response.json()["fields"]) == fields


def test_a_key_is_made_listed_and_removed_by_commands(folder: Path) -> None:
    made = run("keys add billing --role look", folder)
    assert made.returncode == 0, made.stderr
    assert KEY.fullmatch(made.stdout.strip())
    with closing(sqlite3.connect(folder / "latch.sqlite3")) as database:
        [digest] = database.execute("SELECT digest FROM keys").fetchone()
    assert digest == hashlib.sha256(made.stdout.strip().encode()).hexdigest()
    listed = run_here("keys list", folder)
    assert re.search(r"^billing +look +20\S+ +never$", listed.stdout, re.MULTILINE)
    [entry] = json.loads(run_here("keys list --json", folder).stdout)["keys"]
    assert (entry["name"], entry["role"], entry["last_used_at"]) == ("billing", "look", None)
    as_json = json.loads(run_here("keys add crm --role owner --json", folder).stdout)
    assert (as_json["name"], as_json["role"]) == ("crm", "owner")
    assert KEY.fullmatch(as_json["key"])
    assert run_here("keys remove billing", folder).returncode == 0
    gone = run_here("keys remove billing", folder)
    assert (gone.returncode, gone.stderr.strip().endswith("there is no key billing")) == (1, True)


def test_an_operator_is_added_listed_and_removed_by_commands(folder: Path) -> None:
    assert "no operators" in run_here("operators list", folder).stdout
    added = run_here("operators add ada --role act", folder)
    assert added.returncode == 0
    assert LINK.fullmatch(added.stdout.strip())
    linked = json.loads(run_here("operators link ada --json --reason 'lost phone'", folder).stdout)
    assert (linked["name"], linked["expires_in"], linked["link"] == added.stdout.strip()) == ("ada", 600, False)
    assert LINK.fullmatch(linked["link"])
    assert run_here("operators link bob", folder).returncode == 1
    taken = run_here("operators add ada --role act", folder)
    assert (taken.returncode, taken.stderr.strip().endswith("name is taken")) == (2, True)
    odd = run_here("operators add Ada --role act", folder)
    assert (odd.returncode, "name should be" in odd.stderr) == (2, True)
    assert run_here("operators add bob --role root", folder).returncode == 2
    [entry] = json.loads(run_here("operators list --json", folder).stdout)["operators"]
    assert (entry["name"], entry["role"]) == ("ada", "act")
    assert json.loads(run_here("operators remove ada --json", folder).stdout) == {"name": "ada"}
    assert run_here("operators remove ada", folder).returncode == 1


def test_sessions_at_the_console_are_listed_and_ended_by_commands(folder: Path, redis_server: str) -> None:
    shared = {"REDIS_URL": redis_server, "CODE_PEPPER": "a pepper for the tests alone"}
    assert run_here("operators add ada --role act", folder, **shared).returncode == 0
    first, second = asyncio.run(begun(folder, redis_server, 2))
    listed = json.loads(run_here("operators sessions --json", folder, **shared).stdout)["sessions"]
    assert {one["id"] for one in listed} == {first, second}
    assert [
        run_here(f"operators sessions {name}", folder, **shared).stdout.count("act") for name in ("ada", "bob")
    ] == [
        2,
        0,
    ]
    assert f"operator:{{ada}}:session:{first}" in run_here("operators sessions ada", folder, **shared).stdout
    assert run_here(f"operators end ada {first} --reason 'left open'", folder, **shared).returncode == 0
    assert run_here(f"operators end ada {first}", folder, **shared).returncode == 1
    ended = run_here("operators end ada --json", folder, **shared)
    assert (ended.returncode, json.loads(ended.stdout)) == (0, {"name": "ada", "ended": [second]})
    none = run_here("operators end ada", folder, **shared)
    assert (none.returncode, none.stdout.strip()) == (1, "0 sessions of operator ada ended")
    shown = run_here("events --kind operator_session_ended --json", folder, **shared).stdout
    assert shown.count("operator_session_ended") == 2
    assert "left open" in shown


async def begun(folder: Path, redis_url: str, count: int) -> list[str]:
    """The ids of as many sessions of ada, begun now."""
    async with opened(f"sqlite://{folder / 'latch.sqlite3'}") as database:
        connection = Connection(redis_url, timeout=10)
        store = OperatorSessionStore(connection)
        sessions = OperatorSessions(store, OperatorStore(database), Events(), time.time)
        cookies = [await sessions.begin("ada", None, Device("a laptop", "203.0.113.7")) for _ in range(count)]
        await connection.close()
    return [cookie.split(".")[1] for cookie in cookies]


def test_an_operator_is_added_without_a_link_while_redis_is_away(folder: Path, unused_port: int) -> None:
    away = {"REDIS_URL": f"redis://127.0.0.1:{unused_port}", "CODE_PEPPER": "a pepper for the tests alone"}
    added = run_here("operators add ada --role act --json", folder, **away)
    assert (added.returncode, json.loads(added.stdout)["link"]) == (0, None)
    assert "no link could be made: latch operators link ada" in added.stderr
    assert run_here("operators link ada", folder, **away).returncode == 1
    removed = run_here("operators remove ada", folder, **away)
    assert (removed.returncode, "a link made for them ends within 600 s" in removed.stderr) == (0, True)


async def test_a_link_is_good_once_and_the_last_one_alone(
    console: Console, redis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    added = await console.as_role(Role.OWNER, "POST", "/operators", json={"name": "ada", "role": "look"})
    again = await console.as_role(Role.OWNER, "POST", "/operators/ada/link")
    assert (again.status_code, again.json()["data"]["expires_in"]) == (201, 600)
    first, second = (LINK.fullmatch(answer.json()["data"]["link"]) for answer in (added, again))
    assert first
    assert second
    assert first[1] not in caplog.text + second[1]
    assert second[1] not in caplog.text
    assert [vars(record)["reason"] for record in caplog.records if record.getMessage() == "operator_linked"] == [
        "ada"
    ] * 2
    assert await redis.keys("operator:*") == [b"operator:{ada}:link"]
    assert await redis.get("operator:{ada}:link") == hashlib.sha256(second[1].encode()).hexdigest().encode()
    assert 590_000 < await redis.pttl("operator:{ada}:link") <= 600_000
    operators = console.app.ctx.operators
    assert not await operators.spend_link("ada", first[1])
    assert not await operators.spend_link("bob", second[1])
    assert [await operators.spend_link("ada", second[1]) for _ in range(2)] == [True, False]


async def test_of_many_who_come_with_a_link_one_spends_it(console: Console) -> None:
    added = await console.as_role(Role.OWNER, "POST", "/operators", json={"name": "ada", "role": "look"})
    secret = added.json()["data"]["link"].partition("#ada.")[2]
    spent = await asyncio.gather(*(console.app.ctx.operators.spend_link("ada", secret) for _ in range(20)))
    assert sorted(spent) == [False] * 19 + [True]


async def test_the_link_of_whoever_is_removed_is_deleted(console: Console, redis: Any) -> None:
    await console.as_role(Role.OWNER, "POST", "/operators", json={"name": "ada", "role": "look"})
    assert (await console.as_role(Role.OWNER, "DELETE", "/operators/ada")).status_code == 204
    assert await redis.keys("operator:*") == []
    for name in ("ada", "Ada", "%2A"):
        assert error(await console.as_role(Role.OWNER, "POST", f"/operators/{name}/link")) == (404, "not_found")


async def test_there_is_a_first_link_until_somebody_has_come_in(console: Console) -> None:
    operators = console.app.ctx.operators
    assert "#ada." in await operators.first_link("ada")
    assert "#ada." in await operators.first_link("bob")
    assert [(one.name, one.role) for one in await operators.all()] == [("ada", Role.OWNER)]
    await operators.add("bob", Role.LOOK)
    assert await operators.first_link("ada") is None
    await operators.remove("bob")
    await console.app.ctx.operator_sessions.begin("ada", None, Device("Firefox", "192.0.2.7"))
    assert await operators.first_link("ada") is None
