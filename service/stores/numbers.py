"""Numbers in SQL: whose each is, and that it is given to one and taken from another in one step."""

from tortoise.exceptions import IntegrityError

from service.entities import User
from service.errors import MobileTaken
from service.stores.database import Database
from service.stores.users import user_of

# Both rows are held first, as they are by then. The number is let go of before it is had: they come in this order. A
# row that is not as it was known is left alone, and so is the other one where that is the user's.
GIVE = """
    WITH known AS (
        SELECT * FROM users WHERE (id = {0}1 AND coalesce(mobile, '') = {0}2) OR (id = {0}3 AND mobile = {0}4)
        ORDER BY id {held}
    )
    INSERT INTO users (id, mobile, name, status, created_at, last_login)
    SELECT id, CASE WHEN id = {0}1 THEN CAST({0}4 AS VARCHAR(11)) END, name, status, created_at, last_login FROM known
    WHERE EXISTS (SELECT 1 FROM known WHERE id = {0}1) ORDER BY id = {0}1
    ON CONFLICT (id) DO UPDATE SET mobile = excluded.mobile, name =
        CASE WHEN users.name = users.mobile THEN coalesce(excluded.mobile, 'user ' || users.id) ELSE users.name END
    RETURNING *
"""


class NumberStore:
    """Gives numbers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def give(self, user: User, mobile: str, holder: User | None) -> list[User]:
        """Give a user, active or not, a number, and take it from its `holder`: both or neither.

        Returns the user, then who has lost it, as they are now; nobody where the user has been changed since, or is
        gone. Raises MobileTaken where somebody else has the number by now.
        """
        mark, held = ("$", "FOR UPDATE") if self._database.is_postgres else ("?", "")
        known = (user.id, user.mobile or "", holder.id if holder else 0, mobile)
        try:
            rows = await self._database.rows(GIVE.format(mark, held=held), known)
        except IntegrityError:
            raise MobileTaken from None
        return sorted(map(user_of, rows), key=lambda one: one.id != user.id)
