"""Users in SQL."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, NamedTuple

from tortoise.exceptions import IntegrityError

from models import User as UserRow
from service.entities import User, UserStatus
from service.errors import MobileTaken, ServiceUnavailable
from service.runtime import deadline
from service.stores.batcher import Batch, Batcher
from service.stores.database import Database
from service.stores.meter import timed
from service.stores.pending_call import PendingCall

log = logging.getLogger(__name__)

ACTIVE = UserStatus.ACTIVE.value

# One statement and so one atomic step, on SQLite and PostgreSQL alike: any number of first logins of one number leave
# one row, and a client that hangs up leaves no transaction open (Tortoise's get_or_create would).
COLUMNS = ("id", "mobile", "name", "status", "created_at", "last_login")
UPSERT = """
    INSERT INTO users (mobile, name, status, created_at, last_login) VALUES {rows}
    ON CONFLICT (mobile) DO UPDATE SET last_login =
        CASE WHEN users.status = {active} THEN excluded.last_login ELSE users.last_login END
    RETURNING id, mobile, name, status, created_at, last_login
"""
RENAME = "UPDATE users SET name = {0}1 WHERE id = {0}2 AND status = {0}3 RETURNING *"
# A name that was the number follows it. Both sides of an assignment are of the row as it was.
CHANGE_MOBILE = """
    UPDATE users SET mobile = {0}1, name = CASE WHEN name = mobile THEN {0}1 ELSE name END
    WHERE id = {0}2 AND mobile = {0}3 AND status = {0}4 RETURNING *
"""
ERASE = "DELETE FROM users WHERE id = {0}1 RETURNING id"
MOST = 64  # logins in one statement
SHARED = 0.5  # seconds that a statement of many may take before each is tried by itself; most take a hundredth of that


class _Login(NamedTuple):
    """One number, and when its owner logs in."""

    mobile: str
    now: datetime


class UserStore:
    """Finds users and records their logins.

    Logins that arrive while a statement is under way go together in the next one, and none hears of it before it is
    committed. Where such a statement fails or hangs, each of them is tried by itself: one that cannot be written hurts
    no other.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.meter = database.meter
        self._apart: set[asyncio.Task[None]] = set()
        self._logins: Batcher[_Login, User] = Batcher(self._log_in_all, most=MOST)

    @timed(lambda _: "INSERT")
    async def log_in(self, mobile: str, now: datetime) -> User:
        """The user of this number: created with the number as name, or with `last_login` moved to `now`.

        A disabled user is answered unchanged; letting nobody in is the caller's part.
        """
        try:
            return await self._logins.submit(_Login(mobile, now), deadline.remaining(self._database.timeout))
        except TimeoutError as error:
            log.warning("the database cannot serve: a login waited too long")
            raise ServiceUnavailable from error

    async def _log_in_all(self, asked: Batch[_Login, User]) -> None:
        """One statement for all; a number that is there twice logs in again in the next."""
        while asked:
            first = {one.item.mobile: one for one in reversed(asked)}
            # A row that an operator's transaction holds must not hold up the others: a pool has connections for them.
            patience = SHARED if len(first) > 1 and self._database.is_postgres else None
            try:
                async with asyncio.timeout(patience):
                    await self._upsert(first)
            except Exception as error:  # noqa: BLE001 - it is the callers' to handle
                if len(first) == 1:
                    asked[0].fail(error)
                else:
                    log.warning("%d logins could not be written together: %s", len(first), type(error).__name__)
                    self._log_in_apart([one for one in first.values() if not one.is_over])
            asked = [one for one in asked if first[one.item.mobile] is not one]

    def _log_in_apart(self, asked: Batch[_Login, User]) -> None:
        for one in asked:
            one.leave()
            task = asyncio.create_task(self._log_in_alone(one))
            self._apart.add(task)
            task.add_done_callback(self._apart.discard)

    async def _log_in_alone(self, one: PendingCall[_Login, User]) -> None:
        try:
            async with asyncio.timeout_at(one.until):
                await self._upsert({one.item.mobile: one})
        except Exception as error:  # noqa: BLE001 - as above
            one.fail(error)

    async def _upsert(self, asked: Mapping[str, PendingCall[_Login, User]]) -> None:
        """In the order of the numbers, so that no two workers wait for each other's rows."""
        values: list[object] = [ACTIVE]
        postgres = self._database.is_postgres
        for mobile in sorted(asked):
            now = asked[mobile].item.now
            values += (mobile, now if postgres else _text(now))
        statement = _statement(len(asked), postgres=postgres)
        run = partial(self._database.client.execute_query_dict, statement, values)
        for row in await self._database.within(run):
            asked[row["mobile"]].answer(user_of(row))

    async def get(self, user_id: int) -> User | None:
        """The user of this id."""
        row = await self._database.query(lambda: UserRow.get_or_none(id=user_id))
        return user_of({name: getattr(row, name) for name in COLUMNS}) if row else None

    async def find(self, mobile: str) -> User | None:
        """The user of this number."""
        row = await self._database.query(lambda: UserRow.get_or_none(mobile=mobile))
        return user_of({name: getattr(row, name) for name in COLUMNS}) if row else None

    async def rename(self, user_id: int, name: str) -> User | None:
        """Give an active user another name. None where there is none."""
        return await self._changed(RENAME, name, user_id, ACTIVE)

    async def change_mobile(self, user_id: int, present: str, mobile: str) -> User | None:
        """Give an active user another number; None where none of this id has the `present` one.

        Raises MobileTaken: of any number of users that want one number at once, the constraint lets one have it.
        """
        try:
            return await self._changed(CHANGE_MOBILE, mobile, user_id, present, ACTIVE)
        except IntegrityError:
            raise MobileTaken from None

    async def erase(self, user_id: int) -> int:
        """Delete the row of a user. Returns how many there were, 1 or 0. No other gets its id."""
        return len(await self._database.rows(self._marked(ERASE), [user_id]))

    async def _changed(self, statement: str, *values: object) -> User | None:
        rows = await self._database.rows(self._marked(statement), values)
        return user_of(rows[0]) if rows else None

    def _marked(self, statement: str) -> str:
        return statement.format("$" if self._database.is_postgres else "?")

    async def set_status(self, user_id: int, status: UserStatus) -> None:
        """Let a user log in, or not."""
        await self._database.query(lambda: UserRow.filter(id=user_id).update(status=status.value))

    async def set_name(self, user_id: int, name: str) -> None:
        """Give a user another name, whether active or not."""
        await self._database.query(lambda: UserRow.filter(id=user_id).update(name=name))


@lru_cache(maxsize=MOST)
def _statement(count: int, *, postgres: bool) -> str:
    """The statement for so many logins: `?1` or `$1` is the status, then come a number and a moment for each."""
    mark = "$" if postgres else "?"
    rows = ", ".join(
        f"({mark}{n}, {mark}{n}, {mark}1, {mark}{n + 1}, {mark}{n + 1})" for n in range(2, 2 + 2 * count, 2)
    )
    return UPSERT.format(rows=rows, active=f"{mark}1")


def user_of(row: dict[str, Any]) -> User:
    """The user of a row with these COLUMNS."""
    return User(
        id=row["id"],
        mobile=row["mobile"],
        name=row["name"],
        # Whatever an operator may have written there, only "active" lets anybody in.
        status=UserStatus.ACTIVE if row["status"] == ACTIVE else UserStatus.DISABLED,
        created_at=_moment(row["created_at"]),
        last_login=_moment(row["last_login"]),
    )


def _text(moment: datetime) -> str:
    """As Tortoise writes it, `isoformat(" ")`, which takes several times as long."""
    fraction = f".{moment.microsecond:06d}" if moment.microsecond else ""
    return f"{_second(moment.replace(microsecond=0))}{fraction}+00:00"


@lru_cache(maxsize=8)
def _second(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _moment(value: datetime | str) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
