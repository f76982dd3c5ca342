"""Logging: one line per event on standard error, as text or JSON, with the request's id, and never a secret.

Everything that is logged in the process, by us or by a library, goes through here. Mobile numbers, tokens and digests
are cut from the finished line, whatever wrote them: a net under the rule that nobody logs them in the first place.
"""

import logging
import re
import sys
from contextvars import ContextVar
from typing import Any

import structlog

from config import Settings
from service import mobiles

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
CLIENT_IP: ContextVar[str] = ContextVar("client_ip", default="")
# Also as autofill writes it and as addresses and JSON escape it: +86 138-0013-8000, %2B8613800138000, \\n13800138000.
_MOBILE = re.compile(
    r"(?:(?<![0-9A-Za-z])|(?<=%2B)|(?<=%2b)|(?<=%20)|(?<=\\[nrt]))"
    r"(?:86(?:[ -]|%20)?)?(1[3-9](?:(?:[ -]|%20)?[0-9]){9})(?![0-9A-Za-z])"
)
_TOKEN = re.compile(r"(?:(?<![A-Za-z0-9_-])|(?<=%20)|(?<=\\[nrt]))[A-Za-z0-9_-]{64}(?![A-Za-z0-9_-])")
LIBRARIES = ("sanic.root", "sanic.error", "sanic.server", "sanic.access", "sanic.websockets")

# The least level of libraries that print what they handle: statements with their values, addresses with their queries.
TALKATIVE = {
    "aiosqlite": logging.INFO,
    "asyncio": logging.INFO,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "tencentcloud_sdk_common": logging.INFO,  # whole requests: the number, the code and the signature
    "twilio.async_http_client": logging.WARNING,  # ten lines for each message
}


def configure(settings: Settings) -> None:
    """Send every logger of the process to standard error, in the format of LOG_FORMAT from LOG_LEVEL up."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_request,
    ]
    # Where `rich` is installed the renderer would print the local variables of every frame: codes and tokens.
    plain = structlog.dev.plain_traceback
    for_people = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, exception_formatter=plain)
    for_machines = structlog.processors.JSONRenderer()
    is_json = settings.log_format == "json"
    tail = [structlog.processors.format_exc_info, for_machines] if is_json else [for_people]
    renderers: list[Any] = [_redact_values, *tail]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _Redacting(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    logging.captureWarnings(capture=True)
    for name in LIBRARIES:  # Sanic brings handlers of its own
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    logging.getLogger("sanic.root").setLevel(max(logging.WARNING, logging.getLevelName(settings.log_level)))
    for name, least in TALKATIVE.items():
        logging.getLogger(name).setLevel(max(least, logging.getLevelName(settings.log_level)))


def redact(line: str) -> str:
    """The line with mobile numbers masked and tokens and digests cut out."""
    return _MOBILE.sub(lambda found: mobiles.mask(re.sub("%20|[ -]", "", found[1])), _TOKEN.sub("[redacted]", line))


class _Redacting(structlog.stdlib.ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def _redact_values(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Before the line is put together: a number cut out of finished JSON would leave no JSON."""
    return {name: _redacted(value) for name, value in event.items()}


def _redacted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _redacted(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(inner) for inner in value]
    if isinstance(value, str | int | float) and redact(str(value)) != str(value):
        return redact(str(value))
    return value


def _add_request(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    if request_id := REQUEST_ID.get():
        event["request_id"] = request_id
    if client_ip := CLIENT_IP.get():
        event["ip"] = client_ip
    return event
