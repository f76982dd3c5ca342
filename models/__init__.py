"""Tortoise tables and their migrations: columns and constraints, no I/O of their own.

Only `service/stores/` imports them; `events.py` and `passkeys.py` there write SQL.
"""

from models.event import Event, Forgotten
from models.operator import Key, Operator
from models.passkey import Passkey
from models.user import User

__all__ = ["Event", "Forgotten", "Key", "Operator", "Passkey", "User"]
