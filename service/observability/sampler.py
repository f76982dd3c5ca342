"""Looks at this worker from time to time, and sets the metrics that nothing sets in passing."""

import asyncio
import os
import resource
import time
from collections.abc import Mapping
from pathlib import Path

from service.observability.metrics import Metrics
from service.stores.meter import Meter

TICK = 0.5  # seconds; whatever holds the event loop up for longer than this is noticed
TICKS = 10  # from look to look; Prometheus asks less often as a rule, and the peaks of the time between are not lost
STATM = Path("/proc/self/statm")  # Linux alone


class Sampler:
    """One per worker, and one of the process beside them, which is not counted among them."""

    def __init__(self, metrics: Metrics, stores: Mapping[str, Meter], *, is_worker: bool = True) -> None:
        self._metrics = metrics
        self._stores = dict(stores)
        self._is_worker = is_worker
        self._cpu = 0.0
        self._task: asyncio.Task[None] | None = None
        for name, store in stores.items():
            metrics.store_connections.labels(name).set(store.size)

    def start(self) -> None:
        """Look now, and then every TICKS times TICK until `stop`."""
        self.sample(0)
        self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """Look no more."""
        if self._task:
            self._task.cancel()

    def sample(self, lag: float) -> None:
        """Set every gauge. `lag` is by how many seconds the event loop was late at most."""
        for name, store in self._stores.items():
            self._metrics.store_operations.labels(name).set(store.peak())
        if not self._is_worker:
            return
        self._metrics.loop_lag.set(lag)
        cpu = time.process_time()
        self._metrics.worker_cpu.inc(cpu - self._cpu)
        self._cpu = cpu
        self._metrics.worker_memory.set(_resident())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            lag = 0.0
            for _ in range(TICKS):
                due = loop.time() + TICK
                await asyncio.sleep(TICK)
                lag = max(lag, loop.time() - due)
                self._metrics.flush()
            self.sample(lag)


def _resident() -> int:
    """Bytes of resident memory; where Linux does not tell, the most there have been."""
    if STATM.exists():
        return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
