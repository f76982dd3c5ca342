"""Every metric there is: its name, its help, its labels and, where they are known, their values (docs/metrics.md)."""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge

from service.entities import EndReason
from service.events import OUTCOMES, Attempt
from service.observability import audit_writer
from service.observability.prometheus_patches import BulkHistogram
from service.runtime import admission
from service.selections import State
from service.stores import outbox

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
STORE_BUCKETS = (0.00025, 0.0005, *BUCKETS[:-1])
SMS_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Families:
    """Labels that are known are there from the start, at 0: Prometheus sees no increase where a counter appears."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._count_requests()
        self._count_logins_and_sessions()
        self._measure_stores()
        self._measure_workers()
        self._measure_audit()
        self._count_outbox()

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

        what = "Revocations of many that are over, by what became of them"
        self.revocations = self._counter("latch_revocations", what, "outcome")
        for state in State:
            if state is not State.RUNNING:
                self.revocations.labels(state)
        what = "When the revocation that is under way has last got on, 0 where none is"
        self.revocation_progress = self._gauge("latch_revocation_progress_timestamp_seconds", what, "livemax")

    def _measure_stores(self) -> None:
        what = "Seconds of an operation on a store, the wait for its turn included"
        self.store_seconds = self._histogram("latch_store_seconds", what, STORE_BUCKETS, "store", "outcome")
        what = "Most operations under way or waiting at once of late"
        self.store_operations = self._gauge("latch_store_operations", what, "livesum", "store")
        what = "Connections that may be opened to a store"
        self.store_connections = self._gauge("latch_store_connections_max", what, "livesum", "store")

    def _measure_audit(self) -> None:
        what = "Events that wait to be written to the audit trail"
        self.audit_queue = self._gauge("latch_audit_queue", what, "livesum")
        what = "Seconds for which the oldest event that waits has done so"
        self.audit_lag = self._gauge("latch_audit_lag_seconds", what, "livemax")
        what = "Events that stand in the log and not in the audit trail"
        self.audit_lost = self._counter("latch_audit_lost", what, "reason")
        for reason in audit_writer.Lost._fields:
            self.audit_lost.labels(reason)

    def _count_outbox(self) -> None:
        self.outbox_lost = self._counter("latch_outbox_lost", "Events that other systems do not hear of", "reason")
        for reason in outbox.LOST:
            self.outbox_lost.labels(reason)
        what = "Events posted to a receiver of WEBHOOK_URLS, each attempt: taken or failed"
        self.webhooks = self._counter("latch_webhooks", what, "receiver", "outcome")
        what = "Events that have become dead letters"
        self.webhooks_given_up = self._counter("latch_webhooks_given_up", what, "receiver")
        what = "Events that wait for a receiver"
        self.webhooks_waiting = self._gauge("latch_webhooks_waiting", what, "livesum", "receiver")
        what = "Seconds since the oldest event that waits for a receiver was written"
        self.webhooks_oldest = self._gauge("latch_webhooks_oldest_seconds", what, "livemax", "receiver")
        what = "When a worker has last looked for events for a receiver"
        name = "latch_webhooks_progress_timestamp_seconds"
        self.webhooks_progress = self._gauge(name, what, "livemax", "receiver")

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
