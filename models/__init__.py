"""Tortoise tables and their migrations: columns and constraints, no I/O of their own.

Only `service/stores/users.py` and `service/stores/database.py` import them.
"""

from models.user import User

__all__ = ["User"]
