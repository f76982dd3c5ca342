"""The files for systemd and Kubernetes: what their checkers say of them, and that they fit what the service does."""

import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml  # type: ignore[import-untyped]

from config import Settings
from service import VERSION
from tests.programs import needs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
UNIT = ROOT / "deploy" / "systemd" / "latch.service"
MANIFESTS = [
    manifest
    for path in sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
    for manifest in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]
BY_KIND: dict[str, Any] = {manifest["kind"]: manifest for manifest in MANIFESTS}
POD = BY_KIND["Deployment"]["spec"]["template"]
SETTINGS = {name.upper() for name in Settings.model_fields}
GRACE = Settings.model_fields["graceful_timeout"].default + 10  # seconds that a stop may take (docs/overload.md)


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest["kind"])
def test_a_manifest_is_what_kubernetes_schemas_ask_for(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, "1.30", strict=True)


def test_all_that_belongs_to_latch_finds_its_pods() -> None:
    labels = POD["metadata"]["labels"]
    assert BY_KIND["Service"]["spec"]["selector"] == labels
    assert BY_KIND["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert BY_KIND["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert BY_KIND["Job"]["spec"]["template"]["metadata"]["labels"] != labels


def test_the_image_is_that_of_this_version() -> None:
    templates = [POD, BY_KIND["Job"]["spec"]["template"]]
    assert {container["image"] for pod in templates for container in pod["spec"]["containers"]} == {f"latch:{VERSION}"}


def test_what_is_set_are_settings() -> None:
    assert set(BY_KIND["ConfigMap"]["data"]) <= SETTINGS


def test_supervisors_wait_for_a_stop_as_long_as_it_may_take() -> None:
    [container] = POD["spec"]["containers"]
    delay = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert POD["spec"]["terminationGracePeriodSeconds"] >= GRACE + delay
    [patience] = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert int(patience) >= GRACE


@needs("systemd-analyze", "the unit")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/latch", str(ROOT)), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
