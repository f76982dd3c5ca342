"""Users in SQL. The only importer of the models."""

from datetime import datetime
from typing import Any

from models import User as UserRow
from service.entities import User, UserStatus
from service.stores.database import Database

# One statement and so one atomic step, on SQLite and PostgreSQL alike: any number of first logins of one number leave
# one row, and a client that hangs up leaves no transaction open (Tortoise's get_or_create would).
COLUMNS = ("id", "mobile", "name", "status", "created_at", "last_login")
UPSERT = """
    INSERT INTO users (mobile, name, status, created_at, last_login) VALUES ({0}, {1}, {2}, {3}, {4})
    ON CONFLICT (mobile) DO UPDATE SET last_login =
        CASE WHEN users.status = {5} THEN excluded.last_login ELSE users.last_login END
    RETURNING id, mobile, name, status, created_at, last_login
"""


class UserStore:
    """Finds users and records their logins."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def log_in(self, mobile: str, now: datetime) -> User:
        """The user of this number: created with the number as name, or with `last_login` moved to `now`.

        A disabled user is answered unchanged; letting nobody in is the caller's part.
        """
        values = [mobile, mobile, UserStatus.ACTIVE.value, self._time(now), self._time(now), UserStatus.ACTIVE.value]
        marks = [f"${n + 1}" if self._database.is_postgres else "?" for n in range(len(values))]
        rows = await self._database.rows(UPSERT.format(*marks), values)
        return _user(rows[0])

    async def get(self, user_id: int) -> User | None:
        """The user of this id."""
        row = await self._database.query(lambda: UserRow.get_or_none(id=user_id))
        return _user({name: getattr(row, name) for name in COLUMNS}) if row else None

    async def find(self, mobile: str) -> User | None:
        """The user of this number."""
        row = await self._database.query(lambda: UserRow.get_or_none(mobile=mobile))
        return _user({name: getattr(row, name) for name in COLUMNS}) if row else None

    async def set_status(self, user_id: int, status: UserStatus) -> None:
        """Let a user log in, or not."""
        await self._database.query(lambda: UserRow.filter(id=user_id).update(status=status.value))

    def _time(self, moment: datetime) -> object:
        return moment if self._database.is_postgres else moment.isoformat(" ")


def _user(row: dict[str, Any]) -> User:
    return User(
        id=row["id"],
        mobile=row["mobile"],
        name=row["name"],
        # Whatever an operator may have written there, only "active" lets anybody in.
        status=UserStatus.ACTIVE if row["status"] == UserStatus.ACTIVE.value else UserStatus.DISABLED,
        created_at=_moment(row["created_at"]),
        last_login=_moment(row["last_login"]),
    )


def _moment(value: datetime | str) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
