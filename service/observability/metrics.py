"""Prometheus metrics, added up over all workers when `run.py` has given them a folder to share (docs/metrics.md).

prometheus-client decides how to count when it is first imported, by the variable PROMETHEUS_MULTIPROC_DIR. In that mode
a worker cannot ask another one for a value: gauges are set from time to time, by `sampler.py`.
"""

import os
import time
from collections import Counter as Counts
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from service import VERSION
from service.entities import EndReason
from service.events import TEST_CODE, Attempt, Details, Event, Events
from service.observability.metric_families import Families
from service.observability.prometheus_patches import forget_the_killed
from service.selections import Revocation, State
from service.senders import failover
from service.stores import meter

SHARED_DIR = "PROMETHEUS_MULTIPROC_DIR"
STORE_OUTCOMES = (meter.OK, meter.UNAVAILABLE)
SMS_OUTCOMES = (failover.SENT, failover.FAILED, failover.REFUSED)


def share(folder: Path) -> None:
    """From now on count in files of this folder, which any process can add up. Call it before a `Metrics` is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob("*.db"):
        left_over.unlink()
    os.environ[SHARED_DIR] = str(folder)
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]


class Metrics(Families):
    """What is counted. One instance per app; labels hold route templates, never a number, an id or a token."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, *, senders: Sequence[str] = (), limits: Sequence[str] = ()) -> None:
        super().__init__(CollectorRegistry())
        for sender, outcome in product(senders, SMS_OUTCOMES):
            self.sms.labels(sender, outcome)
        for limit in limits:
            self.limit_hits.labels(limit)
        self._followed = Events()  # the app's, once it serves
        self._revocations: dict[str, float] = {}  # when each of those under way has got on
        # What is noted at every request, and counted now and then: counting costs ten times as much.
        self._answers: defaultdict[tuple[str, str, int], list[float]] = defaultdict(list)
        self._operations: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self._events: Counts[tuple[Event | Attempt, str | None]] = Counts()
        self._on_event: dict[Event | Attempt, Callable[[str | None, int], None]] = {
            Attempt.LOGIN: lambda outcome, times: self.logins.labels(outcome).inc(times),
            Attempt.REFRESH: lambda outcome, times: self.refreshes.labels(outcome).inc(times),
            Event.CODE_SENT: lambda reason, times: self.codes_sent.inc(times * (reason != TEST_CODE)),
            Event.LOGIN: self._logged_in,
            Event.LIMIT_HIT: lambda limit, times: self.limit_hits.labels(limit).inc(times),
            Event.LOGOUT: lambda _, times: self.sessions_ended.labels(EndReason.LOGGED_OUT).inc(times),
            Event.SESSION_REVOKED: lambda reason, times: self.sessions_ended.labels(reason or EndReason.REVOKED).inc(
                times
            ),
            Event.SESSION_REPLACED: lambda _, times: self.sessions_ended.labels(EndReason.REPLACED).inc(times),
            Event.REFRESH_TOKEN_REUSED: lambda _, times: self.sessions_ended.labels(EndReason.REUSED).inc(times),
            Event.NUMBER_LOCKED: lambda _, times: self.numbers_locked.inc(times),
            Event.INTROSPECTION_REFUSED: lambda _, times: self.introspections_refused.inc(times),
        }

    def observe_shed(self, reason: str) -> None:
        """Count one request or connection that was refused before any work. Quick: there may be very many."""
        self._shed_by_reason[reason].inc()

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request, at the next `flush`."""
        self._answers[method, route, status].append(seconds)

    def flush(self) -> None:
        """Count what was noted in passing. Called often: at every look of Prometheus, and by `sampler.py`."""
        for answer, noted in self._answers.items():
            if noted:
                method, route, _ = answer
                self.requests.labels(*answer).inc(len(noted))
                self.latency.labels(method, route).observe_all(noted)
                noted.clear()
        for store, noted in self._operations.items():
            if noted:
                self.store_seconds.labels(*store).observe_all(noted)
                noted.clear()
        for (event, reason), times in self._events.items():
            self._on_event[event](reason, times)
        self._events.clear()

    def observe_event(self, event: Event | Attempt, details: Details) -> None:
        """Count one event or one attempt, at the next `flush`."""
        if event in self._on_event:
            self._events[event, details.reason] += 1

    def observe_sms(self, sender: str, outcome: str, seconds: float) -> None:
        """Count what became of one message at one sender."""
        self.sms.labels(sender, outcome).inc()
        self.sms_seconds.labels(sender).observe(seconds)

    def observe_store(self, store: str) -> Mapping[str, Callable[[float], None]]:
        """By outcome, what to call with the seconds of each operation on one store."""
        for outcome in STORE_OUTCOMES:
            self.store_seconds.labels(store, outcome)
        return {outcome: self._operations[store, outcome].append for outcome in STORE_OUTCOMES}

    def observe_audit(self, queued: int, seconds: float) -> None:
        """Set how many events wait for the database in this worker, and for how long the oldest has."""
        self.audit_queue.set(queued)
        self.audit_lag.set(seconds)

    def observe_outbox_lost(self, reason: str, times: int) -> None:
        """Count events that other systems do not hear of."""
        self.outbox_lost.labels(reason).inc(times)

    def observe_revocation(self, revocation: Revocation, ended: int) -> None:
        """Note that a revocation has got on, or is over, and count the sessions that it has just ended."""
        self.sessions_ended.labels(EndReason.REVOKED).inc(ended)
        self._revocations[revocation.id] = time.time()
        if revocation.state is not State.RUNNING:
            del self._revocations[revocation.id]
            self.revocations.labels(revocation.state).inc()
        self.revocation_progress.set(min(self._revocations.values(), default=0))

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        self.flush()
        if SHARED_DIR not in os.environ:
            return generate_latest(self.registry)
        forget_the_killed(Path(os.environ[SHARED_DIR]))
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared)

    def start(self, workers: int, events: Events) -> None:
        """This process serves from now on, as one of so many workers."""
        self.follow(events)
        self.worker_starts.inc()
        self.workers.set(1)
        self.workers_configured.set(workers)
        self.build_info.labels(VERSION).set(1)

    def follow(self, events: Events) -> None:
        """Count these events until `stop`."""
        self._followed = events
        events.follow(self.observe_event)

    def stop(self) -> None:
        """Tell the other workers that this one is gone."""
        self._followed.unfollow(self.observe_event)
        self.flush()
        if SHARED_DIR in os.environ:
            mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]

    def _logged_in(self, reason: str | None, times: int) -> None:
        self.sessions_opened.inc(times)
        self.codes_verified.inc(times * (reason != TEST_CODE))
