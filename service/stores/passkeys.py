"""Passkeys in SQL: one for each operator, at most."""

from datetime import datetime
from typing import Any

from tortoise.exceptions import IntegrityError

from service.operator_entities import Passkey
from service.stores.database import Database

# One statement, and so one atomic step: the new passkey stands in the place of the old one, which may be lost. The
# digest of the link that it was enrolled by stands beside it, so that of many who come with one link it serves one.
PUT = """
    INSERT INTO passkeys (name, credential_id, public_key, sign_count, label, link, created_at)
    VALUES ({0}1, {0}2, {0}3, {0}4, {0}5, {0}6, {0}7)
    ON CONFLICT (name) DO UPDATE SET credential_id = excluded.credential_id, public_key = excluded.public_key,
        sign_count = excluded.sign_count, label = excluded.label, link = excluded.link,
        created_at = excluded.created_at, last_used_at = NULL
    WHERE passkeys.link <> excluded.link
    RETURNING name
"""
# One that is older than its operator is of somebody else, who had the name before.
FIND = """
    SELECT passkeys.name, passkeys.public_key, passkeys.sign_count FROM passkeys
    JOIN operators ON operators.name = passkeys.name AND operators.created_at <= passkeys.created_at
    WHERE passkeys.credential_id = {0}1
"""
# Authenticators that count begin at 1; others say 0 each time (WebAuthn section 6.1.1).
USE = """
    UPDATE passkeys SET sign_count = {0}1, last_used_at = {0}2
    WHERE credential_id = {0}3 AND (sign_count < {0}1 OR (sign_count = 0 AND {0}1 = 0))
    RETURNING name
"""
OF_NAME = "SELECT credential_id FROM passkeys WHERE name = {0}1"
FORGET = "DELETE FROM passkeys WHERE name = {0}1 RETURNING name"


class PasskeyStore:
    """Ids and keys are base64url, as browsers write them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, passkey: Passkey, label: str, link: str, now: datetime) -> bool:
        """Store a passkey in the place of the operator's old one.

        False where one was enrolled by the link of this digest, or where another operator has this very passkey.
        """
        values = (passkey.name, passkey.credential_id, passkey.public_key, passkey.sign_count, label, link)
        try:
            return await self._is_done(PUT, *values, self._written(now))
        except IntegrityError:
            return False

    async def find(self, credential_id: str) -> Passkey | None:
        """The passkey of this id, of an operator that there is."""
        for row in await self._rows(FIND, credential_id):
            return Passkey(row["name"], credential_id, row["public_key"], row["sign_count"])
        return None

    async def use(self, credential_id: str, sign_count: int, now: datetime) -> bool:
        """Keep its count and the moment. False where the count has not grown (there are two of it), or it is gone."""
        return await self._is_done(USE, sign_count, self._written(now), credential_id)

    async def ids_of(self, name: str) -> list[str]:
        """The ids of an operator's passkeys."""
        return [row["credential_id"] for row in await self._rows(OF_NAME, name)]

    async def forget(self, name: str) -> bool:
        """Delete an operator's passkey. False where there was none."""
        return await self._is_done(FORGET, name)

    async def _is_done(self, statement: str, *values: object) -> bool:
        return bool(await self._rows(statement, *values))

    async def _rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        return await self._database.rows(statement.format("$" if self._database.is_postgres else "?"), values)

    def _written(self, moment: datetime) -> datetime | str:
        """As Tortoise writes it."""
        return moment if self._database.is_postgres else moment.isoformat(" ")
