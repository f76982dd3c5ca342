"""What other systems are told of each thing that happens: its type and its data. Pure.

Never a number, and nothing that says where or on what somebody is: such an entry may outlive the account.
"""

from typing import NamedTuple

import orjson

from service.entities import EndReason

# When an entry is one: what the first script of its chain returns decides (see append_outbox.lua).
ALWAYS, MARKED, FIRST, EACH = "always", "marked", "first", "each"


class Entry(NamedTuple):
    """One event to be. `at` is in seconds."""

    type: str
    user_id: int
    at: float
    data: str
    when: str = ALWAYS


def of_login(user_id: int, session_id: str, at: float, *, is_new: bool) -> list[Entry]:
    """Of a login: a new user, the sessions that made room, the login itself, and perhaps its device."""
    whose: dict[str, object] = {"user_id": user_id, "session_id": session_id}
    entries = [of_change("user.created", user_id, at)] if is_new else []
    entries += [
        of_each_end(user_id, EndReason.REPLACED, at),
        Entry("login", user_id, at, _json({**whose, "is_new_user": is_new})),
        Entry("login.new_device", user_id, at, _json(whose), FIRST),
    ]
    return entries


def of_end(user_id: int, session_id: str, reason: EndReason, at: float) -> list[Entry]:
    """Of a session that ends. One that somebody else holds a token of says so first."""
    whose: dict[str, object] = {"user_id": user_id, "session_id": session_id}
    ended = Entry("session.ended", user_id, at, _json({**whose, "reason": reason}))
    if reason is not EndReason.REUSED:
        return [ended]
    return [Entry("refresh_token.reused", user_id, at, _json(whose)), ended]


def of_marked_end(user_id: int, session_id: str, reason: EndReason, at: float) -> Entry:
    """Of a session that ends if its script says so."""
    return of_end(user_id, session_id, reason, at)[-1]._replace(when=MARKED)


def of_each_end(user_id: int, reason: EndReason, at: float) -> Entry:
    """Of all sessions that the script has ended, whichever these are: their ids are put at the end."""
    data = _json({"user_id": user_id, "reason": reason, "session_id": ""}).removesuffix('"}')
    return Entry("session.ended", user_id, at, data, EACH)


def of_change(kind: str, user_id: int, at: float) -> Entry:
    """Of a change of the user."""
    return Entry(kind, user_id, at, _json({"user_id": user_id}))


def _json(data: dict[str, object]) -> str:
    return orjson.dumps(data).decode()
