"""One revocation from its first step to its last: find the sessions that are meant, then end them.

It takes small steps, and its time, so that token checks get theirs. Where a store goes away for a while it waits, and
looks or ends again from the start: what has come back with another master is found once more.
"""

import logging
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import NamedTuple

from service.audit_events import NewEvent
from service.entities import Clock, EndReason
from service.errors import ServiceUnavailable
from service.languages import N_
from service.revocation_trail import RevocationTrail
from service.runtime import deadline
from service.runtime.background import settled
from service.runtime.pace import Pace
from service.runtime.patience import Patience
from service.selections import Revocation, Selection, State
from service.stores.directory import Directory
from service.stores.events import EventStore
from service.stores.found_sessions import Place
from service.stores.revocations import RevocationStore
from service.stores.session_walk import SessionWalk

BATCH, OF_MANY = 100, 400  # sessions that are ended at once: about a millisecond of a server's time
USERS = 200  # whose lists are read at once
LOOKED_AT, ENDED = 28_000, 60_000  # sessions in a second, at most: less than half a core's work
NOTE_EVERY = 1.0  # seconds between two notes of how far it is
WITHOUT_STORE = 12.0  # seconds, after which it fails; less than the lease of its note
TOLD_APART = 50_000  # sessions that have an event each, and leave a tombstone; of more the job's own events tell

AWAY, BUG = (
    N_("Redis or the database was away or refused for too long: the log says which"),
    N_("an error that stands in the log"),
)

log = logging.getLogger(__name__)
Watch = Callable[[Revocation, int], None]  # is told of each step: where the job is, and how many it has just ended


class Stores(NamedTuple):
    """What a revocation works on. `trail` is None where no events are kept."""

    jobs: RevocationStore
    walk: SessionWalk
    directory: Directory
    trail: EventStore | None


class Stopped(Exception):
    """Somebody wants it to stop."""


class Revoking:
    """Of the sessions of `user_ids`, or of all where that is None. `of_each` is what the event of each looks like."""

    def __init__(
        self,
        revocation: Revocation,
        selection: Selection,
        user_ids: frozenset[int] | None,
        stores: Stores,
        of_each: NewEvent,
        clock: Clock,
        watch: Watch,
    ) -> None:
        self.now = revocation
        self._selection = selection
        self._user_ids = user_ids
        self._stores = stores
        self._trail = RevocationTrail(stores.trail, of_each, clock)
        self._clock = clock
        self._watch = watch
        self._found = stores.walk.nothing_found()
        self._is_unwanted = False
        self._patience = Patience(WITHOUT_STORE, self._heed)
        self._noted_at = 0.0

    @property
    def untold(self) -> int:
        """How many sessions have ended without an event, since the database was away."""
        return self._trail.untold

    def stop(self) -> None:
        """At its next step."""
        self._is_unwanted = True

    async def run(self) -> Revocation:
        """Do it, whatever becomes of it. Returns the job as it is then."""
        deadline.lift()
        state, why = State.DONE, ""
        try:
            await self._find()
            if not self.now.dry_run:
                await self._end()
        except Stopped:
            state = State.STOPPED
        except ServiceUnavailable:
            state, why = State.FAILED, AWAY
        except Exception:
            log.exception("a revocation has failed")
            state, why = State.FAILED, BUG
        self._found = self._stores.walk.nothing_found()  # it may be large
        await self._trail.write()
        await self._note(self.now._replace(state=state, why=why))
        self._watch(self.now, 0)
        return self.now

    async def _find(self) -> None:
        pace = Pace(LOOKED_AT)
        await self._patience.until_undisturbed(partial(self._look, pace))
        for _ in self._found.sorted_out():
            await pace.keep(0)
        self.now = self.now._replace(matched=self._found.count)
        await self._step()

    async def _look(self, pace: Pace) -> None:
        """Once through all there are."""
        async for places in self._places():
            logins = await self._stores.walk.logins(places)
            since, now = self.now.started_at, self._clock()
            self._found.add(place for place, login in logins if self._selection.fits(login, since, now))
            self.now = self.now._replace(matched=self._found.count)
            await self._step()
            await pace.keep(len(places))

    async def _places(self) -> AsyncIterator[list[Place]]:
        if self._selection.prefix is not None:
            async for page in self._stores.directory.of_prefix(self._selection.prefix, USERS):
                wanted = [one for one in page if self._user_ids is None or one in self._user_ids]
                yield await self._stores.walk.of_users(wanted)
        elif self._user_ids is not None:
            user_ids = sorted(self._user_ids)
            for start in range(0, len(user_ids), USERS):
                yield await self._stores.walk.of_users(user_ids[start : start + USERS])
        else:
            async for places in self._stores.walk.everywhere():
                yield places

    async def _end(self) -> None:
        end = self._end_each if self._found.count <= TOLD_APART else self._delete_all
        await self._patience.until_undisturbed(partial(end, Pace(ENDED)))

    async def _end_each(self, pace: Pace) -> None:
        """Once through all that were found, each batch with the events of the one before it."""
        for batch in self._found.batches(BATCH):
            ending = partial(self._stores.walk.end, batch, EndReason.REVOKED, self._clock())
            _, ended = await settled(self._trail.write(), self._patience.lend(ending))
            self._trail.note(ended)
            await self._step(len(ended))
            await pace.keep(len(batch))

    async def _delete_all(self, pace: Pace) -> None:
        """The same for very many, as by `DEL`: with events and tombstones a million would cost checks far more."""
        for batch in self._found.batches(OF_MANY):
            await self._step(await self._patience.lend(partial(self._stores.walk.delete, batch)))
            await pace.keep(len(batch))

    async def _step(self, ended: int = 0) -> None:
        """It has got on. Raises Stopped where it is to go no further."""
        self._patience.renew()
        self.now = self.now._replace(ended=self.now.ended + ended)
        self._watch(self.now, ended)
        if time.monotonic() - self._noted_at > NOTE_EVERY:
            await self._note(self.now)
        self._heed()

    def _heed(self) -> None:
        if self._is_unwanted:
            raise Stopped

    async def _note(self, revocation: Revocation) -> None:
        """Note where it is, if that can be done: it is not what the job is about."""
        self.now = revocation
        try:
            self._is_unwanted |= await self._stores.jobs.note(revocation)
        except ServiceUnavailable:
            log.warning("how far the revocation %s is cannot be noted in redis", revocation.id)
        self._noted_at = time.monotonic()
