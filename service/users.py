"""Use cases about a user: who, find, rename, disable, enable."""

from service import mobiles
from service.entities import NO_USER, EndReason, User, UserStatus, id_in
from service.errors import InvalidToken, NotFound
from service.events import Event, Events
from service.languages import N_, Filled
from service.notes import noting
from service.sessions import Sessions
from service.stores.users import UserStore

NOT_OUT = N_("user %(user)s can log in no more, but still has every session: disable once more")


class Users:
    """People, and whether they may log in."""

    def __init__(self, store: UserStore, sessions: Sessions, events: Events) -> None:
        self._store = store
        self._sessions = sessions
        self._events = events

    async def who(self, user_id: int) -> User:
        """The user behind a live access token. Raises InvalidToken where the account is gone or disabled."""
        user = await self._store.get(user_id)
        if user is None or user.status is UserStatus.DISABLED:
            raise InvalidToken
        return user

    async def find(self, mobile_or_id: str) -> User:
        """The user of a mobile number, however it is written, or of an id. Raises NotFound."""
        mobile = mobiles.normalise(mobile_or_id)
        if mobile:
            user = await self._store.find(mobile)
        else:
            user = await self._store.get(user_id) if (user_id := id_in(mobile_or_id)) else None
        if user is None:
            raise NotFound(Filled(NO_USER, user=mobile_or_id))
        return user

    async def get(self, user_id: int) -> User:
        """The user of an id. Raises NotFound."""
        user = await self._store.get(user_id)
        if user is None:
            raise NotFound(Filled(NO_USER, user=user_id))
        return user

    async def rename(self, user: User, name: str) -> User:
        """Give the user another name, and return the user with it."""
        await self._store.set_name(user.id, name)
        self._events.record(Event.NAME_CHANGED, user_id=user.id)
        return user._replace(name=name)

    async def disable(self, user: User) -> list[str]:
        """Let the user log in no more, and end every session. Returns the ids of those that were live.

        Raises ServiceUnavailable, with a note where the first part has been done.
        """
        await self._store.set_status(user.id, UserStatus.DISABLED)
        self._events.record(Event.USER_DISABLED, user_id=user.id, mobile=user.mobile, reason=EndReason.DISABLED.value)
        with noting(Filled(NOT_OUT, user=user.id)):
            return await self._sessions.end_all(user.id, EndReason.DISABLED, block_logins=True)

    async def enable(self, user: User) -> None:
        """Let the user log in again. The sessions that were ended stay ended."""
        await self._store.set_status(user.id, UserStatus.ACTIVE)
        await self._sessions.unblock_logins(user.id)
        self._events.record(Event.USER_ENABLED, user_id=user.id, mobile=user.mobile)
