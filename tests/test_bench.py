"""The benchmark's arithmetic and what it writes: a missed target is told, a round that went wrong does not count.

What it measures it measures on real servers, which takes minutes: `make bench-short`.
"""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import __main__ as command
from bench import asked, generator, picture, publishing, report, targets
from bench import findings as f
from bench.contestants import BARE, FLASK, KINDS
from bench.contests import Contest, Ring, repeated
from bench.cores import shared_out
from bench.figures import Figure, busy, efficiency, ratio
from bench.findings import Findings
from bench.generator import Outcome, Shot, outcome_of, request
from bench.logins import Logins
from bench.servers import BenchError, Server
from bench.stores import PostgresServer

ROOT = Path(__file__).parent.parent
SOUND = Outcome(answered=1000, seconds=2.0, p50=0.01, p99=0.02, failed=0, broken=0, used_up=False, processor=1.0)
RESULT = (
    'Running 2s test @ http://127.0.0.1:1/\nRESULT {"answered":10,"seconds":2.000000,"p50":0.001000,"p99":0.002000,'
    '"failed":3,"broken":0,"used_up":false,"statuses":{"200":7,"429":3}}\n'
)


def test_what_a_generator_prints_is_read() -> None:
    outcome = outcome_of(RESULT)
    assert (outcome.rate, outcome.p99, outcome.statuses) == (5.0, 0.002, {"200": 7, "429": 3})


def test_a_generator_that_breaks_off_is_told_with_its_words() -> None:
    with pytest.raises(BenchError, match="unable to connect"):
        outcome_of("unable to connect to 127.0.0.1:1 Connection refused")


def test_statuses_of_a_bad_round_are_told() -> None:
    assert not outcome_of(RESULT).is_sound
    assert outcome_of(RESULT).complaint == "3 x 429"
    assert replace(SOUND, broken=2).complaint == "2 connections broke or had no answer"
    assert replace(SOUND, failed=2).complaint == "2 answers were no success"


def test_ratios_are_of_neighbouring_rounds_and_leave_bad_ones_out() -> None:
    half = replace(SOUND, answered=500)
    assert ratio([half, SOUND, None], [SOUND, SOUND, SOUND]) == Figure((0.5, 1.0))
    assert ratio([None], [SOUND]) is None
    assert ratio([half], [SOUND], efficiency) == Figure((0.5,))
    assert busy([SOUND, None]) == Figure((0.5,))


def test_a_figure_is_the_median_with_its_spread() -> None:
    figure = Figure((0.9, 0.7, 0.8))
    assert (figure.low, figure.middle, figure.high) == (0.7, 0.8, 0.9)
    assert report.shown(figure) == "0.80 (0.70-0.90)"
    assert report.shown(Figure((2.0, 2.0)), 0) == "2"
    assert report.shown(None) == "not measured"


@pytest.mark.parametrize("cores", [1, 2, 3, 4, 8])
def test_server_and_load_have_cores_of_their_own_where_there_are_two(cores: int) -> None:
    shared = shared_out(range(cores))
    assert shared.server.isdisjoint(shared.load) == (cores > 1)
    assert shared.server.isdisjoint(shared.stores) == (cores > 1)
    assert shared.apart == (cores > 2)
    assert shared.text.startswith("one core") == (cores == 1)


class Phones:
    """A server that remembers to whom it issued codes."""

    port = 1

    def issue(self, mobiles: list[str]) -> list[bytes]:  # type: ignore[override, unused-ignore]
        return [mobile.encode() for mobile in mobiles]


def test_half_of_those_who_log_in_have_done_so_before() -> None:
    logins = Logins(Phones())  # type: ignore[arg-type]
    first = logins.shot(1).requests
    logins.note(replace(SOUND, answered=len(first), seconds=1.0))
    second = logins.shot(1).requests
    known = len(set(first) & set(second))
    assert known == min(len(first), len(second) // 2)
    assert len(set(second)) == len(second)


class Scripted:
    """A load generator whose outcomes are known beforehand."""

    title = "scripted"

    def __init__(self, *outcomes: Outcome) -> None:
        self._outcomes = list(outcomes)

    def fire(self, _shot: Shot, _cores: frozenset[int]) -> Outcome:
        return self._outcomes.pop(0)


class Idle(Server):
    """A server that does nothing."""

    def __init__(self) -> None:
        self.port = 1

    def processor(self) -> float:
        return 0.0

    def last_words(self) -> str:
        return "redis cannot be reached"


def held(*outcomes: Outcome) -> tuple[list[Outcome | None], list[str]]:
    notes: list[str] = []
    ring = Ring(Scripted(*outcomes), frozenset({0}), 1, 1, notes.append)
    server = Idle()
    return list(ring.hold([Contest("x", server, repeated([b""], server, 1))], warm=True)["x"]), notes


def test_a_round_with_refusals_does_not_count_and_is_told() -> None:
    rounds, notes = held(outcome_of(RESULT))
    assert rounds == [None]
    assert notes == ["x: a round does not count: 3 x 429; its log ends with: redis cannot be reached"]


def test_a_round_whose_list_was_too_short_is_held_again() -> None:
    rounds, notes = held(replace(SOUND, used_up=True), SOUND)
    assert [outcome.answered for outcome in rounds if outcome] == [1000]
    assert not notes


COUNTED = {
    "total_reads_processed": 107,
    "cmdstat_evalsha": {"calls": 4},
    "cmdstat_get": {"calls": 6},
    "cmdstat_info": {"calls": 3},
}


class Counting:
    """A Redis that counts."""

    def info(self, section: str) -> dict[str, Any]:
        assert section == "everything"
        COUNTED["total_reads_processed"] = int(str(COUNTED["total_reads_processed"])) + 1  # this one
        return COUNTED


def test_what_is_asked_to_count_is_not_counted() -> None:
    assert asked.commands(COUNTED) == 10
    counters = asked.Counters(Counting(), lambda: 5, [])  # type: ignore[arg-type]
    assert [counters.now() for _ in range(2)] == [asked.Counts(107, 10, 5)] * 2


def test_what_comes_after_the_answer_is_told_apart() -> None:
    before, answered, quiet = (asked.Counts(*counts) for counts in ((5, 9, 1), (7, 12, 2), (8, 13, 2)))
    counted = asked.between(before, answered, quiet)
    assert counted == {"redis": 2, "after": 1, "commands": 4, "database": 1}


def test_statements_are_counted_in_the_log_of_postgresql(tmp_path: Path) -> None:
    lines = (
        "2026-01-31 UTC [7] LOG:  execute __asyncpg_stmt_2__: INSERT INTO users",
        "2026-01-31 UTC [7] DETAIL:  Parameters: $1 = 'x'",
        "2026-01-31 UTC [7] LOG:  statement: BEGIN;",
        "2026-01-31 UTC [7] LOG:  checkpoint starting: time",
    )
    (tmp_path / "log").write_text("\n".join(lines))
    assert PostgresServer("", 0, tmp_path / "log").statements() == 2


def test_without_wrk_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BenchError, match="apt install wrk"):
        generator.chosen()


def test_a_request_is_as_it_goes_over_the_wire() -> None:
    sent = request("Bearer x", method="POST", body=b"{}", X_Forwarded_For="10.0.0.1").decode()
    assert sent.startswith("POST /app/v1_0/authorizations HTTP/1.1\r\n")
    assert "\r\nContent-Length: 2\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n{}" in sent


@pytest.fixture
def found() -> Findings:
    findings = Findings(header={"date": "2026-01-31", "commit": "abc"}, sessions=(1_000, 1_000_000))
    for target in targets.of(findings):
        findings.put(target.figure, Figure((target.bound,)))
    findings.put(f.check(FLASK.title), Figure((0.1, 0.2)))
    findings.processor = {"Latch": 0.75, "Redis": 0.25}
    findings.memory = {"just started": {"resident": 90.0, "own": 70.0, "proportional": 75.0}}
    return findings


def test_targets_that_are_met_are_all_said_to_be(found: Findings) -> None:
    assert f"**{len(targets.of(found))} of {len(targets.of(found))} targets met.**" in report.text(found)
    assert "missed" not in report.text(found)


def test_a_missed_target_stands_in_the_report_with_what_was_measured(found: Findings) -> None:
    found.put(f.check(f.LATCH), Figure((0.796,)))
    text = report.text(found)
    assert "| check, 64 connections | ≥ 0.8 | 0.80 | **missed** |" in text
    assert "missed: check, 64 connections.**" in text


def test_what_was_not_measured_is_no_target_met(found: Findings) -> None:
    del found.figures[f.login(f.LATCH_SQLITE)]
    found.notes.append("Latch on SQLite: a round does not count: 3 x 503")
    text = report.text(found)
    assert "| login on SQLite, 64 connections | ≥ 0.2 | not measured | not measured |" in text
    assert "3 x 503" in text
    assert [target.figure for target in targets.missed(found)] == [f.login(f.LATCH_SQLITE)]


def test_two_workers_are_judged_by_processor_time_where_they_share_their_cores(found: Findings) -> None:
    found.put(f.TWO_WORKERS, Figure((1.2,)))
    assert not targets.missed(found)
    assert [target.figure for target in targets.missed(replace(found, apart=True))] == [f.TWO_WORKERS]


def test_tables_have_as_many_cells_in_each_row(found: Findings) -> None:
    for block in report.text(found).split("\n\n"):
        if block.startswith("|"):
            assert len({len(re.split(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1, block


def test_the_picture_is_whole_and_has_a_bar_for_each_who_was_measured(found: Findings) -> None:
    drawn = picture.drawn(found)
    tree = ET.fromstring(drawn)
    bars = [node for node in tree.iter() if node.get("id", "").startswith("bar: ")]
    names = {node.text for node in tree.iter() if node.tag.endswith("text")}
    assert len(bars) == 5  # the bare handler, Latch, Flask; Latch on both databases
    assert {BARE.title, f.LATCH, FLASK.title, f.LATCH_SQLITE} <= names
    assert not re.search("#(000000|ffffff)", drawn)  # which would be lost on a black page, or on a white one


def test_the_same_run_makes_the_same_picture(found: Findings) -> None:
    assert picture.drawn(found) == picture.drawn(found)


def test_a_report_is_kept_and_published_between_its_marks(found: Findings, tmp_path: Path) -> None:
    publishing.keep(found, tmp_path / "kept")
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {"latest.md", "latest.svg", "latest.json"}
    page, drawing = tmp_path / "page.md", tmp_path / "page.svg"
    page.write_text(f"above\n{publishing.BEGIN}\nold\n{publishing.END}\nbelow\n")
    for _ in range(2):
        publishing.publish(found, page, drawing)
    text = page.read_text()
    assert text.startswith("above\n")
    assert text.endswith("below\n")
    assert "old" not in text
    assert text.count(publishing.BEGIN) == 1
    assert drawing.exists()


def test_a_page_without_marks_is_left_alone(found: Findings, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("by hand")
    with pytest.raises(BenchError, match="bench:begin"):
        publishing.publish(found, page, tmp_path / "page.svg")
    assert page.read_text() == "by hand"


def test_the_peers_run_on_the_sanic_and_the_event_loop_of_latch() -> None:
    def pinned(path: str) -> dict[str, str]:
        return dict(re.findall(r"^([\w-]+)==([^ ;]+)", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE))

    ours, theirs = pinned("requirements.lock"), pinned("bench/requirements.lock")
    shared = re.search(r"^SHARED := (\S+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert shared
    for name in shared[1].split("|"):
        assert theirs[name] == ours[name]


def test_every_peer_has_a_file_of_its_own() -> None:
    assert {kind.key for kind in KINDS} == {path.stem for path in (ROOT / "bench" / "peers").glob("*.py")}


def test_an_unknown_option_is_refused_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--quick"])
    assert "unrecognized arguments: --quick" in capsys.readouterr().err
