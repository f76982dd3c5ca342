"""Which events an address asks for, naming every bad field at once."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from service import addresses
from service.audit_events import EventFilter
from service.errors import InvalidRequest
from service.events import Event
from service.http.requests import Request
from service.languages import N_

USER_ID = re.compile(r"-?[1-9][0-9]{0,18}", re.ASCII)  # below 0: of somebody who was erased
MOST = 1 << 63
LONGEST_OPERATOR = 64  # characters


def event_filter(request: Request) -> tuple[EventFilter, str]:
    """The filter, and the cursor. Raises InvalidRequest."""
    asked = sent(request)
    return parsed(asked), asked.get("cursor", "")


def sent(request: Request) -> dict[str, str]:
    """What an address asks for, also where it is an empty value."""
    return {name: values[0] for name, values in request.get_args(keep_blank_values=True).items()}


def parsed(asked: Mapping[str, str]) -> EventFilter:
    """The filter. Raises InvalidRequest, also for an empty value: it would find everybody."""
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, (parse, expected) in FIELDS.items():
        if name in asked:
            found[name] = parse(asked[name])
            if found[name] is None:
                problems[name] = expected
    if problems:
        raise InvalidRequest(problems)
    return EventFilter(**found)


def _user_id(text: str) -> int | None:
    return int(text) if USER_ID.fullmatch(text) and abs(int(text)) < MOST else None


def _kind(text: str) -> str | None:
    return text if text in set(Event) else None


def _operator(text: str) -> str | None:
    return text if 0 < len(text) <= LONGEST_OPERATOR and text.isprintable() else None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


_TIME = N_("should be a time with its zone, like 2026-01-31T12:00:00Z")
FIELDS: dict[str, tuple[Callable[[str], Any], str]] = {
    "user_id": (_user_id, N_("should be a user id")),
    "kind": (_kind, N_("should be the name of an event, as docs/events.md has them")),
    "ip": (addresses.parse, N_("should be an address")),
    "operator": (_operator, N_("should be the name of an operator or a key")),
    "since": (_moment, _TIME),
    "until": (_moment, _TIME),
}
