"""The ratios as bars: an SVG that reads on white and on black, drawn here, so that it needs nothing. Pure."""

from collections.abc import Sequence
from html import escape

from bench import findings as f
from bench.contestants import BARE
from bench.findings import Findings
from bench.report import CHECKED, LOGGED_IN

WIDTH, LABELS, NUMBERS = 760, 250, 60
LINE, BAR, GAP = 28, 16, 26
OURS = "Latch"
# Both readable on #ffffff and on #0d1117; the words take the colour that the page's scheme asks for.
STYLE = """
  text { font: 13px -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
  .head { font-weight: 600; font-size: 14px }
  .faint { fill: #59636e; font-size: 12px }
  .ours { fill: #1f883d } .theirs { fill: #8c959f } .one { fill: #218bff } .spread { stroke: #1f2328 }
  .axis { stroke: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .faint { fill: #9198a1 } .axis { stroke: #3d444d } .spread { stroke: #f0f6fc }
    .ours { fill: #3fb950 } .theirs { fill: #6e7681 } .one { fill: #58a6ff }
  }
"""
FINE = 0.5  # where all is less, a third place tells more
Bar = tuple[str, float, float, float]  # the name, the middle, the least, the greatest


def drawn(found: Findings) -> str:
    """The picture of a run: checks above, logins below."""
    checks = [_bar(found, who, f.check(who)) for who in CHECKED if who != BARE.title]
    logins = [_bar(found, who, f.login(who)) for who in LOGGED_IN]
    parts: list[str] = []
    bottom = 0
    for head, bars in (
        ("Checking a token: answers a second, 64 connections", [(BARE.title, 1.0, 1.0, 1.0), *filter(None, checks)]),
        ("Logging in by code: answers a second, 64 connections", [bar for bar in logins if bar]),
    ):
        drawing, bottom = _panel(head, bars, bottom)
        parts += drawing
    when = f"bare Sanic with a constant answer = 1 · {found.header.get('date', '')} · {found.header.get('commit', '')}"
    parts.append(_text(0, bottom + 18, when, "faint"))
    return _svg(parts, bottom + 30)


def _bar(found: Findings, name: str, key: str) -> Bar | None:
    figure = found.figures.get(key)
    return (name, figure.middle, figure.low, figure.high) if figure else None


def _panel(head: str, bars: Sequence[Bar], top: int) -> tuple[list[str], int]:
    """One head with its bars, in a scale of its own. Answers where it ends, too."""
    widest = max((high for _, _, _, high in bars), default=1.0)
    scale = (WIDTH - LABELS - NUMBERS) / widest
    places = 2 if widest >= FINE else 3
    parts = [_text(0, top + 20, head, "head")]
    top += 34
    for row, (name, middle, low, high) in enumerate(bars):
        y = top + row * LINE
        kind = "one" if name == BARE.title else "ours" if name.startswith(OURS) else "theirs"
        ends = [LABELS + value * scale for value in (low, high)]
        parts.append(_text(LABELS - 10, y + 13, name, anchor="end"))
        parts.append(f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{middle * scale:.1f}" height="{BAR}" rx="2"/>')
        if high > low:
            parts.append(f'<path class="spread" d="M{ends[0]:.1f} {y + BAR / 2}H{ends[1]:.1f}"/>')
        parts.append(_text(max(LABELS + middle * scale, ends[1]) + 8, y + 13, f"{middle:.{places}f}"))
    bottom = top + len(bars) * LINE
    parts.append(f'<path class="axis" d="M{LABELS} {top - 6}V{bottom - 6}"/>')
    return parts, bottom + GAP - LINE + BAR


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(parts: Sequence[str], height: int) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    title = "Answers a second, in those of a bare Sanic handler"
    return (
        "\n".join(
            [
                f'{head} role="img" aria-label="{title}">',
                f"<title>{title}</title>",
                f"<style>{STYLE}</style>",
                *parts,
                "</svg>",
            ]
        )
        + "\n"
    )
