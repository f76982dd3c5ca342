"""The events of the sessions that one revocation ends: written in batches, beside the queue that serves requests."""

import logging
from collections.abc import Sequence

from service.audit_events import NewEvent
from service.entities import Clock
from service.errors import ServiceUnavailable
from service.stores.events import EventStore
from service.stores.found_sessions import Place

log = logging.getLogger(__name__)


class RevocationTrail:
    """Each event is `of_each`, with a moment, a user and a session. `store` is None where none are kept.

    With the database away sessions end all the same: `untold` is how many have no event for that.
    """

    def __init__(self, store: EventStore | None, of_each: NewEvent, clock: Clock) -> None:
        self._store = store
        self._of_each = of_each
        self._clock = clock
        self._waiting: Sequence[NewEvent] = ()
        self.untold = 0

    def note(self, ended: Sequence[Place]) -> None:
        """These have ended just now."""
        now = self._clock()
        self._waiting = [self._of_each._replace(at=now, user_id=user, session_id=session) for user, session in ended]

    async def write(self) -> None:
        """Write what was noted last."""
        events, self._waiting = self._waiting, ()
        if not events or not self._store:
            return
        try:
            if not self.untold:  # each try would take as long as the first
                await self._store.add(events)
                return
        except ServiceUnavailable:
            log.warning("the database is away: ended sessions are not in the audit trail from now on")
        self.untold += len(events)
