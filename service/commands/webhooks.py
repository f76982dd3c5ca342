"""`run.py webhooks`: how the receivers of events fare; dead letters: look, send once more, delete; and a test event."""

import asyncio
import json
import time
from argparse import ArgumentParser, Namespace
from typing import Any

from config import Settings
from service.backing import dead_letters_of
from service.commands.acting import acting, add_reason
from service.commands.output import DONE, FAILED, say, table
from service.dead_letters import DeadLetters
from service.embedded.running import running_redis
from service.http.webhooks import letter_described, receiver_described
from service.senders.events import EventSender
from service.senders.signer import Signer
from service.webhook_addresses import Allowed
from service.webhooks import OutboxEvent, Receiver, receivers_of

RECEIVERS = ("RECEIVER", "STATE", "WAITING", "OLDEST", "TAKEN", "FAILED", "LAST FAILURE", "PAUSED UNTIL", "DEAD")
LETTERS = ("ID", "RECEIVER", "WEBHOOK ID", "TYPE", "USER", "GIVEN UP", "PROBLEM")
NONE = "WEBHOOK_URLS is empty: no events are sent"


def add_options(sub: ArgumentParser) -> None:
    """What can be done."""
    what = sub.add_mutually_exclusive_group()
    what.add_argument("--test", action="store_true", help="post a signed event `test` to each receiver now")
    what.add_argument("--show", metavar="ID", help="a dead letter, whole")
    what.add_argument("--resend", metavar="ID", help="send a dead letter once more")
    what.add_argument("--resend-all", metavar="N", type=int, help="send all dead letters of receiver N once more")
    what.add_argument("--delete", metavar="ID", help="delete a dead letter")
    sub.add_argument("--json", action="store_true", help="for scripts")
    add_reason(sub)


def run(settings: Settings, chosen: Namespace) -> int:
    """Run one of these; without an option list receivers and letters. Returns the exit code."""
    if chosen.test:
        return asyncio.run(_test(settings, as_json=chosen.json))
    with running_redis(settings):
        return asyncio.run(_run(settings, chosen))


async def _run(settings: Settings, chosen: Namespace) -> int:
    async with acting(settings, chosen.reason) as (connection, _, events, _):
        letters = dead_letters_of(settings, connection, events)
        if chosen.show:
            letter = await letters.find(chosen.show)
            found = letter_described(letter, letters.name_of(letter))
            return say(json.dumps(found, indent=2, ensure_ascii=False), found, as_json=chosen.json)
        if chosen.resend:
            await letters.resend(chosen.resend)
            return say(f"{chosen.resend} is sent once more", {"resent": 1}, as_json=chosen.json)
        if chosen.delete:
            await letters.delete(chosen.delete)
            return say(f"{chosen.delete} is deleted", {"deleted": 1}, as_json=chosen.json)
        if chosen.resend_all is not None:
            resent = await letters.resend_all(chosen.resend_all)
            return say(f"{resent} sent once more", {"resent": resent}, as_json=chosen.json)
        return await _list(letters, as_json=chosen.json)


async def _list(letters: DeadLetters, *, as_json: bool) -> int:
    receivers = [receiver_described(standing) for standing in await letters.standings()]
    newest, cursor = await letters.newest()
    found = [letter_described(letter, letters.name_of(letter)) for letter in newest]
    lines = table([RECEIVERS, *(_cells(one, without=("number",)) for one in receivers)]) if receivers else [NONE]
    if found:
        lines += ["", *table([LETTERS, *(_cells(one, without=("timestamp", "data", "tries")) for one in found)])]
    lines += ["", "there are more"] if cursor else []
    return say("\n".join(lines), {"receivers": receivers, "dead_letters": found}, as_json=as_json)


def _cells(value: dict[str, Any], without: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("" if cell is None else str(cell) for name, cell in value.items() if name not in without)


async def _test(settings: Settings, *, as_json: bool) -> int:
    """Post the event, and say what came back. Returns FAILED where one receiver has not taken it."""
    receivers = receivers_of(settings.webhook_urls)
    results = [await _tested(settings, one) for one in receivers]
    words = {True: "taken", False: "NOT taken"}
    told = [f"{result['receiver']}: {words[result['taken']]} ({result['answer']})" for result in results]
    say("\n".join(told) or NONE, {"results": results}, as_json=as_json)
    return DONE if results and all(result["taken"] for result in results) else FAILED


async def _tested(settings: Settings, receiver: Receiver) -> dict[str, Any]:
    sender = EventSender(receiver.url, Signer(settings.webhook_keys), Allowed(settings.webhook_allow))
    now = time.time()
    place = f"{round(now * 1000)}-0"
    try:
        attempt = await sender.post(OutboxEvent(place, f"evt_test_{place}", "test", "", now, '{"test":true}'))
    finally:
        await sender.close()
    return {"receiver": receiver.name, "taken": attempt.is_taken, "answer": attempt.words}
