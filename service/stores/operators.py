"""Operators and keys in SQL."""

from datetime import datetime
from typing import Any

from models import Key as KeyRow
from models import Operator as OperatorRow
from service.roles import Operator, Role
from service.stores.database import Database

INSERT = "INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING RETURNING name"


class OperatorStore:
    """The people."""

    table: Any = OperatorRow  # of the model, which Tortoise says little of

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Operator]:
        """All of them, by name."""
        rows = await self._database.query(lambda: self.table.all().order_by("name"))
        return [_operator(row) for row in rows]

    async def has(self, name: str) -> bool:
        """Whether there is one of this name."""
        return bool(await self._database.query(lambda: self.table.exists(name=name)))

    async def named(self, name: str) -> Operator | None:
        """The one of this name."""
        row = await self._database.query(lambda: self.table.get_or_none(name=name))
        return _operator(row) if row else None

    async def note_use(self, name: str, now: datetime) -> None:
        """Keep the moment of the last use."""
        await self._database.query(lambda: self.table.filter(name=name).update(last_used_at=now))

    async def remove(self, name: str) -> bool:
        """False where there is none of this name."""
        return bool(await self._database.query(lambda: self.table.filter(name=name).delete()))

    async def add(self, name: str, role: Role, now: datetime) -> bool:
        """False where the name is taken."""
        return await self._insert(now, name=name, role=role.value)

    async def _insert(self, now: datetime, **values: str) -> bool:
        """One statement, and so one atomic step. False where the name is taken."""
        postgres = self._database.is_postgres
        given = {**values, "created_at": now if postgres else now.isoformat(" ")}
        marks = ", ".join(f"{'$' if postgres else '?'}{number}" for number in range(1, len(given) + 1))
        statement = INSERT.format(table=self.table.Meta.table, columns=", ".join(given), marks=marks)
        return bool(await self._database.rows(statement, list(given.values())))


class KeyStore(OperatorStore):
    """The keys of programs, found by the digest of their secret."""

    table = KeyRow

    async def add_key(self, name: str, role: Role, digest: str, now: datetime) -> bool:
        """False where the name is taken."""
        return await self._insert(now, name=name, role=role.value, digest=digest)

    async def find(self, digest: str) -> Operator | None:
        """The key of this digest."""
        row = await self._database.query(lambda: KeyRow.get_or_none(digest=digest))
        return _operator(row) if row else None


def _operator(row: Any) -> Operator:
    return Operator(row.name, _role(row.role), row.created_at, row.last_used_at)


def _role(written: str) -> Role:
    """Whatever somebody may have written there, only a role that is known gives more than the least."""
    return Role(written) if written in set(Role) else Role.LOOK
