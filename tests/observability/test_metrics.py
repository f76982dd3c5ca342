"""Metrics of several workers, and of those that are gone; and what a worker tells of itself between requests."""

import asyncio
import os
import subprocess
import time
from pathlib import Path

import pytest

from service.events import Event, Events
from service.observability import sampler
from service.observability.metrics import SHARED_DIR, Metrics
from service.observability.sampler import Sampler
from service.stores.meter import Meter, ignore


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_gauges_of_a_worker_that_was_killed_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    names = [f"gauge_livesum_{gone.pid}.db", f"gauge_livesum_{os.getpid()}.db", f"counter_{gone.pid}.db"]
    for name in names:
        (tmp_path / name).write_bytes(bytes(1 << 10))
    monkeypatch.setenv(SHARED_DIR, str(tmp_path))
    Metrics().exposition()
    assert {path.name for path in tmp_path.iterdir()} == set(names[1:])


def test_who_does_not_serve_counts_nothing() -> None:
    metrics, events = Metrics(), Events()
    events.record(Event.LOGIN)
    metrics.start(1, events)
    events.record(Event.LOGIN)
    metrics.stop()
    events.record(Event.LOGIN)
    assert value(metrics, "latch_sessions_opened_total") == 1


async def test_peaks_and_delays_between_two_looks_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    lags: list[float] = []
    looked = asyncio.Event()

    class Watched(Sampler):
        def sample(self, lag: float) -> None:
            super().sample(lag)
            lags.append(lag)
            if len(lags) > 1:
                looked.set()

    monkeypatch.setattr(sampler, "TICK", 0.01)
    metrics, redis = Metrics(), Meter(8, ignore)
    for _ in range(5):
        redis.enter()
    for _ in range(5):
        redis.leave()
    watched = Watched(metrics, {"redis": redis})
    watched.start()
    assert value(metrics, "latch_store_operations", store="redis") == 5
    await asyncio.sleep(0)
    time.sleep(0.2)  # noqa: ASYNC251 - holding the event loop up is the point
    async with asyncio.timeout(10):
        await looked.wait()
    watched.stop()
    assert lags[1] > 0.1
    assert value(metrics, "latch_store_operations", store="redis") == 0
