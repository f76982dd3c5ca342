"""The ratios as bars, drawn by matplotlib in colours that read on white and on black. Pure."""

from collections.abc import Sequence
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from bench import findings as f
from bench.contestants import BARE
from bench.findings import Findings
from bench.report import CHECKED, LOGGED_IN

OURS = "Latch"
WORDS, BARS = "#7d8590", {"one": "#218bff", "ours": "#2da44e", "theirs": "#8c959f"}
STYLE: dict[Any, str] = {
    "svg.fonttype": "none",  # words stay words
    "svg.hashsalt": "latch",  # the same run makes the same file
    "font.family": "sans-serif",
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"), WORDS),
}
FINE = 0.5  # where all is less, a third place tells more
Bar = tuple[str, float, float, float]  # the name, the middle, the least, the greatest


def drawn(found: Findings) -> str:
    """The picture of a run, as SVG: checks above, logins below."""
    checks = [_bar(found, who, f.check(who)) for who in CHECKED if who != BARE.title]
    logins = [_bar(found, who, f.login(who)) for who in LOGGED_IN]
    panels: list[tuple[str, list[Bar]]] = [
        ("Checking a token", [(BARE.title, 1.0, 1.0, 1.0), *filter(None, checks)]),
        ("Logging in by code", list(filter(None, logins))),
    ]
    with mpl.rc_context(STYLE):
        canvas = Canvas(figsize=(9, 6), layout="constrained")
        heights = [max(1, len(bars)) for _, bars in panels]
        for axes, (head, bars) in zip(canvas.subplots(2, 1, height_ratios=heights), panels, strict=True):
            _panel(axes, f"{head}: answers a second, 64 connections", bars)
        made = f"{found.header.get('date', '')} · {found.header.get('commit', '')}"
        canvas.supxlabel(f"bare Sanic with a constant answer = 1 · {made}", fontsize="small")
        text = StringIO()
        canvas.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return text.getvalue()


def _bar(found: Findings, name: str, key: str) -> Bar | None:
    figure = found.figures.get(key)
    return (name, figure.middle, figure.low, figure.high) if figure else None


def _panel(axes: Axes, head: str, bars: Sequence[Bar]) -> None:
    """One head with its bars, the first on top, in a scale of its own."""
    axes.set_title(head, loc="left")
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
    axes.xaxis.set_visible(False)
    axes.tick_params(length=0)
    places = 2 if any(high >= FINE for *_, high in bars) else 3
    for name, middle, low, high in bars:
        kind = "one" if name == BARE.title else "ours" if name.startswith(OURS) else "theirs"
        spread = [[middle - low], [high - middle]]
        [bar] = axes.barh(name, middle, color=BARS[kind], xerr=spread, ecolor=WORDS)
        bar.set_gid(f"bar: {name}")
        axes.annotate(f"{middle:.{places}f}", (high, name), (6, 0), textcoords="offset points", va="center")
