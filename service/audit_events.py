"""The values of the audit trail: an event before and after it is written, and which are asked for. Pure."""

from datetime import datetime
from typing import NamedTuple


class NewEvent(NamedTuple):
    """What has happened, before it is written to the audit trail. `mobile` is the whole number: its mask is kept."""

    at: float
    kind: str
    user_id: int | None = None
    session_id: str | None = None
    mobile: str | None = None
    ip: str | None = None
    device: str | None = None
    operator: str | None = None
    reason: str | None = None
    request_id: str | None = None


# The values of a NewEvent. As a plain tuple they are made, and read, for half the price: each login pays for one.
Text = str | None
EventValues = tuple[float, str, int | None, Text, Text, Text, Text, Text, Text, Text]


class AuditEvent(NamedTuple):
    """A row of the audit trail. `mobile` is masked; a `user_id` below 0 stands for somebody who was erased."""

    id: int
    at: datetime
    kind: str
    user_id: int | None
    session_id: str | None
    mobile: str | None
    ip: str | None
    device: str | None
    operator: str | None
    reason: str | None
    request_id: str | None


class EventFilter(NamedTuple):
    """Which events are asked for: those that fit all that is given. From `since` up to, and without, `until`."""

    user_id: int | None = None
    kind: str | None = None
    ip: str | None = None
    operator: str | None = None
    since: datetime | None = None
    until: datetime | None = None
