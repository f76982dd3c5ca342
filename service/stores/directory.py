"""Users in SQL, as operators look for them: page by page, the newest first."""

from collections.abc import AsyncIterator, Sequence

from service.entities import User
from service.stores.database import Database
from service.stores.users import COLUMNS, user_of

LAST_ID = (1 << 63) - 1  # of all that a database can hold
LAST_LETTER = "\U0010ffff"
NEWEST = "SELECT {columns} FROM users WHERE id < {m}1 ORDER BY id DESC LIMIT {m}2"
# By bytes, as the index `users_named` has them. A name that is its user's number is found by the whole number alone:
# or else whoever may not see a number could try it out digit by digit.
# Those without a number, who are few, stand in the index of the numbers.
NAMED = """
    SELECT * FROM (
        SELECT {columns} FROM users
        WHERE name {least} {m}3 AND name {below} {m}4 AND name <> mobile AND id < {m}1
        ORDER BY id DESC LIMIT {m}2
    ) AS with_one
    UNION ALL
    SELECT * FROM (
        SELECT {columns} FROM users
        WHERE name {least} {m}3 AND name {below} {m}4 AND mobile IS NULL AND id < {m}1
        ORDER BY id DESC LIMIT {m}2
    ) AS without_one
    ORDER BY id DESC LIMIT {m}2
"""

# Numbers are of eleven digits, and digits are in order whatever the collation.
OF_PREFIX = "SELECT id, mobile FROM users WHERE mobile {least} {m}1 AND mobile <= {m}2 ORDER BY mobile LIMIT {m}3"
OF_NUMBERS = "SELECT id, mobile FROM users WHERE mobile IN ({marks})"
NUMBERS = 500  # in one statement
DIGITS = 11


class Directory:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, most: int, before: int = LAST_ID) -> list[User]:
        """The newest users, of ids below `before`."""
        return await self._users(NEWEST, [before, most])

    async def named(self, start: str, most: int, before: int = LAST_ID) -> list[User]:
        """The newest users whose name begins so, of ids below `before`."""
        return await self._users(NAMED, [before, most, start, start + LAST_LETTER])

    async def of_prefix(self, prefix: str, most: int) -> AsyncIterator[list[int]]:
        """The ids of all users whose number begins so, so many at a time."""
        mark = "$" if self._database.is_postgres else "?"
        last, highest, least = prefix.ljust(DIGITS, "0"), prefix.ljust(DIGITS, "9"), ">="
        while True:
            rows = await self._database.rows(OF_PREFIX.format(m=mark, least=least), [last, highest, most])
            yield [row["id"] for row in rows]
            if len(rows) < most:
                return
            last, least = rows[-1]["mobile"], ">"

    async def of_numbers(self, numbers: Sequence[str]) -> dict[str, int]:
        """The ids of the users who have these numbers."""
        mark = "$" if self._database.is_postgres else "?"
        found: dict[str, int] = {}
        for start in range(0, len(numbers), NUMBERS):
            some = numbers[start : start + NUMBERS]
            marks = ", ".join(f"{mark}{n}" for n in range(1, len(some) + 1))
            rows = await self._database.rows(OF_NUMBERS.format(marks=marks), some)
            found |= {row["mobile"]: row["id"] for row in rows}
        return found

    async def _users(self, statement: str, values: Sequence[object]) -> list[User]:
        mark, least, below = ("$", "~>=~", "~<~") if self._database.is_postgres else ("?", ">=", "<")
        text = statement.format(columns=", ".join(COLUMNS), m=mark, least=least, below=below)
        return [user_of(row) for row in await self._database.rows(text, values)]
