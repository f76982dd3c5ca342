"""The command line: serve, migrate, check, and the operator's commands. `python run.py --help` lists them.

Exit codes: 0 done, 1 nothing was to be done or something is not as it should be, 2 the command or a setting is wrong.
"""

import gc

GARBAGE = 20_000  # new objects between two looks for garbage; a request makes hundreds, and hardly any that is
gc.disable()  # imports make very many objects and next to no garbage: looking for it is a third of a start

import sys

from service.commands import signals

if __name__ == "__main__" and sys.argv[1:] in ([], ["serve"], ["admin"]):
    signals.leave_at_once()  # imports are no place for an exception

import argparse
import os
import re
from collections.abc import Callable, Sequence

import config
from config import SettingsError
from service import VERSION
from service.commands import (
    admin,
    check,
    events,
    find,
    messages,
    migrate,
    now,
    numbers,
    operators,
    output,
    personal_data,
    rehearse,
    revocations,
    serve,
    sessions,
    webhooks,
)
from service.commands.acting import add_reason
from service.embedded.data_dir import DataDirInUse, DataDirUnusable, made
from service.embedded.pepper import with_kept_pepper
from service.embedded.redis_server import EmbeddedRedisError
from service.errors import InvalidRequest, NotFound, ServiceUnavailable
from service.observability import logs

gc.freeze()  # what has been imported stays, and is not looked at again
gc.set_threshold(GARBAGE)
gc.enable()

FAILED, MISUSED = 1, 2
Command = Callable[[config.Settings, argparse.Namespace], int]  # returns an exit code
DASHED_TOKEN = re.compile(r"-[A-Za-z0-9_-]{63}", re.ASCII)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code."""
    os.umask(0o077)  # whatever is written belongs to this user alone
    chosen = _parser().parse_args(_with_dashed_tokens_last(sys.argv[1:] if arguments is None else arguments))
    try:
        if (
            getattr(chosen, "name", "") == "rehearse"
        ):  # it has a Latch of its own: nothing of this one's is read, made or touched
            return rehearse.run(None, chosen)
        settings = with_kept_pepper(config.load())
        made(settings)
        logs.configure(settings)
        return _run(chosen, settings)
    except NotFound as error:
        print(error, file=sys.stderr)
        return FAILED
    except InvalidRequest as error:
        print("\n".join(f"{name} {problem}" for name, problem in error.fields.items()), file=sys.stderr)
        return MISUSED
    except (SettingsError, EmbeddedRedisError, DataDirInUse, DataDirUnusable) as error:
        print(error, file=sys.stderr)
        return MISUSED


def _run(chosen: argparse.Namespace, settings: config.Settings) -> int:
    try:
        return int(chosen.command(settings, chosen))
    except ServiceUnavailable as error:
        output.say_outage(settings, error)
        return FAILED


# What each command is called, what runs it, and what it is for. Those with options of their own add them themselves.
COMMANDS: tuple[tuple[str, Command, str], ...] = (
    ("serve", serve.run, "serve HTTP (also without a command)"),
    ("admin", admin.run, "serve operators alone, for a service with ADMIN_PORT=0 or on another machine"),
    ("migrate", migrate.run, "bring the database up to date"),
    ("check", check.run, "check settings, connections, Redis' persistence and eviction policy, migrations"),
    ("find", find.run, "whom a number, a user id, a session id, the start of a name or a token is about"),
    ("sessions", sessions.run, "list a user's sessions, with the keys that end them"),
    ("revoke", sessions.run, "end a user's sessions, or those of many"),
    ("disable", sessions.run, "let a user log in no more, and end every session"),
    ("enable", sessions.run, "let a user log in again"),
    ("unlock", sessions.run, "forget a number's wrong tries, codes and cool-down"),
    ("explain", sessions.run, "say whether a token is live, whose it is, and if not, why"),
    ("change-number", numbers.run, "give a user another number, end every session, and tell the old number"),
    ("export", personal_data.run, "print all that is kept of a person, as JSON"),
    ("erase", personal_data.run, "erase a person: sessions, row, codes, limits; events bear an id that says nothing"),
    ("now", now.run, "who is online, what has happened in the last hour, and which stores and senders work"),
    (
        "messages",
        messages.run,
        "what becomes of messages by sender, of codes by prefix, and what the guard does and why",
    ),
    ("webhooks", webhooks.run, "how other systems take events, what they have not taken, and a test event"),
    ("events", events.run, "what has happened, newest first: the audit trail"),
    ("rehearse", rehearse.run, "try a client of Latch's on a network that misbehaves by script"),
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="latch", description="Latch: log in by SMS code.")
    parser.add_argument("--version", action="version", version=f"latch {VERSION}")
    parser.set_defaults(command=serve.run)
    commands = parser.add_subparsers(title="commands", metavar="")
    for name, command, explained in COMMANDS:
        sub = commands.add_parser(name, help=explained, description=explained)
        sub.set_defaults(command=command, name=name)
        if command is sessions.run:
            _add_options_of_sessions(sub, name)
        elif command is numbers.run:
            numbers.add_options(sub)
        elif command is personal_data.run:
            personal_data.add_options(sub, name)
        elif command in {now.run, messages.run}:
            sub.add_argument("--json", action="store_true", help="for scripts")
        elif command is webhooks.run:
            webhooks.add_options(sub)
        elif command is find.run:
            find.add_options(sub)
        elif command is events.run:
            events.add_options(sub)
        elif command is rehearse.run:
            rehearse.add_options(sub)
    operators.add_to(commands)
    return parser


def _add_options_of_sessions(sub: argparse.ArgumentParser, name: str) -> None:
    noun, what = "USER", "mobile number, also in several words, or user id"
    if name == "explain":
        noun, what = "TOKEN", "the token, or - to read it from standard input"
    sub.add_argument("subject", nargs="*" if name == "revoke" else "+", metavar=noun, help=what)
    sub.add_argument("--json", action="store_true", help="for scripts")
    if name in {"revoke", "disable", "enable", "unlock"}:
        add_reason(sub)
    if name in {"revoke", "disable"}:
        sub.add_argument("--yes", action="store_true", help="do not ask")
    if name == "unlock":
        sub.add_argument("--keys", action="store_true", help="print the names of the keys in Redis, and change nothing")
    if name == "revoke":
        sub.add_argument("--session", metavar="ID", help="only this one")
        revocations.add_options(sub)


def _with_dashed_tokens_last(arguments: Sequence[str]) -> list[str]:
    """One token in 64 begins with a hyphen, and is no option for that."""
    dashed = [argument for argument in arguments if DASHED_TOKEN.fullmatch(argument)]
    others = [argument for argument in arguments if argument not in dashed]
    return [*others, "--", *dashed] if dashed else others


if __name__ == "__main__":
    sys.exit(main())
