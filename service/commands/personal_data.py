"""`run.py erase | export`: all that is kept of a person, as a law or the person may ask for it."""

import asyncio
import os
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import TextIO

from config import Settings, SettingsError, named
from service import mobiles
from service.backing import limits_of
from service.commands.acting import acting, add_reason
from service.commands.output import DONE, FAILED, is_confirmed, say
from service.embedded.running import running_redis
from service.entities import id_in
from service.errors import NotFound
from service.http.exports import pieces
from service.number_names import NumberNames
from service.personal_data import PersonalData
from service.sessions import Sessions
from service.stores.codes import CodeStore
from service.stores.devices import DeviceStore
from service.stores.events import EventStore
from service.stores.sessions import SessionStore
from service.stores.users import UserStore
from service.trail import Trail

OWNERS_ALONE = 0o600


def add_options(parser: ArgumentParser, name: str) -> None:
    """What may be said to `erase` and to `export`."""
    parser.add_argument("subject", nargs="+", metavar="USER", help="mobile number, also in several words, or user id")
    parser.add_argument("--json", action="store_true", help="for scripts; an export always is JSON")
    add_reason(parser, due=True)
    if name == "erase":
        parser.add_argument("--yes", action="store_true", help="do not ask")
    else:
        parser.add_argument("--out", type=named, metavar="FILE", help="a new file, for its owner alone")


def run(settings: Settings, chosen: Namespace) -> int:
    """Run a command on the Redis and the database of the settings, served or not. Returns its exit code."""
    with running_redis(settings):
        return asyncio.run(_run(settings, chosen))


async def _run(settings: Settings, chosen: Namespace) -> int:
    async with _opened(settings, chosen.reason) as (data, users):
        user_id = await _user_id(users, " ".join(chosen.subject))
        return await (_erase if chosen.name == "erase" else _export)(data, user_id, chosen)


async def _erase(data: PersonalData, user_id: int, chosen: Namespace) -> int:
    if not is_confirmed(f"Erase user {user_id}, for good?", yes=chosen.yes):
        return FAILED
    erased = await data.erase(user_id)
    counts = ", ".join(f"{name} {number}" for name, number in erased._asdict().items())
    return say(
        f"user {user_id} is erased: {counts}", {"user_id": user_id, "erased": erased._asdict()}, as_json=chosen.json
    )


async def _export(data: PersonalData, user_id: int, chosen: Namespace) -> int:
    with _file(chosen.out) if chosen.out else nullcontext(sys.stdout) as file:
        kept = await data.export(user_id)
        async for piece in pieces(kept, data.events_of(user_id)):
            file.write(piece.decode())
        file.write("\n")
    return DONE


@contextmanager
def _file(path: Path) -> Iterator[TextIO]:
    """A new one, so that it is never written to what others can read; gone where the block fails. Raises SettingsError.

    It is there before anything is read: what cannot be written down is no export, and no event.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNERS_ALONE)
    except OSError as error:
        raise SettingsError(f"--out {path}: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
    except BaseException:
        path.unlink()
        raise


async def _user_id(users: UserStore, who: str) -> int:
    """Of a number, or an id: also that of somebody who is in the database no more. Raises NotFound."""
    mobile = mobiles.normalise(who)
    user = await users.find(mobile) if mobile else None
    found = user.id if user else None if mobile else id_in(who)
    if found is None:
        raise NotFound(f"there is no user {who}")
    return found


@asynccontextmanager
async def _opened(settings: Settings, reason: str) -> AsyncIterator[tuple[PersonalData, UserStore]]:
    async with acting(settings, reason) as (connection, database, events, outbox):
        users, sessions = UserStore(database), Sessions(SessionStore(connection, outbox), events, time.time)
        limits = limits_of(settings, connection, events, time.time)
        names, trail = NumberNames(settings.number_name_key), Trail(EventStore(database), time.time)
        codes, devices = CodeStore(connection), DeviceStore(connection)
        yield PersonalData(users, sessions, limits, codes, names, trail, devices, events), users
