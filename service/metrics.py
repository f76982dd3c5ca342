"""Prometheus metrics, added up over all workers when `run.py` has given them a folder to share.

prometheus-client decides how to count when it is first imported, by the variable PROMETHEUS_MULTIPROC_DIR.
"""

import os

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

SHARED_DIR = "PROMETHEUS_MULTIPROC_DIR"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """What is counted. One instance per app; labels hold route templates, never a number or a token."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "latch_requests",
            "Requests answered",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self.latency = Histogram(
            "latch_request_seconds",
            "Seconds from the request's head to its answer",
            ["method", "route"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self.sms = Counter(
            "latch_sms",
            "Messages handed to a sender: sent, failed, or refused because the number gets too many",
            ["sender", "outcome"],
            registry=self._registry,
        )
        self.limit_hits = Counter("latch_limit_hits", "Requests refused by a limit", ["limit"], registry=self._registry)
        self.shed = Counter(
            "latch_requests_shed",
            "Requests and connections refused because the worker has enough to do, or is stopping",
            ["reason"],
            registry=self._registry,
        )
        self._shed_by_reason: dict[str, Counter] = {}

    def observe_sms(self, sender: str, outcome: str) -> None:
        """Count what became of one message at one sender."""
        self.sms.labels(sender, outcome).inc()

    def observe_limit(self, name: str) -> None:
        """Count one request that a limit refused."""
        self.limit_hits.labels(name).inc()

    def observe_shed(self, reason: str) -> None:
        """Count one request or connection that was refused before any work. Quick: there may be very many."""
        counter = self._shed_by_reason.get(reason)
        if counter is None:
            counter = self._shed_by_reason[reason] = self.shed.labels(reason)
        counter.inc()

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self.requests.labels(method, route, str(status)).inc()
        self.latency.labels(method, route).observe(seconds)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        if SHARED_DIR not in os.environ:
            return generate_latest(self._registry)
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared)

    @staticmethod
    def retire() -> None:
        """Tell the other workers that this one is gone."""
        if SHARED_DIR in os.environ:
            mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
