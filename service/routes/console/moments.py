"""Moments in forms. What a field of the type `datetime-local` holds has no zone: it is UTC here."""

from datetime import UTC, datetime

from service.entities import zoned


def for_field(text: str) -> str:
    """What such a field shows of a moment; empty where it is none, as the browser would have it."""
    try:
        moment = datetime.fromisoformat(zoned(text)).astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    return moment.strftime("%Y-%m-%dT%H:%M:%S")
