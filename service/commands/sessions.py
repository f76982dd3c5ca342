"""The operator's commands: what `run.py sessions | revoke | disable | enable | explain` do, and what they print.

To the terminal what `routes/` is to HTTP. They speak to the stores directly, so they work while the service is down.
"""

import asyncio
import sys
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from config import Settings
from service import mobiles
from service.backing import limits_of
from service.commands import revocations
from service.commands.acting import acting
from service.commands.output import DONE, FAILED, is_confirmed, named, say, table
from service.embedded.running import running_redis
from service.entities import EndReason, Session, User, UserStatus, id_in
from service.errors import NotFound, ServiceUnavailable
from service.http import exports
from service.http.people import explanation
from service.lookup import Lookup
from service.number_names import NumberNames
from service.people import People
from service.sessions import Sessions
from service.stores.codes import CodeStore
from service.stores.directory import Directory
from service.stores.events import EventStore
from service.stores.session_keys import key_names
from service.stores.sessions import SessionStore
from service.stores.users import UserStore
from service.trail import Trail
from service.users import Users

COLUMNS = ("ID", "DEVICE", "IP", "CREATED", "LAST REFRESH", "EXPIRES", "KEY")

Confirm = Callable[[str], bool]


def run(settings: Settings, chosen: Namespace) -> int:
    """Run a command on the Redis and the database of the settings, served or not. Returns its exit code."""
    if chosen.name == "revoke" and revocations.is_asked_for(chosen):
        return revocations.run(settings, chosen)
    with running_redis(settings):
        return asyncio.run(_run(settings, chosen))


async def _run(settings: Settings, chosen: Namespace) -> int:
    who, as_json = " ".join(chosen.subject), chosen.json  # a number may come in several words
    confirm = partial(is_confirmed, yes=getattr(chosen, "yes", False))
    async with opened(settings, getattr(chosen, "reason", "")) as does:
        if chosen.name == "sessions":
            return await does.list_sessions(who, as_json=as_json)
        if chosen.name == "revoke":
            return await does.revoke(who, chosen.session, confirm, as_json=as_json)
        if chosen.name == "disable":
            return await does.disable(who, confirm, as_json=as_json)
        if chosen.name == "enable":
            return await does.enable(who, as_json=as_json)
        if chosen.name == "unlock":
            unlock = does.list_keys if chosen.keys else does.unlock
            return await unlock(who, as_json=as_json)
        return await does.explain(sys.stdin.readline().strip() if who == "-" else who, as_json=as_json)


class OperatorCommands:
    """One command each. They print to standard output and return an exit code; NotFound and ServiceUnavailable rise."""

    def __init__(self, users: Users, sessions: Sessions, people: People) -> None:
        self.sessions = sessions
        self.lookup = Lookup(people, users, sessions)
        self._users = users
        self._people = people

    async def list_sessions(self, who: str, *, as_json: bool) -> int:
        """A user's live sessions, with the keys that end them."""
        user_id, user = await self._whose(who)
        found = [_described(session) for session in await self.sessions.of_user(user_id)]
        status = f", {user.status.value}" if user else ""
        lines = [f"{named(user_id, user)}{status}: {_count(found)}"]
        if found:
            lines += table([COLUMNS, *(tuple(session.values()) for session in found)])
        return say("\n".join(lines), {"user_id": user_id, "sessions": found}, as_json=as_json)

    async def revoke(self, who: str, session_id: str | None, confirm: Confirm, *, as_json: bool) -> int:
        """End one session of a user, or all."""
        user_id, user = await self._whose(who)
        if session_id:
            await self.sessions.end(user_id, session_id, EndReason.REVOKED)
            return _ended(user_id, [session_id], as_json=as_json)
        found = await self.sessions.of_user(user_id)
        if found and not confirm(f"End {_count(found)} of {named(user_id, user)}?"):
            return FAILED
        ended = await self.sessions.end_all(user_id, EndReason.REVOKED)
        return _ended(user_id, ended, as_json=as_json)

    async def disable(self, who: str, confirm: Confirm, *, as_json: bool) -> int:
        """Let a user log in no more, and end every session."""
        user = await self._users.find(who)
        if not confirm(f"Disable {named(user.id, user)}, and end every session?"):
            return FAILED
        was_active = user.status is UserStatus.ACTIVE
        return _ended(user.id, await self._users.disable(user), as_json=as_json, did_more=was_active)

    async def enable(self, who: str, *, as_json: bool) -> int:
        """Let a user log in again."""
        user = await self._users.find(who)
        await self._users.enable(user)
        text = f"user {user.id} may log in again"
        say(text, {"user_id": user.id, "status": "active"}, as_json=as_json)
        return FAILED if user.status is UserStatus.ACTIVE else DONE

    async def unlock(self, who: str, *, as_json: bool) -> int:
        """Forget a number's wrong tries, codes and cool-down. It may be that of no user yet."""
        mobile = await self._mobile(who)
        had_something = await self._people.unlock(mobile)
        text = f"{mobiles.mask(mobile)} may ask for a code, and try it, as if it had never done so"
        say(text, {"mobile": mobile, "unlocked": had_something}, as_json=as_json)
        return DONE if had_something else FAILED

    async def list_keys(self, who: str, *, as_json: bool) -> int:
        """Where Redis keeps what `unlock` forgets, a line each, also where nothing stands there. Changes nothing."""
        mobile = await self._mobile(who)
        keys = self._people.keys(mobile)
        return say("\n".join(keys), {"mobile": mobile, "keys": keys}, as_json=as_json)

    async def explain(self, token: str, *, as_json: bool) -> int:
        """Say whether a token is live; FAILED if it is not."""
        explained = await self.sessions.explain(token)
        whose = f" of user {explained.user_id}, session {explained.session_id}" if explained.user_id else ""
        text = f"a live {explained.kind}{whose}" if explained.live else f"not live{whose}: {explained.why}"
        say(text, explanation(explained), as_json=as_json)
        return DONE if explained.live else FAILED

    async def _mobile(self, who: str) -> str:
        """A number as it is, also that of no user yet; else the number of the user with this id. Raises NotFound."""
        mobile = mobiles.normalise(who) or (await self._users.find(who)).mobile
        if mobile is None:
            raise NotFound(f"user {who} has no number")
        return mobile

    async def _whose(self, who: str) -> tuple[int, User | None]:
        """A user's id and row. Without a row, whoever has a live session can be named by id.

        So too while the database is away: ending a session needs Redis alone. Raises NotFound, ServiceUnavailable.
        """
        try:
            user = await self._users.find(who)
        except (NotFound, ServiceUnavailable):
            user_id = id_in(who)
            if user_id is None or not await self.sessions.of_user(user_id):
                raise
            return user_id, None
        return user.id, user


@asynccontextmanager
async def opened(settings: Settings, reason: str = "") -> AsyncIterator[OperatorCommands]:
    """The commands, connected to the stores of the settings. What they do is written to the audit trail at the end."""
    async with acting(settings, reason) as (connection, database, events, outbox):
        sessions = Sessions(SessionStore(connection, outbox), events, time.time)
        limits = limits_of(settings, connection, events, time.time)
        users = Users(UserStore(database), sessions, events)
        names, trail = NumberNames(settings.number_name_key), Trail(EventStore(database), time.time)
        people = People(Directory(database), users, trail, limits, CodeStore(connection), names, events)
        yield OperatorCommands(users, sessions, people)


def _ended(user_id: int, ids: Sequence[str], *, as_json: bool, did_more: bool = False) -> int:
    text = f"user {user_id}: ended {_count(ids)}{': ' if ids else ''}{', '.join(ids)}"
    say(text, {"user_id": user_id, "ended": ids}, as_json=as_json)
    return DONE if ids or did_more else FAILED


def _described(session: Session) -> dict[str, str]:
    return {**exports.described(session), "key": key_names(session)[0]}


def _count(sessions: Sequence[object]) -> str:
    return f"{len(sessions)} session{'' if len(sessions) == 1 else 's'}"
