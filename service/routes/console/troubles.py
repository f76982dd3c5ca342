"""What is wrong now, in words: the worst first, so that somebody woken at three need not look for it."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from service.http.messages import CLOSED, WORKS
from service.languages import N_
from service.languages import gettext as _

FAILING = WORKS[False]
JUST_NOW = 5  # minutes: what was shed since is a trouble of now
STORES = {
    "redis": N_("Nobody can log in or be checked, for Redis does not serve: %(why)s"),
    "database": N_("Nobody can log in, though sessions go on, for the database does not serve: %(why)s"),
}
UNKNOWN = N_("Redis does not tell all that stands here: its user may lack a right. latch check says which.")


class Trouble(NamedTuple):
    """A sentence, and whether it is of now and bad, or only to be known."""

    bad: bool
    text: str


def troubles(found: Mapping[str, Any]) -> list[Trouble]:
    """Return what is wrong in what `GET /admin/v1/now` tells, what is bad first."""
    told = [*_stores(found), *_senders(found["senders"] or []), *_guard(found["codes"]), *_shed(found["by_minute"])]
    return sorted(told, key=lambda trouble: not trouble.bad)


def _stores(found: Mapping[str, Any]) -> Iterator[Trouble]:
    yield from (Trouble(bad=True, text=_(STORES[name]) % {"why": why}) for name, why in found["outages"].items())
    unknown = any(found[part] is None for part in ("active", "by_minute", "senders", "codes"))
    if unknown and "redis" not in found["outages"]:
        yield Trouble(bad=True, text=_(UNKNOWN))


def _senders(senders: list[dict[str, Any]]) -> Iterator[Trouble]:
    failing = [sender for sender in senders if sender["state"] == FAILING]
    if failing and len(failing) == len(senders):
        yield Trouble(bad=True, text=_("No message goes out: the last try of every sender failed."))
    for sender in failing:
        text = _("The sender %(name)s did not take its last message (%(why)s); %(failed)s failed in the last hour.")
        filled = {"name": sender["name"], "why": sender["last_failure"], "failed": sender["failed"]}
        yield Trouble(bad=True, text=text % filled)


def _guard(codes: dict[str, Any] | None) -> Iterator[Trouble]:
    if codes is None:
        return
    if codes["overall"]["guard"]["state"] == CLOSED:
        yield Trouble(bad=True, text=_("The guard holds back codes to all numbers: too few that were sent are used."))
    held = [one["prefix"] for one in codes["prefixes"] if one["guard"]["held_by"] == "prefix"]
    if held:
        text = _("The guard holds back codes to numbers that begin with %(prefixes)s: hardly any is used.")
        yield Trouble(bad=False, text=text % {"prefixes": ", ".join(held)})


def _shed(minutes: list[dict[str, Any]] | None) -> Iterator[Trouble]:
    shed = [minute["shed"] for minute in minutes or []]
    if any(shed):
        now = sum(shed[-JUST_NOW:])
        text = _("%(n)s requests of the last hour were shed: the workers had enough to do. In the last 5 min: %(now)s.")
        yield Trouble(bad=now > 0, text=text % {"n": sum(shed), "now": now})
