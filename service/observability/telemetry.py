"""How this worker is watched: metrics and activity always, traces where they are asked for.

The parts take a plain callable each, and know of neither.
"""

import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from config import Settings
from service.events import Events
from service.observability.activity import Activity
from service.observability.metrics import Metrics
from service.observability.sampler import Sampler
from service.stores.meter import Meter

if TYPE_CHECKING:  # importing OpenTelemetry takes a third of a second and is mostly for nothing
    from service.observability.tracing import Tracing

PACKAGES = '"opentelemetry-sdk>=1.30" "opentelemetry-exporter-otlp-proto-http>=1.30"'
OTHER_LIMITS = ("code_attempts", "conversion", "provider")  # refusals that no setting LIMIT_... is the name of

log = logging.getLogger(__name__)


class Telemetry:
    """One per app. `tracing` is None until `start`, and stays so where no traces are wanted."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sampler: Sampler | None = None
        named = [name.removeprefix("limit_") for name in Settings.model_fields if name.startswith("limit_")]
        self.metrics = Metrics(senders=settings.sms_sender, limits=[*named, *OTHER_LIMITS])
        self.activity = Activity()
        self.tracing: Tracing | None = None

    def start(self, stores: Mapping[str, Meter], events: Events) -> None:
        """This process serves from now on."""
        self.metrics.start(self._settings.workers, events)
        events.follow(self.activity.follow)
        self._sampler = Sampler(self.metrics, stores)
        self._sampler.start()
        self.tracing = self.tracing or _tracing(self._settings)

    def start_aside(self, stores: Mapping[str, Meter], events: Events) -> None:
        """This process answers operators from now on; it is none of the workers."""
        self.metrics.follow(events)
        self._sampler = Sampler(self.metrics, stores, is_worker=False)
        self._sampler.start()

    async def stop(self) -> None:
        """This process serves no more: send the last spans, and tell the other workers."""
        if self._sampler:
            self._sampler.stop()
        if self.tracing:
            await self.tracing.close()
        self.metrics.stop()

    def store(self, name: str) -> Callable[[str, str, float], None]:
        """What to call with each operation on one store: `redis` or `database`."""
        count = self.metrics.observe_store(name)
        sql = "sqlite" if self._settings.database_location.startswith("sqlite") else "postgresql"
        system = sql if name == "database" else name  # as the semantic conventions call them

        def observe(operation: str, outcome: str, seconds: float) -> None:
            count[outcome](seconds)
            if self.tracing:
                self.tracing.store(system, operation, outcome, seconds)

        return observe

    def shed(self, reason: str) -> None:
        """Count one request or connection that was refused before any work."""
        self.metrics.observe_shed(reason)
        self.activity.note_shed()

    def sms(self, sender: str, outcome: str, seconds: float, reason: str = "") -> None:
        """Record what became of one message at one sender, and why it failed if it did."""
        self.activity.note_sms(sender, outcome, seconds, reason)
        self.metrics.observe_sms(sender, outcome, seconds)
        if self.tracing:
            self.tracing.sms(sender, outcome, seconds)


def _tracing(settings: Settings) -> "Tracing | None":
    endpoint = settings.otel_exporter_otlp_endpoint
    if not endpoint:
        return None
    try:
        module = import_module("service.observability.tracing")
    except ImportError as error:
        log.warning(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, and no traces are sent: %s is missing; type: python -m pip install %s",
            error.name,
            PACKAGES,
        )
        return None
    return module.to_collector(endpoint)  # type: ignore[no-any-return]
