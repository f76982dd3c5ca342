"""Use cases of operators: find people, unlock a number, see one whole.

Knows neither roles nor who asks: `events.py` adds that to what is recorded.
"""

from typing import NamedTuple

from service import mobiles
from service.entities import User, id_in
from service.errors import InvalidRequest, NotFound
from service.events import Event, Events
from service.languages import N_
from service.limits import Limits
from service.number_names import NumberNames
from service.stores.codes import CodeStore, key_names
from service.stores.directory import LAST_ID, Directory
from service.stores.session_keys import session_id_in
from service.trail import Trail
from service.users import Users

PAGE = 50  # people in one answer


class Found(NamedTuple):
    """One page of people, and the cursor of the next; empty where this is the last one."""

    users: list[User]
    next: str


class People:
    """Those who log in, as operators see them."""

    def __init__(
        self,
        directory: Directory,
        users: Users,
        trail: Trail,
        limits: Limits,
        codes: CodeStore,
        names: NumberNames,
        events: Events,
    ) -> None:
        self._directory = directory
        self._users = users
        self._trail = trail
        self._limits = limits
        self._codes = codes
        self._names = names
        self._events = events

    async def search(self, query: str, cursor: str) -> Found:
        """By number, user id, session id or start of a name; the newest where nothing is asked for.

        Raises InvalidRequest.
        """
        before = id_in(cursor) if cursor else LAST_ID
        if before is None:
            raise InvalidRequest({"cursor": N_("should be the `next` of an answer")})
        if not query:
            return _page(await self._directory.newest(PAGE + 1, before))
        if mobiles.normalise(query):
            return Found(await self._exactly(query), "")
        same_id = [] if cursor else await self._exactly(query) + await self._of_session(query)
        page = _page(await self._directory.named(query, PAGE + 1, before))
        return Found(same_id + [user for user in page.users if user not in same_id], page.next)

    async def _exactly(self, number_or_id: str) -> list[User]:
        try:
            return [await self._users.find(number_or_id)]
        except NotFound:
            return []

    async def _of_session(self, query: str) -> list[User]:
        session_id = session_id_in(query)
        user_id = await self._trail.user_of_session(session_id) if session_id else None
        return await self._exactly(str(user_id)) if user_id else []

    async def reveal(self, user_id: int) -> User:
        """The user, whose name and number are then shown whole. Raises NotFound."""
        user = await self._users.get(user_id)
        self._events.record(Event.NUMBER_REVEALED, user_id=user.id, mobile=user.mobile)
        return user

    async def unlock(self, mobile: str) -> bool:
        """Forget the tries, codes and cool-down of a number, also of no user's. False where there were none."""
        had_spent = await self._limits.forget(mobile)
        had_code = await self._codes.forget(self._names.of(mobile))
        self._events.record(Event.NUMBER_UNLOCKED, mobile=mobile)
        return bool(had_spent or had_code)

    def keys(self, mobile: str) -> list[str]:
        """Where Redis keeps what `unlock` forgets, whether or not anything stands there now: all in one slot."""
        return [*key_names(self._names.of(mobile)), *self._limits.keys(mobile)]


def _page(found: list[User]) -> Found:
    """The first PAGE of one more than that."""
    users = found[:PAGE]
    return Found(users, str(users[-1].id) if len(found) > PAGE else "")
