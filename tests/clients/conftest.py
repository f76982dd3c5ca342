"""The guards' package is imported from where it stands, and a backend of theirs finds the Latch of the tests."""

import sys

import pytest

from tests.clients.backends import Backend
from tests.processes import ROOT, Service

sys.path.insert(0, str(ROOT / "clients" / "python"))


@pytest.fixture
def backend(running: Backend, latch: Service) -> Backend:
    """The one that a module has `running`, as it was at first."""
    running.gate.reset(latch.port)
    return running
