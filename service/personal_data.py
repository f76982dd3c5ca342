"""Use cases of operators: all that is kept of a person, exported and erased. People erase themselves: `accounts.py`.

Sessions end before the row goes, and what is kept under the number is forgotten while it is known; so whatever breaks
down between can be repeated, by the id in any case.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from service.audit_events import AuditEvent, EventFilter
from service.entities import NO_USER, EndReason, Session, User
from service.errors import NotFound, ServiceUnavailable
from service.events import Event, Events
from service.kept import Erased, Kept
from service.languages import N_, Filled
from service.limits import Limits
from service.notes import noting
from service.number_names import NumberNames
from service.runtime import deadline
from service.sessions import Sessions
from service.stores.codes import CodeStore
from service.stores.devices import DeviceStore
from service.stores.users import UserStore
from service.trail import Trail

PAGE = 1_000  # events that are held at once

NOT_ERASED = N_("user %(user)s is not erased, though sessions may have ended: erase once more")
STILL_IN_TRAIL = N_("user %(user)s is erased, but still stands in the audit trail: erase that id once more")


class PersonalData:
    """Of one person, by id."""

    def __init__(
        self,
        store: UserStore,
        sessions: Sessions,
        limits: Limits,
        codes: CodeStore,
        names: NumberNames,
        trail: Trail,
        devices: DeviceStore,
        events: Events,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._limits = limits
        self._codes = codes
        self._names = names
        self._trail = trail
        self._devices = devices
        self._events = events

    async def export(self, user_id: int) -> Kept:
        """What is kept, which is an event. Raises NotFound where that is nothing."""
        user, sessions = await self._find(user_id)
        codes = limits = 0
        if user and user.mobile:
            codes, limits = await self._codes.count(self._names.of(user.mobile)), await self._limits.count(user.mobile)
        self._events.record(Event.USER_EXPORTED, user_id=user_id)
        return Kept(user_id, user, sessions, codes, limits, await self._devices.count(user_id))

    async def events_of(self, user_id: int) -> AsyncIterator[Sequence[AuditEvent]]:
        """All events of a user, the newest first, PAGE at a time."""
        async for found, _ in self._trail.pages(EventFilter(user_id), PAGE):
            yield found

    async def erase(self, user_id: int) -> Erased:
        """Erase a person, also one of whom only sessions or events are left. Raises NotFound, ServiceUnavailable.

        A failure says what was done by then; it can be repeated to the end.
        """
        user, _ = await self._find(user_id)
        mobile = user.mobile if user else None
        with noting(Filled(NOT_ERASED, user=user_id)):
            codes = await self._codes.forget(self._names.of(mobile)) if mobile else 0
            erased = await self.remove(user_id, mobile)
        self.note(user_id)
        with noting(Filled(STILL_IN_TRAIL, user=user_id)):
            events = await self._trail.forget(user_id)
        return erased._replace(codes=codes, events=events)

    async def remove(self, user_id: int, mobile: str | None) -> Erased:
        """End the sessions, forget what the number spent and devices, tell the trail, delete the row, in that order.

        Where it fails, whoever logs in again is let in. The codes and the events stay.
        """
        try:
            ended = await self._sessions.end_all(user_id, EndReason.REVOKED, block_logins=True)
            limits, devices = await self._limits.forget(mobile) if mobile else 0, await self._devices.forget(user_id)
            await self._trail.announce(user_id, self._names.of(mobile) if mobile else None)
            users = await self._store.erase(user_id)
        except Exception:
            with suppress(ServiceUnavailable), deadline.cleanup_allowance():
                await self._sessions.unblock_logins(user_id)
            raise
        return Erased(users, len(ended), 0, limits, devices=devices)

    def note(self, user_id: int) -> None:
        """Record that a user is erased; without the number, which is to be forgotten."""
        self._events.record(Event.USER_ERASED, user_id=user_id)

    async def _find(self, user_id: int) -> tuple[User | None, list[Session]]:
        user, sessions = await self._store.get(user_id), await self._sessions.of_user(user_id)
        if user is None and not sessions:
            found, _ = await self._trail.find(EventFilter(user_id), limit=1)
            if not found:
                raise NotFound(Filled(NO_USER, user=user_id))
        return user, sessions
