"""The names of the session keys (`sessions.py` tells what they hold), and what can be read from one. Pure.

All of a user bear the same hash tag, and so lie in one slot of a Cluster. They are spelled here and nowhere else.
"""

import re

from service.entities import Session

WITH_SESSION = re.compile(r"(?:(?:session|token):\{[0-9]+\}:)?([0-9a-f]{16})(?::[^:]+)?", re.ASCII)
LIST = re.compile(rb"sessions:\{([1-9][0-9]{0,18})\}")


def token_key(user_id: int, session_id: str, key_suffix: str) -> str:
    """The key of one access token."""
    return f"token:{{{user_id}}}:{session_id}:{key_suffix}"


def session_key(user_id: int | str, session_id: str) -> str:
    """The key of a session's record."""
    return f"session:{{{user_id}}}:{session_id}"


def sessions_key(user_id: int) -> str:
    """The key of the list of a user's sessions."""
    return f"sessions:{{{user_id}}}"


def blocked_key(user_id: int) -> str:
    """The key that keeps a user from logging in."""
    return f"barred:{{{user_id}}}"


def devices_key(user_id: int) -> str:
    """The key of the list of devices that a user has logged in with."""
    return f"devices:{{{user_id}}}"


def keys_of(session: Session, key_suffix: str) -> list[str]:
    """Of a session, of its user's list and of one access token: what a script takes."""
    return [
        session_key(session.user_id, session.session_id),
        sessions_key(session.user_id),
        token_key(session.user_id, session.session_id, key_suffix),
    ]


def key_names(session: Session) -> tuple[str, str]:
    """What an operator deletes to end this session, and to end all of the user's."""
    return session_key(session.user_id, session.session_id), sessions_key(session.user_id)


def user_of(key: bytes) -> int | None:
    """Whose list of sessions this key is; None for any other key."""
    found = LIST.fullmatch(key)
    return int(found[1]) if found else None


def session_id_in(text: str) -> str | None:
    """The session id that this is, or that the name of such a key has in it."""
    found = WITH_SESSION.fullmatch(text)
    return found[1] if found else None
