"""The commands on those who may ask the private listener: `run.py operators | keys  add | list | remove`."""

import argparse
import asyncio
import sys
import time
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from config import Settings
from service.backing import operators_of
from service.commands import migrate, operator_sessions
from service.commands.acting import acting, add_reason
from service.commands.output import DONE, FAILED, say, table
from service.embedded.running import running_redis
from service.http.operators import described
from service.operators import Keys, Operators
from service.roles import LINK_LIFE, Role
from service.stores.operators import KeyStore

NOUNS = {"operators": "people who may ask the private listener", "keys": "API keys of programs that may ask it"}
VERBS = ("add", "list", "remove")
COLUMNS = ("NAME", "ROLE", "CREATED", "LAST USED")
LINK_ONCE = "The link is shown this once. It enrols a passkey, within ten minutes:"
ONCE = "The key is shown this once. It goes into: Authorization: Bearer <key>"

Register = Operators | Keys


def add_to(commands: Any) -> None:
    """Add both nouns, with what can be done to each, to the parser's commands."""
    for noun, explained in NOUNS.items():
        parser = commands.add_parser(noun, help=f"add, list or remove {explained}", description=explained)
        of_noun = (*VERBS, "link", *operator_sessions.VERBS) if noun == "operators" else VERBS
        verbs = parser.add_subparsers(required=True, metavar=" | ".join(of_noun))
        for verb in of_noun:
            sub: argparse.ArgumentParser = verbs.add_parser(verb)
            sub.set_defaults(command=run, noun=noun, verb=verb)
            sub.add_argument("--json", action="store_true", help="for scripts")
            if verb == "sessions":
                sub.add_argument("name", metavar="NAME", nargs="?", help="of whom; without, of each one in the list")
            elif verb != "list":
                sub.add_argument("name", metavar="NAME", help="a lower-case letter, then a-z, 0-9, dot, - and _")
                add_reason(sub)
            if verb == "end":
                sub.add_argument("session", metavar="ID", nargs="?", help="which session; without, all of them")
            if verb == "add":
                sub.add_argument("--role", required=True, choices=[role.value for role in Role])


def run(settings: Settings, chosen: Namespace) -> int:
    """Run a command on the database of the settings, served or not. Returns its exit code."""
    if not asyncio.run(migrate.database_is_current(settings)):
        return FAILED
    with running_redis(settings) if chosen.noun == "operators" and chosen.verb != "list" else nullcontext():
        work = operator_sessions.run if chosen.verb in operator_sessions.VERBS else _run
        return asyncio.run(work(settings, chosen))


async def _run(settings: Settings, chosen: Namespace) -> int:
    async with _opened(settings, chosen.noun, getattr(chosen, "reason", "")) as register:
        if chosen.verb == "add":
            return await _add(register, chosen.name, Role(chosen.role), as_json=chosen.json)
        if chosen.verb == "link" and isinstance(register, Operators):
            return _say_link(await register.link(chosen.name), {"name": chosen.name}, as_json=chosen.json)
        if chosen.verb == "remove":
            await register.remove(chosen.name)
            return say(f"{register.noun} {chosen.name} is removed", {"name": chosen.name}, as_json=chosen.json)
        found = [described(one) for one in await register.all()]
        lines = table([COLUMNS, *(tuple(value or "never" for value in one.values()) for one in found)])
        return say("\n".join(lines) if found else f"no {chosen.noun}", {chosen.noun: found}, as_json=chosen.json)


async def _add(register: Register, name: str, role: Role, *, as_json: bool) -> int:
    added = {"name": name, "role": role.value}
    if isinstance(register, Operators):
        link = await register.add(name, role)
        print(f"operator {name} may {role.value}", file=sys.stderr)
        return _say_link(link, added, as_json=as_json)
    key = await register.add(name, role)
    print(ONCE, file=sys.stderr)
    return say(key, {**added, "key": key}, as_json=as_json)


def _say_link(link: str | None, value: dict[str, str], *, as_json: bool) -> int:
    """Print the link, or say how to make one; the operator is there in any case. Returns DONE."""
    name = value["name"]
    print(LINK_ONCE if link else f"no link could be made: latch operators link {name}", file=sys.stderr)
    if not link and not as_json:
        return DONE
    return say(link or "", {**value, "link": link, "expires_in": LINK_LIFE if link else 0}, as_json=as_json)


@asynccontextmanager
async def _opened(settings: Settings, noun: str, reason: str) -> AsyncIterator[Register]:
    async with acting(settings, reason) as (connection, database, events, _):
        if noun == "keys":
            yield Keys(KeyStore(database), events, time.time)
        else:
            yield operators_of(settings, connection, database, events, time.time)[0]
