"""The audit trail as CSV: what a spreadsheet reads of it, and that it runs nothing of it."""

import csv
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest

from service.audit_events import AuditEvent
from service.http import event_csv

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def event(number: int = 1, device: str | None = None) -> AuditEvent:
    return AuditEvent(number, AT, "login", -7, "9f86", "138****8000", "::1", device, None, None, "abc")


async def text_of(*pages: Sequence[AuditEvent], most: int = event_csv.MOST) -> str:
    async def read() -> AsyncIterator[event_csv.Page]:
        for number, page in enumerate(pages, 1):
            yield page, f"after-{number}" if number < len(pages) else ""

    return b"".join([piece async for piece in event_csv.pieces(read(), most)]).decode()


async def cell(device: str) -> str:
    [_, row] = csv.reader((await text_of([event(device=device)])).splitlines(keepends=True))
    return row[AuditEvent._fields.index("device")]


async def test_each_line_has_every_column_and_ends_as_rfc_4180_says() -> None:
    assert await text_of([event()]) == (
        "id,at,kind,user_id,session_id,mobile,ip,device,operator,reason,request_id\r\n"
        "1,2026-01-31T12:00:00Z,login,-7,9f86,138****8000,::1,,,,abc\r\n"
    )


@pytest.mark.parametrize("device", ['a "b", c', "two\r\nlines", "\u5c0f\u660e\u7684\u624b\u673a", "a=1", " =1"])
async def test_what_is_no_formula_is_read_as_it_was(device: str) -> None:
    assert await cell(device) == device


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
async def test_what_a_spreadsheet_would_run_is_a_text(sign: str) -> None:
    device = f'{sign}cmd|"/c calc"!A1'
    assert await cell(device) == f"'{device}"


async def test_a_bound_is_told_in_the_last_line_with_where_to_go_on() -> None:
    pages = [[event(1), event(2)], [event(3), event(4)], [event(5)]]
    lines = list(csv.reader((await text_of(*pages, most=4)).splitlines()))
    assert [line[0] for line in lines[1:-1]] == ["1", "2", "3", "4"]
    assert lines[-1] == ["cut off after 4 events; what follows has the cursor after-2", *[""] * 10]
    assert len({len(line) for line in lines}) == 1
    whole = list(csv.reader((await text_of(*pages[:2], most=4)).splitlines()))
    assert [line[0] for line in whole[1:]] == ["1", "2", "3", "4"]
