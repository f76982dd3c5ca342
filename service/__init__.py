"""Latch: log in by SMS code, opaque tokens in Redis, users in SQL.

The files in this folder say what the service does and know neither HTTP nor Redis nor SQL.
"""

VERSION = "0.1.0"  # the only place; pyproject.toml reads it from here
