"""What is said of a rehearsal: the table, the stories, and the command that does a run again."""

import json
from typing import Any

from service.rehearsal import report
from service.rehearsal.plans import Plan
from service.rehearsal.report import Outcome
from service.rehearsal.runs import MANUAL, Run, Runs
from service.rehearsal.scripts import SCRIPTS
from service.rehearsal.wire import Deed, Exchange, Kind, Said

OK, REFUSED = Said(200), Said(401, "session_ended", "revoked")


def run(number: int, *exchanges: Exchange, script: str = "calm", is_done: bool = True) -> Run:
    made = Run(Plan(SCRIPTS[script], 7, number), str(number), rounds=1, at_once=1)
    made.learn("s1", "a1", "r1")
    for exchange in exchanges:
        made.note(exchange)
    made.is_done = is_done
    return made


def heard(kind: Kind, at: float, told: Said = OK, **more: Any) -> Exchange:
    return Exchange(
        **{"at": at, "kind": kind, "latch": told, "told": told, "told_at": at + 0.01, "is_latchs": True, **more}
    )


LOGIN = heard(Kind.LOGIN, 0, opened="s1")
WORK = heard(Kind.WORK, 1, token="a1", session="s1")
AGAIN = heard(Kind.LOGIN, 2, opened="s2")


def outcome(*runs: Run, complaints: tuple[str, ...] = ()) -> Outcome:
    return report.outcome(7, len(runs), runs, complaints)


def test_the_table_has_a_line_for_each_script_and_one_for_all() -> None:
    found = outcome(run(0, LOGIN, WORK), run(1, LOGIN, WORK, AGAIN), run(2, LOGIN, WORK, script="late", is_done=False))
    assert report.rows(found)[1:] == [
        ("calm", "2", "0", "3", "1", "0", "1", "0"),
        ("late", "1", "0", "1", "0", "0", "0", "1"),
        ("all", "3", "0", "4", "1", "0", "1", "1"),
    ]


def test_a_rehearsal_is_good_where_something_was_rehearsed_and_nothing_found() -> None:
    assert outcome(run(0, LOGIN, WORK)).is_good
    assert not outcome().is_good
    assert not outcome(run(0, LOGIN, WORK), complaints=("it did not end",)).is_good
    assert not outcome(run(0, LOGIN, WORK, AGAIN)).is_good
    assert report.verdict(outcome()) == ["nobody has rehearsed; seed 7"]


def test_a_story_tells_in_order_what_was_asked_done_and_answered() -> None:
    told = run(3, LOGIN, heard(Kind.WORK, 1, REFUSED, token="a1", session="s1"))
    lost = Exchange(2, Kind.REFRESH, "r1", "s1", network="a cut", latch=OK, told_at=2.1, opened="s1")
    told.note(lost)
    first, second, third = [line.split("; ") for line in report.story(told.record())]
    assert first == ["0.000 s  login", "the client got 200, tokens of session 1 at 0.010 s"]
    assert second[1:] == ["the client got 401 session_ended (revoked) at 1.010 s"]
    assert third[0] == "2.000 s  refresh with token 2 of session 1"
    assert third[1:] == ["a cut", "Latch answered 200, tokens of session 1", "the client got nothing"]


def test_a_story_tells_what_happened_to_sessions() -> None:
    told = run(3, LOGIN)
    told.note_deed(Deed.REVOKED, "s1")
    assert report.story(told.record())[-1].endswith(" s  the session is revoked: session 1")


def test_a_failed_run_is_told_with_the_command_that_does_it_again() -> None:
    found = outcome(run(41, LOGIN, WORK, AGAIN))
    again = ["--script", "calm", "--", "node", "my driver.mjs"]
    *_, last = report.stories(found, again)
    assert last == "  again: latch rehearse --seed 7 --run 41 --script calm -- node 'my driver.mjs'"
    [failed] = json.loads(json.dumps(report.as_json(found, again)))["failed"]
    assert failed["again"] == last.strip().removeprefix("again: ")
    assert {finding["fault"] for finding in failed["findings"]} == {"lost", "loop"}


def test_of_many_failed_runs_the_first_are_told_and_all_are_in_the_json() -> None:
    found = outcome(*(run(number, LOGIN, WORK, AGAIN) for number in range(9)))
    *_, last = report.stories(found, [])
    assert last.strip() == "... and 4 runs more in which something was found; --json has them all"
    assert len(report.as_json(found, [])["failed"]) == 9


def test_runs_are_handed_out_once_each_with_a_number_of_their_own() -> None:
    runs = Runs(7, 3, ("calm",))
    tasks = [one.task("http://here") for one in iter(runs.next, None)]
    assert [task["url"] for task in tasks] == [f"http://here/run/{number}" for number in range(3)]
    assert len({task["mobile"] for task in tasks}) == 3
    assert runs.left == 0


def test_a_run_by_hand_is_there_for_whoever_asks_and_is_none_of_those_that_were_wanted() -> None:
    runs = Runs(7, 3, ("calm",))
    assert runs.find("0") is None
    assert runs.find(MANUAL) is runs.find(MANUAL) is not None
    assert (runs.left, len(runs.all())) == (3, 1)


def test_a_jumping_clock_is_told_only_where_it_jumps() -> None:
    tasks = [Run(Plan(SCRIPTS["clock"], 7, number), str(number)).task("") for number in range(40)]
    assert {"clock_later" in task for task in tasks} == {True, False}
    assert all(task["clock_later"] != task["clock"] for task in tasks if "clock_later" in task)
