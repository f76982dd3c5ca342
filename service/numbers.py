"""Use case of operators: give somebody another number, without codes, also one that another user has.

Whoever has the old number, or a device that logged in with it, is out: before the number is another, and once after.
"""

from collections.abc import Container, Sequence
from typing import NamedTuple, NoReturn

from service.codes import FIXED_STAYS
from service.entities import EndReason, User
from service.errors import InvalidRequest, MobileTaken, NotFound, ServiceUnavailable
from service.events import Event, Events
from service.languages import N_
from service.notes import noting
from service.notices import Notices
from service.number_names import NumberNames
from service.runtime import deadline
from service.runtime.background import settled
from service.sessions import Sessions
from service.stores.codes import CodeStore
from service.stores.numbers import NumberStore
from service.users import Users


class NumberChange(NamedTuple):
    """The user as changed, who has no number since, and whether the old number was told."""

    user: User
    taken_from: User | None = None
    told: bool = False


class Numbers:
    """Whose number is whose. `fixed` are those of TEST_CODES."""

    def __init__(
        self,
        users: Users,
        store: NumberStore,
        sessions: Sessions,
        codes: CodeStore,
        names: NumberNames,
        notices: Notices,
        fixed: Container[str | None],
        events: Events,
    ) -> None:
        self._users = users
        self._store = store
        self._sessions = sessions
        self._codes = codes
        self._names = names
        self._notices = notices
        self._fixed = fixed
        self._events = events

    async def change(self, user_id: int, mobile: str, *, take: bool = False) -> NumberChange:
        """Give the user, active or not, this number; `take` takes it from its holder, who is then without one.

        Ends every session of both. The number that the user has already changes nothing. Raises NotFound,
        InvalidRequest for a number of TEST_CODES, MobileTaken, and ServiceUnavailable, with a note of what was done.
        """
        user = await self._users.get(user_id)
        if mobile in self._fixed or user.mobile in self._fixed:
            raise InvalidRequest({"mobile": FIXED_STAYS})
        if mobile == user.mobile:
            return NumberChange(user)
        holder = await self._holder(mobile)
        if holder and not take:
            raise MobileTaken
        changed, *robbed = await self._give(user, mobile, holder)
        self._events.record(Event.MOBILE_CHANGED, user_id=user.id, mobile=mobile)
        for one in robbed:
            self._events.record(Event.NUMBER_TAKEN, user_id=one.id, mobile=mobile)
        try:
            await self._shut_out((changed, *robbed), (user.mobile, mobile))
        finally:  # it is changed, whatever Redis says
            told = await self._tell(user.mobile)
        return NumberChange(changed, robbed[0] if robbed else None, told)

    async def _holder(self, mobile: str) -> User | None:
        try:
            return await self._users.find(mobile)
        except NotFound:
            return None

    async def _give(self, user: User, mobile: str, holder: User | None) -> list[User]:
        """The user, and who has lost the number. Sessions end first: what breaks down then has let nobody in."""
        with noting(N_("The number is as it was; sessions may have ended.")):
            await self._end_sessions([user, holder] if holder else [user])
        with noting(N_("Every session has ended; look at the user before you repeat it.")):
            return await self._store.give(user, mobile, holder) or await self._has_changed(user)

    async def _has_changed(self, user: User) -> NoReturn:
        """Another operator has changed the user since, or the user is erased."""
        await self._users.get(user.id)
        raise ServiceUnavailable

    async def _shut_out(self, people: Sequence[User], numbers: Sequence[str | None]) -> None:
        """Whoever is logging in just now: a login whose code is forgotten opens nothing; what it has opened ends."""
        what = N_("The number is changed; end every session once more, for logins that were under way.")
        with noting(what), deadline.cleanup_allowance():
            await settled(*(self._codes.forget(self._names.of(number)) for number in numbers if number))
            await self._end_sessions(people)

    async def _end_sessions(self, people: Sequence[User]) -> None:
        await settled(*(self._sessions.end_all(one.id, EndReason.REVOKED) for one in people))

    async def _tell(self, old: str | None) -> bool:
        return old is not None and await self._notices.number_changed(old)
