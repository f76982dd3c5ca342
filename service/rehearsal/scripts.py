"""The scripts, as data. Pure.

None asks more of a client than the rules of `docs/rehearsal.md`: requests take far less than half of ROTATION_WINDOW,
what fails goes through after a few tries, and a login's second try always does.
"""

from itertools import chain

from service.rehearsal.plans import Do, Script, Step, Treatment
from service.rehearsal.wire import Deed, Kind

CODE, LOGIN, REFRESH, WORK = Kind.CODE, Kind.LOGIN, Kind.REFRESH, Kind.WORK
HOUR = 3600

# In all of them: refreshes are due, and minutes lie between some of them.
LIFE = (
    Step(WORK, Deed.TOKEN_DELETED, 3, 3),
    Step(WORK, Deed.TOKEN_DELETED, 4, chance=0.12),
    Step(WORK, Deed.TIME_PASSES, 4, chance=0.2),
)


def _answers(kind: Kind, names: tuple[str, ...], last: int, chance: float) -> tuple[Step, ...]:
    """Each of these answers, once before Latch hears of the request and once after."""
    ways = (Treatment(do, answer=name) for name in names for do in (Do.INSTEAD, Do.AFTERWARDS))
    return tuple(Step(kind, way, 0, last, chance) for way in ways)


def _burst(name: str, *starts: int) -> tuple[Step, ...]:
    """This answer to three refreshes in a row."""
    return tuple(Step(REFRESH, Treatment(Do.INSTEAD, answer=name), start, start + 2) for start in starts)


def _late(kind: Kind, chance: float) -> tuple[Step, ...]:
    return (
        Step(kind, Treatment(Do.ANSWER_LATE, 0.15), chance=chance),
        Step(kind, Treatment(Do.REQUEST_LATE, 0.1), chance=chance),
        Step(kind, Treatment(Do.ANSWER_LATE, 0.3), 0, 3, chance / 4),
    )


def _clocks(*clocks: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    return clocks


PORTALS = ("200 of a portal", "200 with nothing in it", "200 with half of a JSON", "200 with another JSON")
WALLS = ("403 in HTML", "401 in HTML", "403 in a gateway's JSON", "403 in JSON with a foreign error")
BALANCERS = ("502 in HTML", "504 in HTML", "500 in HTML", "408 in HTML", "503 in HTML")
BACKENDS = (
    "403 of the backend",
    "403 of the backend, with an error of Latch's",
    "503 of the backend",
    "429 of the backend",
    "500 of the backend",
)
LOST = Treatment(Do.ANSWER_LOST)
NEVER_CAME = Treatment(Do.REQUEST_LOST)

LOST_LOGINS = (
    Step(LOGIN, LOST, 0, 0, 0.4),
    Step(LOGIN, Treatment(Do.CUT_SHORT), 0, 0, 0.3),
    Step(LOGIN, Treatment(Do.AFTERWARDS, answer="504 in HTML"), 0, 0, 0.5),
    Step(LOGIN, NEVER_CAME, 0, 0, 0.5),
    Step(LOGIN, Treatment(Do.DOUBLED), 0, 0),
)
ENDS = tuple(
    Step(WORK, deed, first, first + 3, 0.06)
    for deed in (Deed.REVOKED, Deed.REPLACED, Deed.SESSION_DELETED, Deed.LIST_DELETED)
    for first in (5, 13)
)
TROUBLED_BACKEND = (
    *(Step(WORK, Treatment(Do.INSTEAD, answer=name), 1, chance=0.08) for name in BACKENDS),
    Step(WORK, NEVER_CAME, 1, chance=0.05),
    Step(WORK, Treatment(Do.ANSWER_LATE, 0.3), 1, 12, 0.05),
)
NAMED = (
    Script("calm", "a good network: access tokens die now and then, and time passes", ()),
    Script(
        "answer-lost", "a tunnel: Latch has refreshed, and the answer never comes", (Step(REFRESH, LOST, 0, 12, 0.5),)
    ),
    Script(
        "request-lost",
        "no signal: connections break before Latch hears of anything",
        (Step(REFRESH, NEVER_CAME, 0, 12, 0.5), Step(WORK, NEVER_CAME, 1, chance=0.1)),
    ),
    Script(
        "nobody-there",
        "a deployment: for a while nobody takes connections",
        (Step(REFRESH, NEVER_CAME, 0, 2), Step(REFRESH, NEVER_CAME, 5, 7)),
    ),
    Script(
        "doubled",
        "a network stack or gateway that repeats requests by itself",
        (Step(REFRESH, Treatment(Do.DOUBLED), chance=0.7), Step(LOGIN, Treatment(Do.DOUBLED), chance=0.7)),
    ),
    Script("late", "a slow network: requests and answers come late", (*_late(REFRESH, 0.3), *_late(WORK, 0.03))),
    Script(
        "out-of-order",
        "of refreshes in parallel the first one's answer comes last",
        tuple(Step(REFRESH, Treatment(Do.ANSWER_LATE, 0.1), number, number) for number in range(0, 20, 2)),
    ),
    Script(
        "in-drops",
        "a crowded cell: answers come in drops, and some break off",
        (Step(REFRESH, Treatment(Do.IN_DROPS, 0.15), chance=0.5), Step(REFRESH, Treatment(Do.CUT_SHORT), 0, 12, 0.5)),
    ),
    Script(
        "unavailable",
        "Latch has no store, and says so: 503 with Retry-After",
        (
            *_burst("503 of Latch", 0, 6),
            Step(REFRESH, Treatment(Do.INSTEAD, answer="503 of Latch, in a second"), 12, 12),
        ),
    ),
    Script(
        "unavailable-bare",
        "the same from whoever stands in front: 503 without a word",
        _burst("503 without a word", 0, 5),
    ),
    Script("balancer", "a balancer in trouble: 502, 504 and others in HTML", _answers(REFRESH, BALANCERS, 12, 0.08)),
    Script("too-many", "429, of Latch and of a gateway", (*_burst("429", 0), *_burst("429 in HTML", 6))),
    Script(
        "firewall",
        "a firewall that blocks a refresh: 403 and 401 that are not Latch's",
        _answers(REFRESH, WALLS, 12, 0.1),
    ),
    Script("portal", "the Wi-Fi of a hotel: 200 with something else in it", _answers(REFRESH, PORTALS, 12, 0.1)),
    Script("login-lost", "the answer to a login is lost, doubled or late", LOST_LOGINS),
    Script("revoked", "an operator ends the session", (Step(WORK, Deed.REVOKED, 9, 9),)),
    Script("replaced", "too many devices: the session makes room for another", (Step(WORK, Deed.REPLACED, 9, 9),)),
    Script(
        "deleted",
        "somebody deletes the session's keys in Redis, which leaves no reason",
        (Step(WORK, Deed.SESSION_DELETED, 7, 7), Step(WORK, Deed.LIST_DELETED, 15, 15)),
    ),
    Script(
        "ended-in-trouble",
        "a session ends while the network is bad",
        (*ENDS, Step(REFRESH, LOST, 0, 12, 0.3), *_answers(REFRESH, ("503 in HTML", "403 in HTML"), 12, 0.1)),
    ),
    Script("backend", "a backend in trouble of its own: 403, 429, 500, 503, time-outs", TROUBLED_BACKEND),
    Script(
        "backend-401",
        "a backend that takes no token any more, whatever Latch says",
        (Step(WORK, Treatment(Do.INSTEAD, answer="401 of the backend"), 6, 120),),
    ),
    Script(
        "clock",
        "a clock that is hours off, or jumps",
        (),
        _clocks(
            (-2 * HOUR, -2 * HOUR), (2 * HOUR, 2 * HOUR), (0, 2 * HOUR), (0, -2 * HOUR), (-2 * HOUR, 0), (0, HOUR - 30)
        ),
    ),
    Script(
        "hours",
        "little use: minutes lie between all refreshes",
        (Step(WORK, Deed.TOKEN_DELETED, 2, chance=0.35), Step(WORK, Deed.TIME_PASSES, 2, chance=0.9)),
    ),
)
MIX = Script(
    "mix",
    "all of it, by chance",
    (
        *LOST_LOGINS,
        *ENDS,
        *(step._replace(chance=step.chance / 2) for step in TROUBLED_BACKEND),
        Step(REFRESH, LOST, 0, 16, 0.1),
        Step(REFRESH, NEVER_CAME, 0, 16, 0.1),
        Step(REFRESH, Treatment(Do.DOUBLED), chance=0.1),
        Step(REFRESH, Treatment(Do.CUT_SHORT), 0, 16, 0.05),
        Step(REFRESH, Treatment(Do.IN_DROPS, 0.1), chance=0.05),
        *_late(REFRESH, 0.05),
        *_answers(REFRESH, (*PORTALS, *WALLS, *BALANCERS, "429", "503 of Latch"), 16, 0.01),
    ),
    ((0, 0), (0, 0), (2 * HOUR, 2 * HOUR), (0, 2 * HOUR), (0, -2 * HOUR)),
)
SCRIPTS = {script.name: script._replace(steps=(*LIFE, *script.steps)) for script in (*NAMED, MIX)}
DEFAULT = (*chain.from_iterable((script.name, MIX.name) for script in NAMED),)  # every other run is a mix


def script_of(run: int, chosen: tuple[str, ...]) -> Script:
    """The script of the run of this number, among those that were asked for; all of them where none was."""
    names = chosen or DEFAULT
    return SCRIPTS[names[run % len(names)]]
