"""The one shape of every answer: `{"message": "ok", "data": ...}` or `{"message", "error", "request_id", ...}`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from sanic import HTTPResponse
from sanic.response import empty

from service.routes.requests import Request, request_id

JSON = "application/json"


def ok(data: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> HTTPResponse:
    """200 with data."""
    body = orjson.dumps({"message": "ok", "data": data}, option=orjson.OPT_UTC_Z)
    return HTTPResponse(body, content_type=JSON, headers=dict(headers or {}))


def nothing() -> HTTPResponse:
    """204."""
    return empty()


def timestamp(moment: float) -> str:
    """Seconds since the epoch as RFC 3339, UTC, to the second."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def failure(
    request: Request,
    status: int,
    code: str,
    message: str,
    *,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> HTTPResponse:
    """A failure. `extra` are the fields that some errors add: `fields`, `reason`, `retry_after`."""
    body = {"message": message, "error": code, "request_id": request_id(request), **(extra or {})}
    return HTTPResponse(orjson.dumps(body), status=status, content_type=JSON, headers=dict(headers or {}))
