"""Scripts: what they do follows from the seed, the run and how many requests came before, and from nothing else."""

import re
from argparse import ArgumentParser

import pytest

from service.commands import rehearse
from service.rehearsal import scripts
from service.rehearsal.answers import FOREIGN
from service.rehearsal.plans import Do, Plan, Script, Step, Treatment
from service.rehearsal.scripts import DEFAULT, SCRIPTS, script_of
from service.rehearsal.wire import ENDINGS, Deed, Kind
from tests.processes import ROOT

LOST = Treatment(Do.ANSWER_LOST)
EACH = pytest.mark.parametrize("script", SCRIPTS.values(), ids=lambda script: script.name)


def drawn(seed: int, run: int) -> list[object]:
    plan = Plan(SCRIPTS["mix"], seed, run)
    asked = [(kind, number) for kind in Kind for number in range(40)]
    return [plan.clock, *((plan.treatment(*one), plan.deeds(*one)) for one in asked)]


def test_the_same_seed_and_run_are_treated_in_the_same_way() -> None:
    assert drawn(7, 3) == drawn(7, 3)


def test_another_seed_or_another_run_is_treated_otherwise() -> None:
    assert drawn(7, 3) != drawn(8, 3)
    assert drawn(7, 3) != drawn(7, 4)


def test_a_step_holds_from_its_first_to_its_last_request_of_its_kind() -> None:
    plan = Plan(Script("one", "", (Step(Kind.REFRESH, LOST, 2, 4),)), 1, 1)
    assert [number for number in range(9) if plan.treatment(Kind.REFRESH, number) == LOST] == [2, 3, 4]
    assert plan.treatment(Kind.WORK, 3) == Treatment()


def test_a_step_by_chance_hits_about_as_many_as_it_says() -> None:
    plan = Plan(Script("some", "", (Step(Kind.WORK, LOST, chance=0.3),)), 1, 1)
    assert 250 < sum(plan.treatment(Kind.WORK, number) == LOST for number in range(1000)) < 350


def test_the_first_step_that_fits_treats_a_request_and_deeds_are_done_beside_it() -> None:
    steps = (Step(Kind.WORK, Deed.REVOKED), Step(Kind.WORK, LOST), Step(Kind.WORK, Treatment(Do.DOUBLED)))
    plan = Plan(Script("three", "", steps), 1, 1)
    assert plan.treatment(Kind.WORK, 0) == LOST
    assert plan.deeds(Kind.WORK, 0) == [Deed.REVOKED]


@EACH
def test_a_script_says_in_one_sentence_what_it_stands_for(script: Script) -> None:
    assert 10 < len(script.means) < 100
    assert "\n" not in script.means


@EACH
def test_the_answers_of_others_exist_and_delays_are_far_below_what_the_contract_allows(script: Script) -> None:
    treatments = [step.what for step in script.steps if isinstance(step.what, Treatment)]
    assert {treatment.answer for treatment in treatments} <= {"", *FOREIGN}
    assert max((treatment.seconds for treatment in treatments), default=0) <= 0.3


@EACH
def test_a_second_try_of_a_login_comes_through_and_refreshes_do_after_some(script: Script) -> None:
    harmful = {Do.REQUEST_LOST, Do.ANSWER_LOST, Do.CUT_SHORT, Do.INSTEAD, Do.AFTERWARDS}
    for step in script.steps:
        if isinstance(step.what, Treatment) and step.what.do in harmful:
            assert step.kind is not Kind.LOGIN or step.last == 0
            assert step.kind is not Kind.REFRESH or step.last <= 16


@EACH
def test_in_each_script_refreshes_are_due_and_time_passes(script: Script) -> None:
    deeds = {step.what for step in script.steps if isinstance(step.what, Deed)}
    assert deeds >= {Deed.TOKEN_DELETED, Deed.TIME_PASSES}


def test_every_answer_and_every_deed_is_in_some_script() -> None:
    whats = {step.what for script in SCRIPTS.values() for step in script.steps}
    assert {what.answer for what in whats if isinstance(what, Treatment)} == {"", *FOREIGN}
    assert {what.do for what in whats if isinstance(what, Treatment)} == set(Do) - {Do.PASS}
    assert set(Deed) <= whats
    assert set(Deed) > ENDINGS


def test_every_script_has_its_turn_and_every_other_run_is_a_mix() -> None:
    assert {script_of(run, ()).name for run in range(len(DEFAULT))} == set(SCRIPTS)
    assert {script_of(run, ()).name for run in range(1, 41, 2)} == {scripts.MIX.name}
    assert {script_of(run, ("late", "calm")).name for run in range(4)} == {"late", "calm"}


def test_the_page_lists_the_scripts_as_they_are() -> None:
    page = (ROOT / "docs" / "rehearsal.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([a-z0-9-]+)` \| (.+) \|$", page.split("## The scripts\n")[1], re.MULTILINE)
    assert listed == [(script.name, script.means) for script in SCRIPTS.values()]


def test_the_page_names_every_option() -> None:
    page = (ROOT / "docs" / "rehearsal.md").read_text(encoding="utf-8")
    parser = ArgumentParser()
    rehearse.add_options(parser)
    options = {name for name in re.findall(r"--[a-z]+", parser.format_help()) if name != "--help"}
    table = page.split("## Options\n")[1].split("\n## ")[0]
    assert set(re.findall(r"`(--[a-z]+)", table)) == options
