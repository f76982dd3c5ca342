"""`run.py messages`: what becomes of messages by sender, and of codes by prefix, and what the guard does and why."""

import asyncio
import time
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from config import Settings
from service.backing import connections, message_figures_of
from service.commands.output import say, table
from service.embedded.running import running_redis
from service.http.messages import CAPTCHA, CLOSED, OFF, described
from service.pictures import MessagePicture

SENDERS = ("SENDER", "STATE", "WITHIN", "ASKED", "SENT", "FAILED", "REFUSED", "MEDIAN", "P95", "LAST FAILURE")
CODES = ("PREFIX", "ASKED", "SENT", "USED", "PART", "IN A DAY", "SENT", "USED", "PART", "GUARD")
SPANS = {"hour": "last_hour", "day": "last_day"}
HELD = {"prefix": "its own codes", "all": "the codes of all numbers"}


def run(settings: Settings, chosen: Namespace) -> int:
    """Print what becomes of them."""
    with running_redis(settings):
        found = described(asyncio.run(_found(settings)))
    lines = [*_sender_lines(found["senders"]), "", *code_lines(found)]
    return say("\n".join(lines), found, as_json=chosen.json)


async def _found(settings: Settings) -> MessagePicture:
    connection, _ = connections(settings)
    try:
        return await message_figures_of(settings, connection, time.time).look()
    finally:
        await connection.close()


def code_lines(found: dict[str, Any]) -> Iterator[str]:
    """The rule of the guard, and a table of codes within an hour and a day: of all numbers, and by prefix."""
    yield _rule(found["guard"])
    named = [("all", found["overall"]), *((one["prefix"], one) for one in found["prefixes"])]
    rows = [*((name, *_counts(one), _judgement(one["guard"])) for name, one in named)]
    yield from table([CODES, *rows, ("others", *_counts(found["others"]), "")])


def _sender_lines(senders: list[dict[str, Any]]) -> list[str]:
    return table([SENDERS, *(row for sender in senders for row in _tries(sender))])


def _tries(sender: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for span, name in SPANS.items():
        tries = sender[name]
        counts = (str(tries[outcome]) for outcome in ("asked", "sent", "failed", "refused"))
        seconds = (_seconds(tries["seconds"][part]) for part in ("median", "p95"))
        yield sender["name"], sender["state"], span, *counts, *seconds, sender["last_failure"] or ""


def _counts(codes: dict[str, Any]) -> Iterator[str]:
    for span in SPANS.values():
        counts = codes[span]
        yield from (str(counts[what]) for what in ("asked", "sent", "used"))
        yield _percent(counts["conversion"])


def _rule(guard: dict[str, Any]) -> str:
    if not guard["on"]:
        return "the conversion guard is off (SMS_MIN_CONVERSION=0)"
    what = "asks for a captcha" if guard["strangers"] == CAPTCHA else "sends strangers no codes"
    least, sent = _percent(guard["min_conversion"]), guard["min_sent"]
    return f"the conversion guard {what} where less than {least} of an hour's codes are used, from {sent} on"


def _judgement(guard: dict[str, Any]) -> str:
    if guard["state"] != CLOSED:
        return "" if guard["state"] == OFF else "open"
    figures = f"{guard['used']} of {guard['sent']} used" if guard["sent"] else "none sent"
    return f"closed until {guard['until']} by {HELD[guard['held_by']]}; {figures}"


def _percent(part: float | None) -> str:
    return "" if part is None else f"{100 * part:.0f} %"


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:g} s"
