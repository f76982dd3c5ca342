"""Prometheus metrics, added up over all workers when `run.py` has given them a folder to share (docs/metrics.md).

prometheus-client decides how to count when it is first imported, by the variable PROMETHEUS_MULTIPROC_DIR. In that mode
a worker cannot ask another one for a value: gauges are set from time to time, by `sampler.py`.
"""

import os
from collections import Counter as Counts
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Literal

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from service import VERSION
from service.entities import EndReason
from service.events import OUTCOMES, TEST_CODE, Attempt, Details, Event, Events
from service.observability import audit_writer
from service.observability.prometheus_patches import BulkHistogram, forget_the_killed
from service.runtime import admission
from service.senders import failover
from service.stores import meter

SHARED_DIR = "PROMETHEUS_MULTIPROC_DIR"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
STORE_BUCKETS = (0.00025, 0.0005, *BUCKETS[:-1])
SMS_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
STORE_OUTCOMES = (meter.OK, meter.UNAVAILABLE)
SMS_OUTCOMES = (failover.SENT, failover.FAILED, failover.REFUSED)


def share(folder: Path) -> None:
    """From now on count in files of this folder, which any process can add up. Call it before a `Metrics` is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob("*.db"):
        left_over.unlink()
    os.environ[SHARED_DIR] = str(folder)
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]


class Metrics:
    """What is counted. One instance per app; labels hold route templates, never a number, an id or a token."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, *, senders: Sequence[str] = (), limits: Sequence[str] = ()) -> None:
        self.registry = CollectorRegistry()
        # Labels that are known are there from the start, at 0: Prometheus sees no increase where a counter appears.
        self._count_requests()
        self._count_logins_and_sessions()
        self._measure_stores()
        self._measure_workers()
        self._measure_audit()
        for sender, outcome in product(senders, SMS_OUTCOMES):
            self.sms.labels(sender, outcome)
        for limit in limits:
            self.limit_hits.labels(limit)
        self._followed = Events()  # the app's, once it serves
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

    def _count_requests(self) -> None:
        self.requests = self._counter("latch_requests", "Requests answered", "method", "route", "status")
        what = "Seconds from the request's head to its answer"
        self.latency = self._histogram("latch_request_seconds", what, BUCKETS, "method", "route")
        self.limit_hits = self._counter("latch_limit_hits", "Requests refused by a limit", "limit")
        what = "Requests refused because the worker has enough to do, or is stopping"
        self.shed = self._counter("latch_requests_shed", what, "reason")
        self._shed_by_reason = {reason: self.shed.labels(reason) for reason in admission.REASONS}
        what = "Numbers whose wrong tries of more than a day are used up"
        self.numbers_locked = self._counter("latch_numbers_locked", what)
        what = "Calls of /introspect without a valid service key"
        self.introspections_refused = self._counter("latch_introspections_refused", what)

    def _count_logins_and_sessions(self) -> None:
        self.logins = self._counter("latch_logins", "Attempts to log in, by what became of them", "outcome")
        self.refreshes = self._counter("latch_refreshes", "Refreshes, by what became of them", "outcome")
        for attempts, attempt in ((self.logins, Attempt.LOGIN), (self.refreshes, Attempt.REFRESH)):
            for outcome in OUTCOMES[attempt]:
                attempts.labels(outcome)
        what = "Login codes that a sender has accepted, but for TEST_CODES"
        self.codes_sent = self._counter("latch_codes_sent", what)
        what = "Login codes traded for a session, but for TEST_CODES"
        self.codes_verified = self._counter("latch_codes_verified", what)
        what = "Messages handed to a sender: sent, failed, or refused because the number gets too many"
        self.sms = self._counter("latch_sms", what, "sender", "outcome")
        what = "Seconds until a sender took a message or did not"
        self.sms_seconds = self._histogram("latch_sms_seconds", what, SMS_BUCKETS, "sender")
        self.sessions_opened = self._counter("latch_sessions_opened", "Sessions opened")
        self.sessions_ended = self._counter("latch_sessions_ended", "Live sessions ended on purpose", "reason")
        for reason in EndReason:
            self.sessions_ended.labels(reason)

    def _measure_stores(self) -> None:
        what = "Seconds of an operation on a store, the wait for its turn included"
        self.store_seconds = self._histogram("latch_store_seconds", what, STORE_BUCKETS, "store", "outcome")
        what = "Most operations under way or waiting at once of late"
        self.store_operations = self._gauge("latch_store_operations", what, "livesum", "store")
        what = "Connections that may be opened to a store"
        self.store_connections = self._gauge("latch_store_connections_max", what, "livesum", "store")

    def observe_audit(self, queued: int, seconds: float) -> None:
        """Set how many events wait for the database in this worker, and for how long the oldest has."""
        self.audit_queue.set(queued)
        self.audit_lag.set(seconds)

    def _measure_audit(self) -> None:
        what = "Events that wait to be written to the audit trail"
        self.audit_queue = self._gauge("latch_audit_queue", what, "livesum")
        what = "Seconds for which the oldest event that waits has done so"
        self.audit_lag = self._gauge("latch_audit_lag_seconds", what, "livemax")
        what = "Events that stand in the log and not in the audit trail"
        self.audit_lost = self._counter("latch_audit_lost", what, "reason")
        for reason in audit_writer.Lost._fields:
            self.audit_lost.labels(reason)

    def _measure_workers(self) -> None:
        self.workers = self._gauge("latch_workers", "Workers that serve", "livesum")
        self.workers_configured = self._gauge("latch_workers_configured", "Workers that should serve", "livemax")
        self.worker_starts = self._counter("latch_worker_starts", "Workers that have begun to serve")
        self.worker_cpu = self._counter("latch_worker_cpu_seconds", "CPU seconds spent by the workers")
        self.worker_memory = self._gauge("latch_worker_memory_bytes", "Resident memory of the workers", "livesum")
        what = "Longest delay of a worker's event loop of late"
        self.loop_lag = self._gauge("latch_event_loop_lag_seconds", what, "livemax")
        self.build_info = self._gauge("latch_build_info", "1, with the version as a label", "livemax", "version")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, mode: Literal["livesum", "livemax"], *labels: str) -> Gauge:
        """A gauge of the workers that still run: added up, or the highest."""
        return Gauge(name, text, labels, registry=self.registry, multiprocess_mode=mode)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> BulkHistogram:
        return BulkHistogram(name, text, labels, registry=self.registry, buckets=buckets)
