"""What a run has found, as Markdown: each target with what was measured, met or missed, and tables beside. Pure."""

from collections.abc import Iterable, Sequence

from bench import findings as f
from bench import targets
from bench.contestants import BARE, FASTAPI, FLASK, JWT, KNOX
from bench.figures import Figure
from bench.findings import Findings

NOT_MEASURED = "not measured"
HEADINGS = {
    "date": "when",
    "commit": "commit",
    "machine": "machine",
    "cores": "cores",
    "load": "load generator",
    "stores": "stores",
    "Latch": "Latch",
    "peers": "the others",
    "form": "form",
}
CHECKED = (BARE.title, f.LATCH, JWT.title, FLASK.title, FASTAPI.title, KNOX.title)
LOGGED_IN = (f.LATCH_SQLITE, f.LATCH_POSTGRES, FLASK.title, FASTAPI.title, KNOX.title)
COUNTED = (
    ("redis", "Redis round trips until the answer"),
    ("after", "Redis round trips after the answer"),
    ("commands", "Redis commands, those within scripts included"),
    ("database", "database statements"),
)
KINDS = ("login", "refresh", "check")


def text(found: Findings) -> str:
    """The whole report."""
    parts = (
        _header(found),
        _targets(found),
        _checks(found),
        _logins(found),
        _asked(found),
        _shares(found),
        _workers(found),
        _memory(found),
        _notes(found),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def verdict(found: Findings) -> str:
    """One line: how many targets were met, and which were not."""
    missed = [target.text for target in targets.missed(found)]
    every = len(targets.of(found))
    return f"{every - len(missed)} of {every} targets met" + (f"; missed: {'; '.join(missed)}" if missed else "")


def shown(figure: Figure | None, places: int = 2, unit: str = "") -> str:
    """The median, and the spread where there is one."""
    if figure is None:
        return NOT_MEASURED
    if f"{figure.low:.{places}f}" == f"{figure.high:.{places}f}":
        return f"{figure.middle:.{places}f}{unit}"
    return f"{figure.middle:.{places}f}{unit} ({figure.low:.{places}f}-{figure.high:.{places}f})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def _header(found: Findings) -> str:
    return table(("measured", ""), [(name, found.header[key]) for key, name in HEADINGS.items() if key in found.header])


def _targets(found: Findings) -> str:
    rows = []
    for target in targets.of(found):
        figure = found.figures.get(target.figure)
        judged = NOT_MEASURED if figure is None else "met" if target.is_met(figure) else "**missed**"
        rows.append((target.text, target.wanted, shown(figure, target.places, target.unit), judged))
    head = ("target, in bare handlers where nothing else is said", "wanted", "measured: median (spread)", "")
    return f"**{verdict(found)}.**\n\n{table(head, rows)}"


def _checks(found: Findings) -> str:
    def row(who: str) -> tuple[str, ...]:
        busy = shown(found.figures.get(f.busy(who)))
        if who == BARE.title:
            return f"{who} (constant answer)", "1", "1", busy
        return who, shown(found.figures.get(f.check(who))), shown(found.figures.get(f.slowest(who))), busy

    head = (
        "check of a token, 64 connections",
        "answers a second, bare Sanic = 1",
        "99th percentile, bare Sanic = 1",
        "part of its core used",
    )
    return table(head, map(row, CHECKED))


def _logins(found: Findings) -> str:
    rows = [(who, shown(found.figures.get(f.login(who)), 3)) for who in LOGGED_IN]
    rows += [("a refresh at Latch", shown(found.figures.get(f.login(f.REFRESH)), 3))]
    head = ("login, half new users, 64 connections", "answers a second, bare Sanic's constant = 1")
    note = (
        "Latch's limits, code attempts, device list and audit trail are on; the others have none. They use PostgreSQL."
    )
    return f"{table(head, rows)}\n\n{note}"


def _asked(found: Findings) -> str:
    rows = [(title, *(shown(found.figures.get(f.asked(kind, what)), 0) for kind in KINDS)) for what, title in COUNTED]
    return table(("one request asks", *KINDS), rows)


def _shares(found: Findings) -> str:
    used = ", ".join(f"{name} {share:.0%}" for name, share in found.processor.items())
    return f"Processor time of logins under load: {used or NOT_MEASURED}."


def _workers(found: Findings) -> str:
    rows = [
        ("answers a second", shown(found.figures.get(f.TWO_WORKERS))),
        ("answers for each second of the server's processor time", shown(found.figures.get(f.TWO_WORKERS_EACH))),
        ("that, times two: two cores to themselves", shown(found.figures.get(f.TWO_WORKERS_CORES))),
    ]
    why = (
        "The workers had two cores to themselves."
        if found.apart
        else "The load generator and Redis took their part of the same two cores, which the first line suffers from."
    )
    return f"{table(('two workers, in one worker', 'ratio'), rows)}\n\n{why}"


def _memory(found: Findings) -> str:
    rows = [
        (when, *(f"{figures[kind]:.0f} MB" if figures[kind] else "-" for kind in ("resident", "own", "proportional")))
        for when, figures in found.memory.items()
    ]
    size = shown(found.figures.get(f.SESSION_BYTES), 0, " bytes")
    written = table(("memory of a worker", "resident (RSS)", "its own (USS)", "its share (PSS)"), rows)
    return f"{written}\n\nA session takes {size} of Redis with one access token."


def _notes(found: Findings) -> str:
    return (
        "\n".join(["What did not go as it should:", "", *(f"- {note}" for note in found.notes)]) if found.notes else ""
    )
