"""What a database says when it does not serve, in sentences without its own words: those may hold what people sent.

A finding of ours is a violated constraint or a row that is not there, and nothing else.
SQLSTATEs: PostgreSQL's manual, appendix A.
"""

import socket
import sqlite3
import ssl
from collections.abc import Iterator

from tortoise.exceptions import (
    DBConnectionError,
    IntegrityError,
    NotExistOrMultiple,
    OperationalError,
    TransactionManagementError,
)

from service.errors import ServiceUnavailable

DRIVERS: tuple[type[Exception], ...] = (
    *(DBConnectionError, OperationalError, TransactionManagementError),  # Tortoise's for what its drivers raise
    *(sqlite3.Error, TimeoutError, OSError),
)
try:  # asyncpg is an extra; without it there is no PostgreSQL to fail
    from asyncpg import InterfaceError, InternalClientError, PostgresError, TargetServerAttributeNotMatched

    DRIVERS = (*DRIVERS, InterfaceError, InternalClientError, PostgresError)
except ImportError:  # pragma: no cover
    TargetServerAttributeNotMatched = ConnectionError

READ_ONLY = "25006"
MIXED_UP = {"26000", "42P05"}  # a statement of this name is unknown, or is there already
GOES_AWAY = "57P"
MEANINGS = {  # by SQLSTATE, or by its class
    "08": "broke the connection off, or a pooler refused it",
    "0A": "cannot do that, maybe since the schema has just changed",
    READ_ONLY: "takes no writes: it is a standby, or set to read only",
    "26000": "has its prepared statements mixed up by a pooler: add statement_cache_size=0 to DATABASE_URL",
    "28": "lets this role not log in from here, or not without TLS",
    "28P01": "refuses the password",
    "3D000": "has no database of this name",
    "3F": "has no schema of this name, or none that this role may use",
    "40": "gave the statement up for the sake of another",
    "42501": "denies this role a permission",
    "42P01": "lacks a table; type: latch migrate",
    "42P05": "has its prepared statements mixed up by a pooler: add statement_cache_size=0 to DATABASE_URL",
    "42703": "lacks a column; type: latch migrate",
    "53": "has no room left",
    "53100": "has its disk full",
    "53200": "is out of memory",
    "53300": "has no connection left for us",
    "55": "does not serve now",
    "57014": "cancelled the statement, for it took too long",
    GOES_AWAY: "is starting, stopping, or has ended the connection",
    "57P04": "has dropped this database",
    "58": "has trouble with its files",
    "XX": "has trouble inside",
}
SQLITE = {  # by SQLite's primary result code
    sqlite3.SQLITE_ERROR: "lacks a table or a column; type: latch migrate",
    sqlite3.SQLITE_READONLY: "takes no writes: its file or folder is read only",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: is its folder there, and may it be written?",
    sqlite3.SQLITE_FULL: "has its disk full",
    sqlite3.SQLITE_BUSY: "is locked by another process",
    sqlite3.SQLITE_NOTADB: "is no SQLite file",
    sqlite3.SQLITE_IOERR: "has trouble with its file",
}


class DatabaseUnavailable(ServiceUnavailable):
    """It was the database, and no other store."""


class TakesNoWrites(OperationalError):
    """A database that answers questions and nothing else: said before a statement fails of it."""

    sqlstate = READ_ONLY


def is_finding(error: BaseException) -> bool:
    """Whether the database has served, and found a constraint violated or no row. Where nobody expects it, a bug."""
    return isinstance(error, IntegrityError | NotExistOrMultiple)


def sqlstate(error: BaseException) -> str:
    """The code of what PostgreSQL said, if it said anything."""
    return next((code for one in _causes(error) if (code := getattr(one, "sqlstate", None))), "")


def is_lost(error: BaseException) -> bool:
    """Whether nothing was said, so that the connection is gone or nobody knows."""
    return not sqlstate(error) or sqlstate(error).startswith("08")


def describe(error: BaseException | None) -> str:
    """What goes after "the database": a verb and the rest, with the code or the class of the error."""
    causes = list(_causes(error))
    for one in causes:
        if code := getattr(one, "sqlstate", None):
            known = (code, code[:3], code[:2])
            return f"{next((MEANINGS[key] for key in known if key in MEANINGS), 'does not serve')} ({code})"
        if said := _without_sqlstate(one):
            return said
    failures = [*(one for one in causes if isinstance(one, OSError)), *causes]
    return f"does not answer ({type(failures[0]).__name__})" if failures else "does not answer"


def _without_sqlstate(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"shows a certificate that does not hold: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"cannot agree with us on TLS ({error.reason})"
    if isinstance(error, socket.gaierror):
        return "has a host name that is not known"
    if isinstance(error, TargetServerAttributeNotMatched):
        return "takes no writes on any of its hosts"
    if isinstance(error, ConnectionError) and "rejected SSL" in str(error):
        return "offers no TLS, which sslmode asks for"
    code = getattr(error, "sqlite_errorcode", None)
    return SQLITE.get(code & 0xFF, "") if code is not None else ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
