"""The audit trail as CSV (RFC 4180), in pieces: as the route and the command hand it to a spreadsheet.

People name their devices, and send user agents and request ids: no cell of theirs may be run as a formula
(https://owasp.org/www-community/attacks/CSV_Injection).
"""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence

from service.audit_events import AuditEvent
from service.http.responses import timestamp

TYPE = "text/csv; charset=utf-8; header=present"
PAGE = 500  # events that are in memory at once
MOST = 100_000  # events in one file
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # also as full-width letters

Page = tuple[Sequence[AuditEvent], str]


async def pieces(pages: AsyncIterator[Page], most: int = MOST) -> AsyncIterator[bytes]:
    """The names of the columns, then a line for each event; where there are more than `most`, a last one says so."""
    yield _lines([AuditEvent._fields])
    left = most
    async for found, cursor in pages:
        yield _lines(map(_cells, found))
        left -= len(found)
        if cursor and left <= 0:
            rest = [""] * (len(AuditEvent._fields) - 1)
            yield _lines([[f"cut off after {most} events; what follows has the cursor {cursor}", *rest]])
            return


def _cells(event: AuditEvent) -> list[object]:
    shown = {**event._asdict(), "at": timestamp(event.at.timestamp())}
    return [_harmless(value) if isinstance(value, str) else value for value in shown.values()]


def _harmless(text: str) -> str:
    """The text as a spreadsheet shows it, and does not run it."""
    return f"'{text}" if text.startswith(FORMULAS) else text


def _lines(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
