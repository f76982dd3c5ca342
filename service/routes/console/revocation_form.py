"""The form of a revocation: from what was typed to filters as the API has them, and what is wrong with them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from service.entities import zoned
from service.http.operators import REASON
from service.http.requests import Request
from service.languages import gettext
from service.selections import FIELDS

LINES = re.compile("[\\r\\n,;\uff0c\uff1b\u3001]")  # what may stand between two users


def typed(request: Request) -> dict[str, str]:
    """What was typed into each field, but for those that were left empty: they are no filters."""
    form: Mapping[str, Any] = request.form or {}
    return {name: text for name in FIELDS if (text := str(form.get(name) or ""))}


def filters(sent: Mapping[str, str]) -> dict[str, Any]:
    """The filters. One of blanks alone stays an empty value, which the use case refuses."""
    return {name: READ.get(name, str.strip)(text) for name, text in sent.items()}


def problems(fields: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with a field, in the language of the request."""
    return {"reason" if name == REASON else name: gettext(text) for name, text in fields.items()}


def _users(text: str) -> list[str]:
    return [one.strip() for one in LINES.split(text) if one.strip()]


READ: dict[str, Callable[[str], Any]] = {
    "users": _users,
    "before": lambda text: zoned(text.strip()),
    "everyone": lambda _: True,
}
