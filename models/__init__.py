"""Tortoise tables and their migrations: columns and constraints, no I/O of their own.

Only `service/stores/` imports them.
"""

from models.operator import Key, Operator
from models.user import User

__all__ = ["Key", "Operator", "User"]
