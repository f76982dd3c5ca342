"""Use cases: end the sessions that fit a filter, as a job that goes on by itself; ask how far it is; stop it."""

import secrets
from collections.abc import Mapping
from typing import Any

from service import mobiles, selections
from service.audit_events import NewEvent
from service.entities import Clock, EndReason
from service.errors import InvalidRequest, NotFound, TooManyRequests
from service.events import ACTOR, Details, Event, Events
from service.languages import N_, Filled
from service.observability.audit_writer import event_values
from service.revoking import Revoking, Stores, Watch
from service.runtime.background import BackgroundTasks
from service.selections import NOBODY_HAS, Revocation, Selection, State
from service.stores.revocations import Noted

AT_ONCE = 4  # jobs of one process
KEPT = 64  # that are remembered, besides what is noted in the store
SOON = 10  # seconds, after which to try again
GONE = N_("its process has ended")
SHOWN = 5  # numbers in one message


def unwatched(_job: Revocation, _ended: int) -> None:
    """Nobody is interested."""


class Revocations:
    """Jobs of this process, and what is noted of others."""

    def __init__(
        self, stores: Stores, events: Events, background: BackgroundTasks, clock: Clock, watch: Watch = unwatched
    ) -> None:
        self._stores = stores
        self._events = events
        self._background = background
        self._clock = clock
        self._watch = watch
        self._jobs: dict[str, Revoking] = {}

    def selected(self, filters: Mapping[str, Any]) -> Selection:
        """Whose sessions are meant. Raises InvalidRequest, also where it would be everybody and that is not said."""
        return selections.parse(filters, self._clock())

    async def begin(self, selection: Selection, *, dry_run: bool) -> Revocation:
        """Start a job and return it as it is then; it goes on by itself. A dry run only counts.

        Raises InvalidRequest where nobody has one of the numbers, TooManyRequests, ServiceUnavailable.
        """
        if len(self._running()) >= AT_ONCE:
            raise TooManyRequests(SOON)
        job = await self._made(selection, self._watch, dry_run=dry_run)
        self._background.begin(self._run(job))
        return job.now

    async def run(self, selection: Selection, watch: Watch, *, dry_run: bool) -> Revocation:
        """Do a job to its end, and return it as it is then. Raises InvalidRequest, ServiceUnavailable."""
        return await self._run(await self._made(selection, watch, dry_run=dry_run))

    async def find(self, revocation_id: str) -> Revocation:
        """A job, of whatever process. Raises NotFound, ServiceUnavailable."""
        if job := self._jobs.get(revocation_id):
            return job.now
        noted = await self._stores.jobs.find(revocation_id)
        if noted is None:
            raise NotFound(Filled(N_("there is no revocation %(id)s"), id=revocation_id))
        return _known(noted)

    async def newest(self) -> list[Revocation]:
        """Those of the last day that end sessions, of whatever process, the newest first. Raises ServiceUnavailable."""
        own = {job_id: job.now for job_id, job in self._jobs.items()}
        listed = [_known(noted) for noted in await self._stores.jobs.newest()]
        return [own.get(revocation.id, revocation) for revocation in listed]

    async def stop(self, revocation_id: str) -> Revocation:
        """Have a job stop at its next step; one that is over stays as it is. Raises NotFound, ServiceUnavailable."""
        if job := self._jobs.get(revocation_id):
            job.stop()
        elif (await self.find(revocation_id)).state is State.RUNNING:
            await self._stores.jobs.stop(revocation_id)
        return await self.find(revocation_id)

    def stop_all(self) -> None:
        """This process is about to end: stop all that it runs."""
        for job in self._running():
            job.stop()

    def _running(self) -> list[Revoking]:
        return [job for job in self._jobs.values() if job.now.state is State.RUNNING]

    async def _made(self, selection: Selection, watch: Watch, *, dry_run: bool) -> Revoking:
        """A job that is to begin: noted where any process finds it."""
        user_ids = await self._user_ids(selection)
        actor = ACTOR.get()
        by, remark = (actor.name, actor.remark or None) if actor else ("", None)
        revocation = Revocation(secrets.token_hex(8), selection.text, by, self._clock(), dry_run)
        if not dry_run:
            await self._stores.jobs.enlist(revocation.id)
        await self._stores.jobs.note(revocation)
        details = Details(reason=EndReason.REVOKED, operator=by, remark=remark)
        of_each = NewEvent(*event_values(Event.SESSION_REVOKED.value, details))
        job = Revoking(revocation, selection, user_ids, self._stores, of_each, self._clock, watch)
        self._remember(job)
        return job

    def _remember(self, job: Revoking) -> None:
        over = [known for known, other in self._jobs.items() if other.now.state is not State.RUNNING]
        for known in over[:-KEPT]:
            del self._jobs[known]
        self._jobs[job.now.id] = job

    async def _run(self, job: Revoking) -> Revocation:
        began = job.now
        if not began.dry_run:
            self._events.record(Event.REVOCATION_STARTED, reason=f"{began.id}: {began.what}")
        over = await job.run()
        if not over.dry_run:
            self._events.record(Event.REVOCATION_ENDED, reason=f"{over.id}: {_outcome(over, job.untold)}")
        return over

    async def _user_ids(self, selection: Selection) -> frozenset[int] | None:
        if selection.prefix is not None:
            await self._stores.directory.newest(1)  # it will be needed: where it is away, that is to be said now
        if selection.users is None:
            return None
        numbers = {number for one in selection.users if (number := mobiles.normalise(one))}
        found = await self._stores.directory.of_numbers(sorted(numbers))
        if unknown := sorted(numbers - found.keys()):
            shown = ", ".join(mobiles.mask(number) for number in unknown[:SHOWN])
            more = ", ..." if len(unknown) > SHOWN else ""
            raise InvalidRequest({"users": Filled(NOBODY_HAS, numbers=shown + more)})
        ids = (int(one) for one in selection.users if not mobiles.normalise(one))
        return frozenset([*found.values(), *ids])


def _known(noted: Noted) -> Revocation:
    """A job of another process, as it is."""
    gone = noted.revocation._replace(state=State.FAILED, why=GONE)
    return gone if noted.is_alone else noted.revocation


def _outcome(over: Revocation, untold: int) -> str:
    why = f" ({over.why})" if over.why else ""
    missing = f", {untold} without an event each" if untold else ""
    return f"{over.what}: {over.state}{why}, {over.ended} of {over.matched} sessions ended{missing}"
