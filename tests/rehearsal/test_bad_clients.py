"""Each client that breaks a rule is found, whatever else it does well; those that break none are not."""

import pytest

from service.rehearsal.judge import Fault
from service.rehearsal.report import story
from service.rehearsal.scripts import SCRIPTS
from tests.clients import bad_clients
from tests.clients.reference_client import Client
from tests.rehearsal.conftest import Rehearse

pytestmark = pytest.mark.slow
ENOUGH = 8.0  # seconds; some of them would go on for ever

BAD = [
    ("OutOnAnyFailure", "unavailable", Fault.LOST),
    ("OutOnAnyFailure", "balancer", Fault.LOST),
    ("OutOnAnyFailure", "too-many", Fault.LOST),
    ("OutOnALostAnswer", "answer-lost", Fault.LOST),
    ("OutOnALostAnswer", "nobody-there", Fault.LOST),
    ("OutOnAnyRefusal", "firewall", Fault.LOST),
    ("OutOnABackendsRefusal", "backend", Fault.LOST),
    ("TriesTheDeadForEver", "revoked", Fault.DEAD),
    ("TriesTheDeadForEver", "deleted", Fault.DEAD),
    ("RefreshesOnEvery401", "backend-401", Fault.LOOP),
    ("RefreshesBeforeEach", "calm", Fault.LOOP),
    ("NeverRefreshes", "calm", Fault.DEAD),
    ("NeverRefreshes", "backend", Fault.DEAD),
    ("LogsInOn401", "calm", Fault.LOST),
    ("LogsOutFirst", "nobody-there", Fault.LOST),
    ("KeepsOldTokens", "hours", Fault.LOST),
    ("LogsInAnewAfterALostAnswer", "login-lost", Fault.LOST),
    ("StoresJunk", "portal", Fault.LOST),
    ("GivesUp", "nobody-there", Fault.UNFINISHED),
]


@pytest.mark.parametrize(("name", "script", "fault"), BAD, ids=str)
async def test_a_client_that_breaks_a_rule_is_found(rehearsed: Rehearse, name: str, script: str, fault: Fault) -> None:
    found = await rehearsed(getattr(bad_clients, name), script, runs=6, seconds=ENOUGH)
    faults = {finding.fault for run in found.bad for finding in run.findings}
    assert fault in faults, [run.findings for run in found.judged]


@pytest.mark.parametrize("kind", [Client, bad_clients.ManyAtOnce, bad_clients.KeepsTheFirst])
@pytest.mark.parametrize("script", sorted(SCRIPTS))
async def test_one_that_breaks_none_is_not(rehearsed: Rehearse, kind: type[Client], script: str) -> None:
    found = await rehearsed(kind, script, runs=8)
    assert len(found.judged) == 8
    assert [(run.findings, story(run.record)) for run in found.bad] == []
