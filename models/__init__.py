"""Tortoise tables and their migrations: columns and constraints, no I/O of their own.

Only `service/stores/users.py` and `service/stores/database.py` import them; `service/stores/events.py` writes SQL.
"""

from models.event import Event, Forgotten
from models.user import User

__all__ = ["Event", "Forgotten", "User"]
