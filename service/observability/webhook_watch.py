"""Counts what the dispatcher of webhooks does. Receivers are told by their place in WEBHOOK_URLS and their host."""

import time

from service.observability.metrics import Metrics
from service.stores.outbox import TRIMMED
from service.webhooks import Attempt

TAKEN, FAILED = "taken", "failed"


class WebhookWatch:
    """The metrics of webhooks, of whichever worker sends."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def expect(self, receiver: str) -> None:
        """Tell its figures from now on, as 0: Prometheus sees no increase where a counter appears."""
        for outcome in (TAKEN, FAILED):
            self._metrics.webhooks.labels(receiver, outcome)
        self._metrics.webhooks_given_up.labels(receiver)
        self._metrics.webhooks_progress.labels(receiver)

    def looked(self, receiver: str) -> None:
        """Note the moment: it grows old where no worker sends."""
        self._metrics.webhooks_progress.labels(receiver).set(time.time())

    def attempted(self, receiver: str, attempt: Attempt) -> None:
        """Count an attempt by what became of it."""
        self._metrics.webhooks.labels(receiver, TAKEN if attempt.is_taken else FAILED).inc()

    def given_up(self, receiver: str) -> None:
        """Count an event that has become a dead letter."""
        self._metrics.webhooks_given_up.labels(receiver).inc()

    def lost(self, _receiver: str, count: int) -> None:
        """Count events that are nowhere any more."""
        self._metrics.outbox_lost.labels(TRIMMED).inc(count)

    def waiting(self, receiver: str, count: int, oldest_at: float | None) -> None:
        """Set how many wait, and for how long the oldest has."""
        seconds = max(0.0, time.time() - oldest_at) if oldest_at else 0.0
        self._metrics.webhooks_waiting.labels(receiver).set(count)
        self._metrics.webhooks_oldest.labels(receiver).set(seconds)
