"""Use cases: what people do with their own account: rename it, change its number, erase it.

A code is spent last, as by a login: whatever fails before leaves it good. Sessions end before the row changes, so what
breaks down between has let nobody in, and can be done again.
"""

import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from service.codes import FIXED_STAYS, NO_NUMBER, Codes
from service.entities import EndReason, Identity, Purpose, User
from service.errors import InvalidCode, InvalidRequest, InvalidToken, MobileTaken, ServiceUnavailable
from service.events import Event, Events
from service.personal_data import PersonalData
from service.runtime import deadline
from service.runtime.background import settled
from service.sessions import Sessions
from service.stores.code_values import CodeLease
from service.stores.users import UserStore
from service.trail import Trail
from service.users import Users

log = logging.getLogger(__name__)


class Accounts:
    """Of whoever has brought a live access token. Raises InvalidToken where the account is gone or disabled."""

    def __init__(
        self,
        users: Users,
        store: UserStore,
        sessions: Sessions,
        codes: Codes,
        trail: Trail,
        personal_data: PersonalData,
        events: Events,
    ) -> None:
        self._users = users
        self._store = store
        self._sessions = sessions
        self._codes = codes
        self._trail = trail
        self._personal_data = personal_data
        self._events = events

    async def rename(self, user_id: int, name: str) -> User:
        """Give the user another name."""
        user = await self._store.rename(user_id, name)
        if user is None:
            raise InvalidToken
        self._events.record(Event.NAME_CHANGED, user_id=user.id)
        return user

    async def change_mobile(self, identity: Identity, mobile: str, code: str, current_code: str, ip: str) -> User:
        """Give the user another number: `code` was sent to that one, `current_code` to the present one.

        Ends the sessions of all other devices: once before the row changes, and once after it, for logins with the old
        number that were under way. Raises InvalidCode, InvalidRequest for a number of TEST_CODES, MobileTaken once both
        codes were right, TooManyRequests, ServiceUnavailable.
        """
        user = await self._users.who(identity.user_id)
        present = _number_of(user)
        if self._codes.is_fixed(mobile) or self._codes.is_fixed(present):
            raise InvalidRequest({"mobile": FIXED_STAYS})
        # The caller's own number first: whoever has a token alone does not get to try codes of others.
        async with self._lent(Purpose.CHANGE, ip, (present, current_code), (mobile, code)) as leases:
            if await self._store.find(mobile):
                raise MobileTaken
            await self._end_others(identity)
            changed = await self._store.change_mobile(user.id, present, mobile)
            if changed is None:  # somebody else has changed it since, or disabled or erased the user
                raise InvalidCode
        self._events.record(Event.MOBILE_CHANGED, user_id=user.id, mobile=mobile)
        await _best_effort(*(self._codes.spend(lease) for lease in leases), self._end_others(identity))
        return changed

    async def erase(self, user_id: int, code: str, ip: str) -> None:
        """Erase the user: sessions, what is counted of the number, the row, codes. A later login is a new user's.

        Where the row cannot be deleted the sessions are gone all the same, and whoever logs in again can repeat it.
        Raises InvalidCode, TooManyRequests, ServiceUnavailable.
        """
        user = await self._users.who(user_id)
        mobile = _number_of(user)
        async with self._lent(Purpose.ERASE, ip, (mobile, code)) as leases:
            await self._personal_data.remove(user.id, mobile)
        self._personal_data.note(user.id)
        await _best_effort(*(self._codes.spend(lease) for lease in leases))
        await self._forget(user.id)
        await _best_effort(self._codes.forget(mobile))

    async def _forget(self, user_id: int) -> None:
        try:
            with deadline.cleanup_allowance():
                await self._trail.forget(user_id)
        except ServiceUnavailable:
            log.warning("user %d is erased, and still stands in the audit trail", user_id)

    async def _end_others(self, identity: Identity) -> None:
        await self._sessions.end_all(identity.user_id, EndReason.REVOKED, keep=identity.session_id)

    @asynccontextmanager
    async def _lent(self, purpose: Purpose, ip: str, *tries: tuple[str, str]) -> AsyncIterator[list[CodeLease]]:
        """Codes of numbers, judged in turn, and lent to the block; where that fails they are good still."""
        leases: list[CodeLease] = []
        try:
            for mobile, code in tries:
                leases.append(await self._codes.verify_for(purpose, mobile, code, ip))
            yield leases
        except Exception:
            await _best_effort(*(self._codes.release(lease) for lease in leases))
            raise


def _number_of(user: User) -> str:
    """Raises InvalidRequest where there is none: no code proves then who is asking."""
    if user.mobile is None:
        raise InvalidRequest({"mobile": NO_NUMBER})
    return user.mobile


async def _best_effort(*work: Coroutine[Any, Any, object]) -> None:
    """For what comes after the outcome: where Redis has gone meanwhile, that stays what is answered."""
    try:
        with deadline.cleanup_allowance():
            await settled(*work)
    except ServiceUnavailable:
        log.warning("codes of an account could not be spent or released; they lapse by themselves")
