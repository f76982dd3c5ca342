"""Tells other systems what happens to users in the database, by the names that they know it by (docs/webhooks.md).

What happens to sessions is told by the stores, in the script that does it.
"""

from service.entities import Clock
from service.events import Attempt, Details, Event
from service.stores.outbox import Outbox
from service.stores.outbox_entries import of_change

TYPES: dict[Event | Attempt, str] = {
    Event.USER_DISABLED: "user.disabled",
    Event.USER_ENABLED: "user.enabled",
    Event.USER_ERASED: "user.erased",
    Event.MOBILE_CHANGED: "user.mobile_changed",
    Event.NUMBER_TAKEN: "user.mobile_changed",  # there is none since
}


class OutboxFollower:
    """Writes right after the change: what a kill takes between the two is lost."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._outbox = outbox
        self._clock = clock

    def follow(self, event: Event | Attempt, details: Details) -> None:
        """Tell of one event, if others hear of such."""
        kind = TYPES.get(event)
        if kind and details.user_id:
            self._outbox.add(self._clock(), [of_change(kind, details.user_id)])
