"""The table of metrics, the dashboard, the alerts and their page: each names what there is, and all that there is."""

import json
import re
import subprocess
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from config import Settings
from service.observability.metrics import Metrics
from tests.processes import ROOT
from tests.programs import found
from tests.test_docs import table

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
DRILLS = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text(encoding="utf-8"))
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
SCRAPE = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = {
    **{rule["alert"]: rule["expr"] for rule in RULES},
    **{f"{panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel["targets"]},
}


def documented() -> dict[str, tuple[str, str, list[str]]]:
    rows = {name: (kind, text, re.findall("[a-z]+", labels)) for name, kind, labels, text in table("Metrics", PAGE)}
    assert len(rows) > 20
    return rows


def exposed() -> dict[str, tuple[str, str, list[str]]]:
    metrics = vars(Metrics()).values()
    families = {family.name: family for family in Metrics().registry.collect()}
    found = {}
    for metric in metrics:
        if name := getattr(metric, "_name", ""):
            family = families[name]
            total = "_total" if family.type == "counter" else ""
            found[name + total] = family.type, family.documentation, list(metric._labelnames)  # noqa: SLF001 - they are told in public once there is a value
    assert set(families) == {name.removesuffix("_total") for name in found}
    return found


def test_the_page_lists_every_metric_with_its_type_and_labels_and_says_what_the_code_says() -> None:
    page, code = documented(), exposed()
    assert set(page) == set(code)
    for name, (kind, text, labels) in code.items():
        assert page[name][0] == kind, name
        assert page[name][1].startswith(text), name
        assert page[name][2] == labels, name


@pytest.mark.parametrize("name", sorted(exposed()))
def test_names_are_as_prometheus_wants_them(name: str) -> None:
    kind = exposed()[name][0]
    assert name.startswith("latch_")
    assert name.endswith("_total") == (kind == "counter")
    assert not re.search("_(ms|millis|minutes|kb|mb)(_|$)", name)
    assert kind != "histogram" or name.endswith("_seconds")


@pytest.mark.parametrize("where", EXPRESSIONS)
def test_dashboard_and_alerts_ask_for_metrics_and_labels_that_there_are(where: str) -> None:
    code = exposed()
    asked = re.findall(r"\b(latch_[a-z_]+?)(_bucket|_count|_sum)?\b(?:\{([^}]*)\})?", EXPRESSIONS[where])
    assert asked or 'up{job="latch"}' in EXPRESSIONS[where]
    for name, part, selector in asked:
        assert name in code, name
        assert bool(part) == (code[name][0] == "histogram"), f"{name}{part}"
        labels = {*code[name][2], "instance", "job"}
        assert set(re.findall(r'(\w+)(?:=~|!~|!=|=)"', selector)) <= labels, selector


def test_everything_that_is_measured_is_looked_at() -> None:
    asked = " ".join(EXPRESSIONS.values())
    assert not [name for name in exposed() if name not in asked]


def test_every_alert_has_a_drill_and_every_drill_an_alert() -> None:
    assert re.findall(r"^## (.+)$", DRILLS, re.MULTILINE) == [rule["alert"] for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_how_urgent_it_is_what_it_means_and_where_its_drill_stands(rule: dict[str, Any]) -> None:
    drill = DRILLS.split(f"## {rule['alert']}\n")[1].split("\n## ")[0]
    assert drill.lstrip().startswith(f"**{rule['labels']['severity']}** · ")
    assert "\n- Look: " in drill
    assert "\n- Do" in drill
    assert rule["annotations"]["runbook"] == f"docs/alerts.md#{rule['alert'].lower()}"
    assert rule["annotations"]["summary"]


def test_the_page_names_settings_and_commands_that_there_are() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = {name.lower() for name in re.findall(r"`([A-Z][A-Z_]{4,})`", DRILLS)}
    assert len(named) > 5
    assert named <= set(Settings.model_fields)
    for command in re.findall(r"python run\.py (\w+)", DRILLS):
        assert f"./latch {command}" in readme, command


def test_the_dashboard_can_be_imported_into_any_grafana() -> None:
    datasource, instance = DASHBOARD["templating"]["list"]
    assert datasource["type"] == "datasource"
    assert instance["datasource"]["uid"] == "${datasource}"
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in PANELS:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert all('instance=~"$instance"' in target["expr"] for target in panel["targets"]), panel["title"]


def test_the_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_example_for_prometheus_reads_the_alerts_and_names_the_job_that_they_know() -> None:
    assert SCRAPE["rule_files"] == ["alerts.yml"]
    [job] = SCRAPE["scrape_configs"]
    assert (job["job_name"], job["metrics_path"]) == ("latch", "/metrics")
    jobs = {found for expression in EXPRESSIONS.values() for found in re.findall('job="([^"]+)"', expression)}
    assert jobs == {job["job_name"]}


@pytest.mark.parametrize(
    "command",
    [("check", "config", "deploy/prometheus/prometheus.yml"), ("test", "rules", "tests/alerts.yml")],
    ids=["the files are good", "the alerts fire when they should"],
)
def test_prometheus_itself_says(command: tuple[str, ...]) -> None:
    promtool = found("promtool", "what Prometheus makes of the files")
    done = subprocess.run([promtool, *command], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_seen_to_fire_and_to_stay_silent() -> None:
    tried = yaml.safe_load((ROOT / "tests" / "alerts.yml").read_text(encoding="utf-8"))
    assert [(ROOT / "tests" / name).resolve() for name in tried["rule_files"]] == [PROMETHEUS / "alerts.yml"]
    fired = {
        name for case in tried["tests"] for name in re.findall(r'alertname="(\w+)"', json.dumps(case).replace("\\", ""))
    }
    assert fired == {rule["alert"] for rule in RULES}
    assert any(check["exp_samples"] == [] for case in tried["tests"] for check in case["promql_expr_test"])
