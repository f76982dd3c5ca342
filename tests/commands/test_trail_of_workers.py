"""The audit trail compared with what was done, over two workers, one of which is killed in the middle."""

import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.client import BASE, bearer
from tests.commands.test_admin import Watched
from tests.test_stopping import ready_workers, until

pytestmark = pytest.mark.slow

BOUND = 1.0  # seconds of events that a killed process loses at most (docs/audit.md)
BEFORE, AFTER = 2.5, 2.0  # seconds of work on either side of the kill
NIGHT = 0.2  # seconds: of refusals that come by the dozen in half a second some stand in the log alone
PEOPLE = 4  # at once, each with numbers of their own
COLUMNS = "kind, user_id, session_id, operator, reason"
Act = tuple[str, int | None, str | None, str | None, str | None]  # these COLUMNS of the event that it should leave


@dataclass
class Ledger:
    """What was done: `tried` before it was asked for, `answered` with the moment of the answer. By request id."""

    tried: dict[str, str] = field(default_factory=dict)
    answered: dict[str, tuple[float, list[Act]]] = field(default_factory=dict)


class Person:
    """Logs in, is refused, logs out and is thrown out by an operator, again and again, over connections of its own."""

    def __init__(self, service: Watched, key: dict[str, str], number: int, ledger: Ledger, ids: Iterator[int]) -> None:
        self._service, self._key, self._ledger, self._ids = service, key, ledger, ids
        self._mobiles = (f"13{number}{each:08d}" for each in count())

    def live(self, until_set: threading.Event) -> None:
        while not until_set.wait(NIGHT):
            self._day(next(self._mobiles))

    def _day(self, mobile: str) -> None:
        if not self._ask("code_sent", "POST", "/sms/codes", json={"mobile": mobile}):
            return
        code = self._service.last_code(mobile)
        wrong = f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"
        self._ask("login_refused", "POST", "/authorizations", json={"mobile": mobile, "code": wrong})
        data = self._ask("login", "POST", "/authorizations", json={"mobile": mobile, "code": code})
        if not data:
            return
        if data["user_id"] % 2:
            self._ask("logout", "DELETE", "/authorizations", of=data, headers=bearer(data["token"]))
        else:
            self._throw_out(data)

    def _ask(self, kind: str, method: str, path: str, of: Any = None, **options: Any) -> Any:
        """What was answered; None where nothing was, since the worker was killed."""
        request_id = f"{kind}-{next(self._ids):08d}"
        headers = {**options.pop("headers", {}), "X-Request-ID": request_id}
        self._ledger.tried[request_id] = kind
        try:
            response = httpx.request(
                method, f"http://127.0.0.1:{self._service.port}{BASE}{path}", headers=headers, timeout=50, **options
            )
        except httpx.TransportError:
            return None
        assert response.status_code == {"login_refused": 400, "logout": 204}.get(kind, 200), response.text
        data = response.json().get("data") if response.content else None
        about = of or (data if kind == "login" else None) or {}
        reason = "invalid_code" if kind == "login_refused" else None
        act = (kind, about.get("user_id"), about.get("session_id"), None, reason)
        self._ledger.answered[request_id] = (time.time(), [act])
        return data

    def _throw_out(self, data: dict[str, Any]) -> None:
        request_id = f"revoke-{next(self._ids):08d}"
        self._ledger.tried[request_id] = "session_revoked"
        why = f"it was {request_id}"
        headers = {**self._key, "X-Request-ID": request_id, "X-Reason": quote(why)}
        url = f"http://localhost:{self._service.admin_port}/admin/v1/users/{data['user_id']}/sessions"
        response = httpx.request("DELETE", url, headers=headers, timeout=50)
        assert response.status_code == 200, response.text
        act = ("session_revoked", data["user_id"], data["session_id"], "desk", why)
        self._ledger.answered[request_id] = (time.time(), [act])


def trail(data_dir: Path) -> dict[str, list[Act]]:
    """What stands there, by the request that caused it."""
    found: dict[str, list[Act]] = {}
    with closing(sqlite3.connect(data_dir / "latch.sqlite3")) as database:
        for request_id, *act in database.execute(f"SELECT request_id, {COLUMNS} FROM events"):
            found.setdefault(request_id or "", []).append(tuple(act))
    return found


def worked_and_killed(service: Watched, ledger: Ledger) -> float:
    """People do what they do, on both workers; one is killed. Returns when."""
    ids, over = count(), threading.Event()
    beside = service.admin_process().pid
    victim = next(pid for pid in ready_workers(service) if pid != beside)
    key = service.key(name="desk")
    with ThreadPoolExecutor(PEOPLE) as pool:
        people = [Person(service, key, number, ledger, ids) for number in range(PEOPLE)]
        living = [pool.submit(person.live, over) for person in people]
        try:
            time.sleep(BEFORE)
            killed_at = time.time()
            os.kill(victim, signal.SIGKILL)
            time.sleep(AFTER)
        finally:
            over.set()
        for one in living:
            one.result()
    return killed_at


def test_the_trail_says_what_was_done_once_and_nothing_else_when_a_worker_is_killed(folder: Path) -> None:
    ledger = Ledger()
    patient = dict.fromkeys(("REDIS_TIMEOUT", "DATABASE_TIMEOUT", "STORES_TIMEOUT"), 20)
    with Watched(folder, WORKERS=2, **patient) as service:
        until(lambda: len(ready_workers(service)) == 3, service)  # and the private listener
        killed_at = worked_and_killed(service, ledger)
        assert service.stop(signal.SIGTERM) == 0
    found = trail(folder)
    done = {request_id: acts for request_id, (_, acts) in ledger.answered.items()}
    in_doubt = {
        request_id
        for request_id in ledger.tried
        if request_id not in done or killed_at - BOUND <= ledger.answered[request_id][0] <= killed_at + 0.1
    }
    certain = {request_id: acts for request_id, acts in done.items() if request_id not in in_doubt}
    by_kind = Counter(acts[0][0] for acts in certain.values())
    assert set(by_kind) == {"code_sent", "login_refused", "login", "logout", "session_revoked"}
    assert {request_id: without_unknown(found.get(request_id, [])) for request_id in certain} == certain
    for request_id in in_doubt & set(found):  # what was perhaps lost was not written twice, nor as something else
        assert [act[0] for act in found[request_id]] == [ledger.tried[request_id]]
        assert request_id not in done or without_unknown(found[request_id]) == done[request_id]
    beside = [act[0] for request_id, acts in found.items() if request_id not in ledger.tried for act in acts]
    assert beside == ["key_added"]


def without_unknown(acts: list[Act]) -> list[Act]:
    """Of a code sent, and of a login refused, the user is looked up by number: whoever asked could not know it."""
    return [(act[0], None, *act[2:]) if act[0] in {"code_sent", "login_refused"} else act for act in acts]
