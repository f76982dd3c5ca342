"""Use case: find whom a text is about, whatever somebody has pasted: a number, an id, a name, a token."""

from typing import NamedTuple

from service import mobiles, tokens
from service.entities import By, Explanation, User, id_in
from service.errors import NotFound
from service.people import People
from service.sessions import Sessions
from service.stores.session_keys import session_id_in
from service.users import Users


class Finding(NamedTuple):
    """What a text was taken for, who was found, and the cursor of the next page; of a token what there is to say."""

    by: By
    users: list[User]
    next: str = ""
    explained: Explanation | None = None


class Lookup:
    """One box for all of it."""

    def __init__(self, people: People, users: Users, sessions: Sessions) -> None:
        self._people = people
        self._users = users
        self._sessions = sessions

    @staticmethod
    def by(text: str) -> By:
        """What a text is taken for. Names may begin as ids do: those are found with the id's."""
        if not text:
            return By.NOTHING
        if mobiles.normalise(text):
            return By.NUMBER
        if tokens.parse(text):
            return By.TOKEN
        if session_id_in(text):
            return By.SESSION_ID
        return By.USER_ID if id_in(text) else By.NAME

    async def find(self, text: str, cursor: str = "") -> Finding:
        """Whom the text is about. Raises InvalidRequest for a cursor that was not made here, ServiceUnavailable."""
        by = self.by(text)
        if by is By.TOKEN:
            explained = await self._sessions.explain(text)
            return Finding(by, await self._with_id(explained.user_id), explained=explained)
        found = await self._people.search(text, cursor)
        return Finding(by, found.users, found.next)

    async def _with_id(self, user_id: int | None) -> list[User]:
        """The user, unless there is none or a row no more."""
        try:
            return [await self._users.get(user_id)] if user_id else []
        except NotFound:
            return []
