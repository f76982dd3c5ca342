"""The guards' package is imported from where it stands."""

import sys

from tests.processes import ROOT

sys.path.insert(0, str(ROOT / "clients" / "python"))
