"""The commands on operators' sessions at the console: `run.py operators sessions | end`."""

import time
from argparse import Namespace
from collections.abc import Sequence

from config import Settings
from service.backing import operators_of
from service.commands.acting import acting
from service.commands.output import DONE, FAILED, say, table
from service.http.operators import described_session
from service.operator_sessions import OperatorSessions
from service.stores.operator_sessions import key_name

VERBS = ("sessions", "end")
COLUMNS = ("NAME", "ID", "ROLE", "DEVICE", "IP", "CREATED", "LAST USED", "EXPIRES", "KEY")


async def run(settings: Settings, chosen: Namespace) -> int:
    """Run one of both. Returns its exit code."""
    async with acting(settings, getattr(chosen, "reason", "")) as (connection, database, events, _):
        operators, sessions = operators_of(settings, connection, database, events, time.time)
        if chosen.verb == "end":
            return await _end(sessions, chosen.name, chosen.session, as_json=chosen.json)
        names = [chosen.name] if chosen.name else [operator.name for operator in await operators.all()]
        return await _list(sessions, names, as_json=chosen.json)


async def _list(sessions: OperatorSessions, names: Sequence[str], *, as_json: bool) -> int:
    """The sessions of these, with the keys that end them."""
    live = [session for name in names for session in await sessions.all(name)]
    found = [{"name": one.name, **described_session(one), "key": key_name(one.name, one.id)} for one in live]
    lines = table([COLUMNS, *(tuple(one.values()) for one in found)])
    return say("\n".join(lines) if found else "no sessions", {"sessions": found}, as_json=as_json)


async def _end(sessions: OperatorSessions, name: str, session_id: str | None, *, as_json: bool) -> int:
    """End one session, or all. Returns FAILED where there was none; NotFound rises for an id."""
    if session_id:
        await sessions.end(name, session_id)
    ended = [session_id] if session_id else await sessions.end_all(name)
    text = f"{len(ended)} session{'' if len(ended) == 1 else 's'} of operator {name} ended"
    say(text, {"name": name, "ended": ended}, as_json=as_json)
    return DONE if ended else FAILED
