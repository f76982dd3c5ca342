"""Use cases about the audit trail: find events, and forget whose they are. Writing it is `observability/`'s part."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

from service.audit_events import AuditEvent, EventFilter
from service.entities import Clock, NumberName
from service.errors import InvalidRequest
from service.languages import N_
from service.stores.events import EventStore, Place

START = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# For requests that meet an erasing, and clocks that differ; in that time a number is nobody else's.
UNDER_WAY = timedelta(seconds=1)


class Trail:
    """What stands in the database of who did what (section 8 of the contract)."""

    def __init__(self, store: EventStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def find(self, wanted: EventFilter, cursor: str = "", limit: int = 50) -> tuple[Sequence[AuditEvent], str]:
        """The newest events that fit, at most `limit`, and a cursor for those before; "" where there are none.

        Raises InvalidRequest for a cursor that was not made here, ServiceUnavailable.
        """
        found = await self._store.find(wanted, _place(cursor) if cursor else None, limit + 1)
        return found[:limit], _cursor(found[limit - 1]) if len(found) > limit else ""

    async def pages(
        self, wanted: EventFilter, size: int, cursor: str = ""
    ) -> AsyncIterator[tuple[Sequence[AuditEvent], str]]:
        """All events that fit, so many at a time, each page with the cursor of the next; one page at least.

        Raises InvalidRequest, ServiceUnavailable.
        """
        while True:
            found, cursor = await self.find(wanted, cursor, size)
            yield found, cursor
            if not cursor:
                return

    async def user_of_session(self, session_id: str) -> int | None:
        """Whose session this is or was; None where its login is not kept (`AUDIT_DAYS`), or the user was erased."""
        return await self._store.user_of_session(session_id)

    async def announce(self, user_id: int, number: NumberName | None) -> None:
        """Say who is about to be erased, and their number: events of it that are still queued then are theirs too."""
        await self._store.announce(user_id, self._soon(), number)

    async def forget(self, user_id: int) -> int:
        """Put an id that says nothing for this user, and take address, device and number from their events.

        Returns how many events there were. Those that a worker has still queued are seen to when it writes them.
        """
        return await self._store.forget(user_id, self._soon())

    def _soon(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC) + UNDER_WAY


def _cursor(last: AuditEvent) -> str:
    text = f"{(last.at - START) // MICROSECOND}.{last.id}"
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(cursor: str) -> Place:
    try:
        moment, event_id = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").split(".")
        return Place(START + int(moment) * MICROSECOND, int(event_id))
    except (ValueError, OverflowError):
        raise InvalidRequest({"cursor": N_("should be one that was answered")}) from None
