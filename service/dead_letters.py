"""Use cases: how the receivers of webhooks fare, and what becomes of the events that they have not taken for a day."""

import re
from collections.abc import Sequence

from service.errors import InvalidRequest, NotFound
from service.events import Event, Events
from service.languages import N_, Filled
from service.runtime.background import settled
from service.stores.dead_letters import KEPT, DeadLetterStore
from service.stores.deliveries import DeliveryStore
from service.webhooks import RECEIVER_EXPECTED, DeadLetter, ReceiverState, Standing, receivers_of

PAGE = 50
LETTER_ID = re.compile(r"[0-9]{1,19}-[0-9]{1,19}", re.ASCII)
CURSOR_EXPECTED = N_("should be one that was answered")
NO_LETTER = N_("there is no dead letter %(letter)s")


class DeadLetters:
    """The letters of all receivers; `urls` are WEBHOOK_URLS."""

    def __init__(
        self, urls: Sequence[str], deliveries: DeliveryStore, letters: DeadLetterStore, events: Events
    ) -> None:
        self.receivers = receivers_of(urls)
        self._deliveries = deliveries
        self._letters = letters
        self._events = events

    async def standings(self) -> list[Standing]:
        """How each receiver fares, in their order. Raises ServiceUnavailable."""
        keys = [one.key for one in self.receivers]
        states, backlogs, counts = await settled(
            self._deliveries.states(), self._deliveries.backlogs(keys), self._letters.counts()
        )
        return [
            Standing(one, states.get(one.key, ReceiverState()), backlog, counts[one.key])
            for one, backlog in zip(self.receivers, backlogs, strict=True)
        ]

    async def newest(self, cursor: str = "", limit: int = PAGE) -> tuple[Sequence[DeadLetter], str]:
        """The newest, at most `limit`, and a cursor for those before; "" where there are none.

        Raises InvalidRequest for a cursor that was not made here, ServiceUnavailable.
        """
        if cursor and not LETTER_ID.fullmatch(cursor):
            raise InvalidRequest({"cursor": CURSOR_EXPECTED})
        found = await self._letters.newest(cursor, limit + 1)
        return found[:limit], found[limit - 1].letter_id if len(found) > limit else ""

    async def find(self, letter_id: str) -> DeadLetter:
        """The letter of an id. Raises NotFound, ServiceUnavailable."""
        letter = await self._letters.find(letter_id) if LETTER_ID.fullmatch(letter_id) else None
        if letter is None:
            raise NotFound(Filled(NO_LETTER, letter=letter_id))
        return letter

    async def resend(self, letter_id: str) -> DeadLetter:
        """Send it once more, to its receiver and under its id, for another day. Raises NotFound, ServiceUnavailable."""
        letter = await self.find(letter_id)
        if not await self._letters.resend(letter_id):
            raise NotFound(Filled(NO_LETTER, letter=letter_id))
        self._record(Event.DEAD_LETTER_RESENT, letter)
        return letter

    async def resend_all(self, number: int) -> int:
        """Send all letters of a receiver once more, the oldest first. How many.

        Raises InvalidRequest where there is no such receiver, ServiceUnavailable.
        """
        [receiver, *_] = [*(one for one in self.receivers if one.number == number), None]
        if receiver is None:
            raise InvalidRequest({"receiver": RECEIVER_EXPECTED})
        found = [one for one in await self._letters.newest("", KEPT) if one.receiver == receiver.key]
        resent = 0
        try:
            for letter in reversed(found):
                resent += await self._letters.resend(letter.letter_id)
        finally:
            if resent:
                self._events.record(Event.DEAD_LETTER_RESENT, reason=f"{resent} of receiver {receiver.name}")
        return resent

    async def delete(self, letter_id: str) -> None:
        """Send it never. Raises NotFound, ServiceUnavailable."""
        letter = await self.find(letter_id)
        if not await self._letters.delete(letter_id):
            raise NotFound(Filled(NO_LETTER, letter=letter_id))
        self._record(Event.DEAD_LETTER_DELETED, letter)

    def name_of(self, letter: DeadLetter) -> str:
        """What its receiver is called; empty where it is none any more."""
        return next((one.name for one in self.receivers if one.key == letter.receiver), "")

    def _record(self, event: Event, letter: DeadLetter) -> None:
        user = letter.event.user
        user_id = int(user) if user.isascii() and user.isdigit() else None
        self._events.record(event, user_id=user_id, reason=f"{letter.event.id} {letter.event.type}")
