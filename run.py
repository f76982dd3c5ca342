"""The command line: serve, migrate, check, and the operator's commands. `python run.py --help` lists them.

Exit codes: 0 done, 1 something is not as it should be, 2 the command or a setting is wrong.
"""

import gc

GARBAGE = 20_000  # new objects between two looks for garbage; a request makes hundreds, and hardly any that is
gc.disable()  # imports make very many objects and next to no garbage: looking for it is a third of a start

import sys

from service.commands import signals

if __name__ == "__main__" and sys.argv[1:] in ([], ["serve"]):
    signals.leave_at_once()  # imports are no place for an exception

import argparse
import asyncio
import logging
import os
import re
import socket
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import config
from config import Settings, SettingsError
from service.commands import check, migrate, server, sessions
from service.embedded.data_dir import DataDirInUse, owned
from service.embedded.pepper import with_kept_pepper
from service.embedded.redis_server import EmbeddedRedis, EmbeddedRedisError
from service.errors import NotFound, ServiceUnavailable
from service.observability import logs

gc.freeze()  # what has been imported stays, and is not looked at again
gc.set_threshold(GARBAGE)
gc.enable()

DONE, FAILED, MISUSED = 0, 1, 2
DASHED_TOKEN = re.compile(r"-[A-Za-z0-9_-]{63}", re.ASCII)

log = logging.getLogger("run")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and answer its exit code."""
    os.umask(0o077)  # whatever is written belongs to this user alone
    chosen = _parser().parse_args(_with_dashed_tokens_last(sys.argv[1:] if arguments is None else arguments))
    try:
        settings = with_kept_pepper(config.load())
        logs.configure(settings)
        return int(chosen.command(settings, chosen))
    except NotFound as error:
        print(error, file=sys.stderr)
        return FAILED
    except (SettingsError, EmbeddedRedisError, DataDirInUse) as error:
        print(error, file=sys.stderr)
        return MISUSED
    except ServiceUnavailable as error:
        cause = type(error.__cause__).__name__ if error.__cause__ else "no cause"
        print(f"a store does not answer ({cause}); see: python run.py check", file=sys.stderr)
        for note in getattr(error, "__notes__", ()):
            print(note, file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run.py", description="Latch: log in by SMS code.")
    parser.set_defaults(command=run_serve)
    commands = parser.add_subparsers(title="commands", metavar="")
    for name, command, explained in (
        ("serve", run_serve, "serve HTTP (also without a command)"),
        ("migrate", run_migrate, "bring the database up to date"),
        ("check", run_check, "check settings, connections, Redis' persistence and eviction policy, migrations"),
        ("sessions", operate, "list a user's sessions, with the keys that end them"),
        ("revoke", operate, "end a user's sessions"),
        ("disable", operate, "let a user log in no more, and end every session"),
        ("enable", operate, "let a user log in again"),
        ("unlock", operate, "forget a number's wrong tries, codes and cool-down"),
        ("explain", operate, "say whether a token is live, whose it is, and if not, why"),
    ):
        sub = commands.add_parser(name, help=explained, description=explained)
        sub.set_defaults(command=command, name=name)
        if command is operate:
            what = "the token, or - to read it from standard input" if name == "explain" else "mobile number or user id"
            sub.add_argument("subject", metavar="TOKEN" if name == "explain" else "USER", help=what)
            sub.add_argument("--json", action="store_true", help="for scripts")
        if name == "revoke":
            sub.add_argument("--session", metavar="ID", help="only this one")
        if name in {"revoke", "disable"}:
            sub.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def _with_dashed_tokens_last(arguments: Sequence[str]) -> list[str]:
    """One token in 64 begins with a hyphen, and is no option for that."""
    dashed = [argument for argument in arguments if DASHED_TOKEN.fullmatch(argument)]
    others = [argument for argument in arguments if argument not in dashed]
    return [*others, "--", *dashed] if dashed else others


def run_serve(settings: Settings, _: Namespace) -> int:
    """Serve until SIGINT, SIGTERM or SIGHUP. A start that fails leaves a Redis that it has found running."""
    signals.interrupt_once()  # until the server's own handlers stand
    _say(check.of_settings(settings))
    try:
        with owned(settings.data_dir), server.bound(settings) as listener, _embedded_redis(settings) as redis:
            if not _serve(listener, settings):
                return FAILED
            redis.keep()
    except KeyboardInterrupt:
        log.info("stopped before it served")
    return DONE


def _serve(listener: socket.socket, settings: Settings) -> bool:
    """Whether the service has ended because somebody stopped it."""
    try:
        return _prepare(settings) and server.serve_on(listener, settings)
    except KeyboardInterrupt:
        log.info("stopped before it served")
        return True


def _prepare(settings: Settings) -> bool:
    if not settings.redis_is_embedded:
        _say(asyncio.run(migrate.diagnose(settings, redis_alone=True)))
    return asyncio.run(migrate.database_is_current(settings))


def _say(findings: Sequence[check.Finding]) -> None:
    """Warn once, and not once per worker. Raises SettingsError where nobody could be served."""
    for finding in findings:
        if finding.away:
            log.warning("%s; serving all the same, and answering 503 until it does", finding.text)
        elif finding.level is check.Level.BAD:
            raise SettingsError(finding.text)
        elif finding.level is check.Level.WARN:
            log.warning(finding.text)


def run_migrate(settings: Settings, _: Namespace) -> int:
    """Apply the pending migrations."""
    applied = asyncio.run(migrate.migrate(settings))
    print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")
    return DONE


def run_check(settings: Settings, _: Namespace) -> int:
    """Print what is well and what is not; FAILED if anything is not."""
    with _running_redis(settings):
        findings = asyncio.run(migrate.diagnose(settings))
    for finding in findings:
        print(f"{finding.level.value:<5} {finding.text}")
    return FAILED if any(finding.level is check.Level.BAD for finding in findings) else DONE


def operate(settings: Settings, chosen: Namespace) -> int:
    """One of the operator's commands, on the Redis and the database of the settings, served or not."""
    with _running_redis(settings):
        return asyncio.run(_operate(settings, chosen))


async def _operate(settings: Settings, chosen: Namespace) -> int:
    who, as_json = chosen.subject, chosen.json
    async with sessions.opened(settings) as does:
        if chosen.name == "sessions":
            return await does.list_sessions(who, as_json=as_json)
        if chosen.name == "revoke":
            return await does.revoke(who, chosen.session, _confirmation(chosen), as_json=as_json)
        if chosen.name == "disable":
            return await does.disable(who, _confirmation(chosen), as_json=as_json)
        if chosen.name == "enable":
            return await does.enable(who, as_json=as_json)
        if chosen.name == "unlock":
            return await does.unlock(who, as_json=as_json)
        return await does.explain(sys.stdin.readline().strip() if who == "-" else who, as_json=as_json)


def _confirmation(chosen: Namespace) -> Callable[[str], bool]:
    def confirm(question: str) -> bool:
        if chosen.yes:
            return True
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    return confirm


@contextmanager
def _embedded_redis(settings: Settings) -> Iterator[EmbeddedRedis]:
    """The embedded Redis, started if it is wanted, for as long as the block runs."""
    redis = EmbeddedRedis(settings.data_dir, settings.redis_socket)
    try:
        if settings.redis_is_embedded:
            redis.start()
        yield redis
    finally:
        redis.stop()


@contextmanager
def _running_redis(settings: Settings) -> Iterator[None]:
    """A Redis to talk to: that of the running service, or else one brought up for as long as the block runs."""
    with ExitStack() as stack:
        with suppress(DataDirInUse):
            stack.enter_context(owned(settings.data_dir))
            stack.enter_context(_embedded_redis(settings))
        yield


if __name__ == "__main__":
    sys.exit(main())
