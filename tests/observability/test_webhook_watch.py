"""What is counted of webhooks, as Prometheus sees it."""

import time

import pytest

from service.observability.metrics import Metrics
from service.observability.webhook_watch import WebhookWatch

NAME = "1 crm.example.com"


@pytest.fixture
def metrics() -> Metrics:
    metrics = Metrics()
    WebhookWatch(metrics).expect(NAME)
    return metrics


def told(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, {"receiver": NAME, **labels})


def test_what_is_counted_of_a_receiver_stands_at_0_before_anything_happens(metrics: Metrics) -> None:
    assert told(metrics, "latch_webhooks_total", outcome="taken") == 0
    assert told(metrics, "latch_webhooks_total", outcome="failed") == 0
    assert told(metrics, "latch_webhooks_given_up_total") == 0
    assert told(metrics, "latch_webhooks_progress_timestamp_seconds") == 0


def test_a_look_notes_its_moment(metrics: Metrics) -> None:
    WebhookWatch(metrics).looked(NAME)
    assert told(metrics, "latch_webhooks_progress_timestamp_seconds") == pytest.approx(time.time(), abs=60)
