"""`run.py change-number`: give somebody another number, without codes, as an operator does it over HTTP."""

import asyncio
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, redirect_stdout

from config import Settings
from service import mobiles, senders
from service.commands.acting import acting, add_reason
from service.commands.output import FAILED, is_confirmed, named, say
from service.embedded.running import running_redis
from service.entities import User
from service.errors import InvalidRequest, MobileTaken
from service.notices import Notices
from service.number_names import NumberNames
from service.numbers import NumberChange, Numbers
from service.sessions import Sessions
from service.stores.codes import CodeStore
from service.stores.numbers import NumberStore
from service.stores.sessions import SessionStore
from service.stores.users import UserStore
from service.users import Users


def add_options(parser: ArgumentParser) -> None:
    """What may be said to it."""
    parser.add_argument("subject", metavar="USER", help="mobile number or user id")
    parser.add_argument("mobile", metavar="NUMBER", help="the new mobile number")
    parser.add_argument("--take", action="store_true", help="also from another user, who is left without one")
    add_reason(parser, due=True)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="for scripts")


def run(settings: Settings, chosen: Namespace) -> int:
    """Change it on the Redis and the database of the settings, served or not. Returns the exit code."""
    mobile = mobiles.normalise(chosen.mobile)
    if mobile is None:
        raise InvalidRequest({"NUMBER": mobiles.EXPECTED})
    with running_redis(settings):
        return asyncio.run(_run(settings, chosen, mobile))


async def _run(settings: Settings, chosen: Namespace, mobile: str) -> int:
    async with _opened(settings, chosen.reason) as (users, numbers):
        user = await users.find(chosen.subject)
        question = f"Change the number of {named(user.id, user)}, to {mobiles.mask(mobile)}, and end every session?"
        if not is_confirmed(question, yes=chosen.yes):
            return FAILED
        try:
            with redirect_stdout(sys.stderr):  # where the sender is the console: what is asked for comes out alone
                changed = await numbers.change(user.id, mobile, take=chosen.take)
        except MobileTaken as error:
            notes = getattr(error, "__notes__", ())
            print(error, *notes, "With --take it is taken from there.", file=sys.stderr)
            return FAILED
    return _say(user, changed, as_json=chosen.json)


def _say(before: User, changed: NumberChange, *, as_json: bool) -> int:
    user, robbed, told = changed
    if user.mobile == before.mobile:
        text = f"{named(user.id, user)}: that is the number already"
    else:
        text = f"{named(user.id, user)}: that is the number now; the old one was {'' if told else 'NOT '}told"
    if robbed:
        text += f"\n{named(robbed.id, robbed)}"
    value = {"user_id": user.id, "mobile": user.mobile, "taken_from": robbed.id if robbed else None, "told": told}
    return say(text, value, as_json=as_json)


@asynccontextmanager
async def _opened(settings: Settings, reason: str) -> AsyncIterator[tuple[Users, Numbers]]:
    async with acting(settings, reason) as (connection, database, events, outbox):
        sender = senders.chosen(settings, lambda *_: None)
        try:
            sessions = Sessions(SessionStore(connection, outbox), events, time.time)
            users = Users(UserStore(database), sessions, events)
            codes, names = CodeStore(connection), NumberNames(settings.number_name_key)
            store, notices = NumberStore(database), Notices(settings, sender)
            yield users, Numbers(users, store, sessions, codes, names, notices, settings.fixed_codes, events)
        finally:
            await senders.close(sender)
