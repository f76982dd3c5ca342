"""The audit trail: one structured log line per security event, under names that do not change (docs/events.md).

The request's id and the client's address are added by `logs.py`; mobile numbers are masked here.
"""

import logging

from service import mobiles
from service.events import Attempt, Details, Event
from service.observability import logs

WARNINGS = {Event.REFRESH_TOKEN_REUSED, Event.NUMBER_LOCKED, Event.INTROSPECTION_REFUSED, Event.OPERATOR_REFUSED}

log = logging.getLogger("latch.audit")


def write_line(event: Event | Attempt, details: Details) -> None:
    """Write one line about an event. What is None is left out. An attempt has none: its event tells more."""
    if isinstance(event, Attempt):
        return
    user_id, session_id, mobile, reason, _, operator, remark = details
    fields: dict[str, object] = {}
    if user_id is not None:
        fields["user_id"] = user_id
    if session_id is not None:
        fields["session_id"] = session_id
    if mobile:
        fields["mobile"] = mobiles.mask(mobile)
    if reason is not None:
        fields["reason"] = reason
    if operator is not None:
        fields["operator"] = operator
    if remark is not None:
        fields["remark"] = remark
    logs.event(log, logging.WARNING if event in WARNINGS else logging.INFO, event, fields)
