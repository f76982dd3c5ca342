"""What an operation of the OpenAPI document is made of: its summary, its success, its failures with their statuses."""

import re
from collections.abc import Mapping
from typing import Any

from sanic_ext.extensions.openapi.definitions import Response

from service.errors import ServiceError
from service.http.errors import REFUSALS, STATUS
from service.routes.openapi.schemas import END_REASON, Schema, count, record, text

_EXTRA: dict[str, dict[str, Schema]] = {
    "invalid_request": {
        "fields": {"type": "object", "additionalProperties": {"type": "string"}, "title": "BadFields"},
    },
    "session_ended": {"reason": END_REASON},
    "too_many_requests": {"retry_after": count(60, "seconds")},
}


def operation(
    tag: str,
    summary: str,
    description: str,
    answer: Response,
    errors: tuple[type[ServiceError], ...] = (),
    *,
    statuses: Mapping[str, int] | None = None,
    refused: tuple[int, ...] = (),
    secured: str = "",
    **more: Any,
) -> dict[str, Any]:
    """What sanic-ext's `definition` takes. `refused`: statuses of Sanic's own; `secured`: the kind of token.

    `operation`: what clients call it, a verb in lowerCamelCase; where it is missing it is made of the summary.
    """
    failed = [
        *_failures(errors, {**STATUS, **(statuses or {})}),
        *(failure(status, [REFUSALS[status]]) for status in refused),
    ]
    if secured:
        more["secured"] = {secured: []}
    told = {"operation": _in_camel_case(summary), "summary": summary, "description": description}
    return {"tag": tag, **told, "response": [answer, *failed], **more}


def _failures(errors: tuple[type[ServiceError], ...], table: Mapping[str, int]) -> list[Response]:
    """One response per status, naming the errors that share it. Any route may also answer 500."""
    by_status: dict[int, list[tuple[str, str]]] = {}
    listed: tuple[type[ServiceError], ...] = (*errors, ServiceError)
    for error in listed:
        by_status.setdefault(table[error.code], []).append((error.code, error.message))
    return [failure(status, pairs) for status, pairs in by_status.items()]


def failure(status: int, pairs: list[tuple[str, str]], title: str = "") -> Response:
    """The envelope of the failures that share a status: pairs of code and message. `title`, if not of the codes."""
    codes = sorted(code for code, _ in pairs)
    extra = {name: schema for code in codes for name, schema in _EXTRA.get(code, {}).items()}
    schema = record(
        {
            "message": text(min(pairs)[1], description="a sentence for a person, in the language of Accept-Language"),
            "error": {"type": "string", "enum": codes, "example": codes[0]},
            "request_id": text("2f1e9d3c0b7a48659e1d2c3b4a5f6071"),
            **extra,
        },
        optional=tuple(extra),
        title=title or "Or".join("".join(map(str.capitalize, code.split("_"))) for code in codes),
    )
    return Response({"application/json": {"schema": schema}}, status=status, description=" or ".join(codes))


def _in_camel_case(summary: str) -> str:
    words = "".join(map(str.capitalize, re.findall("[a-z]+", summary.lower())))
    return words[0].lower() + words[1:]
