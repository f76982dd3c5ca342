"""People as operators see them, unrevealed: as the routes and the commands tell it."""

from dataclasses import asdict
from typing import Any

from service import mobiles
from service.entities import Explanation, User
from service.http.responses import timestamp


def described(user: User, sessions: int) -> dict[str, Any]:
    """A person who has so many live sessions; number, and a name with it, masked."""
    return {
        "id": user.id,
        "name": mobiles.hidden(user.name, user.mobile),
        "mobile": mobiles.mask(user.mobile) if user.mobile else None,
        "status": user.status.value,
        "created_at": timestamp(user.created_at.timestamp()),
        "last_login": timestamp(user.last_login.timestamp()),
        "sessions": sessions,
    }


def explanation(explained: Explanation) -> dict[str, Any]:
    """`{live, kind, why, user_id, session_id}` of a token."""
    return {"live": explained.live, **asdict(explained)}
