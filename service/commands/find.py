"""`run.py find`: whom a number, an id, a name or a token is about."""

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from config import Settings
from service.commands.output import DONE, FAILED, say, table
from service.commands.sessions import opened
from service.embedded.running import running_redis
from service.http.people import described, explanation

COLUMNS = ("ID", "NAME", "NUMBER", "STATUS", "CREATED", "LAST LOGIN", "SESSIONS")


def add_options(parser: ArgumentParser) -> None:
    """What may be looked for."""
    what = "number, user id, session id, start of a name or token; - to read it from standard input"
    parser.add_argument("subject", nargs="+", metavar="WHOM", help=what)
    parser.add_argument("--cursor", default="", help="go on from there: it is printed where there are more")
    parser.add_argument("--json", action="store_true", help="for scripts")


def run(settings: Settings, chosen: Namespace) -> int:
    """Print who is found, names and numbers masked. Returns FAILED where nobody is."""
    text = " ".join(chosen.subject)  # a number may come in several words
    with running_redis(settings):
        found = asyncio.run(_found(settings, sys.stdin.readline().strip() if text == "-" else text, chosen.cursor))
    say("\n".join(_lines(found)), found, as_json=chosen.json)
    return DONE if found["users"] else FAILED


async def _found(settings: Settings, text: str, cursor: str) -> dict[str, Any]:
    async with opened(settings) as does:
        found = await does.lookup.find(text, cursor)
        users = [described(user, len(await does.sessions.of_user(user.id))) for user in found.users]
    explained = found.explained and explanation(found.explained)
    return {"by": found.by, "users": users, "next": found.next or None, "explained": explained}


def _lines(found: dict[str, Any]) -> Iterator[str]:
    if explained := found["explained"]:
        yield f"a live {explained['kind']}" if explained["live"] else f"a token that is not live: {explained['why']}"
    if not found["users"]:
        yield f"nobody is found by this {found['by'].replace('_', ' ')}"
        return
    rows = [["" if cell is None else str(cell) for cell in user.values()] for user in found["users"]]
    yield from table([COLUMNS, *rows])
    if found["next"]:
        yield f"there are more: --cursor {found['next']}"
