"""Logging: one line per event on standard error, as text or JSON, with the request's id, and never a secret.

Everything that is logged in the process, by us or by a library, goes through here. Mobile numbers, tokens and digests
are cut from the finished line, whatever wrote them: a net under the rule that nobody logs them in the first place.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from config import Settings
from service.observability.log_handler import LogHandler
from service.observability.redaction import is_suspicious, redact, redact_value

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
CLIENT_IP: ContextVar[str] = ContextVar("client_ip", default="")
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
Fields = Mapping[str, Any]
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(settings: Settings, loop: asyncio.AbstractEventLoop | None = None) -> None:
    """Send every logger of the process to standard error, in the format of LOG_FORMAT from LOG_LEVEL up.

    `loop` is the one that this thread runs, if any: what is logged in one turn of it is written together.
    """
    listener = _Listener(_json if settings.log_format == "json" else _text)
    listener.gather(loop)
    root = logging.getLogger()
    root.handlers[:] = _LISTENERS[:] = [listener]
    root.setLevel(settings.log_level)
    logging.captureWarnings(capture=True)
    # Our formats have no thread or source location: https://docs.python.org/3/howto/logging.html#optimization
    logging._srcfile = None  # noqa: SLF001 - as the page says
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for name in LIBRARIES:  # Sanic brings handlers of its own
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    logging.getLogger("sanic.root").setLevel(max(logging.WARNING, logging.getLevelName(settings.log_level)))
    for name, least in TALKATIVE.items():
        logging.getLogger(name).setLevel(max(least, logging.getLevelName(settings.log_level)))


def event(log: logging.Logger, level: int, message: str, fields: dict[str, Any]) -> None:
    """What `log.log(level, message, extra=fields)` does; where only `LogHandler` listens, at less than half the cost.

    `fields` is not the caller's any more.
    """
    if not log.isEnabledFor(level):
        return
    root = logging.root
    if root.handlers == _LISTENERS and log.parent is root and log.propagate and not (log.handlers or log.filters):
        listener = _LISTENERS[0]
        line = listener.lines.line(time.time(), level, message, log.name, fields, "")
        listener.write(line, at_once=level >= logging.WARNING)
    else:
        log.log(level, message, extra=fields)


def loop_ends() -> None:
    """Write what is left, and from now on each line at once."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogHandler):
            handler.gather(None)


class _Line(logging.Formatter):
    """One line: its message, what came in `extra`, and whose request it was."""

    def __init__(self, put_together: "PutTogether") -> None:
        super().__init__()
        self._put_together = put_together

    def format(self, record: logging.LogRecord) -> str:
        """The finished line, with the trace of an exception."""
        fields = {name: value for name, value in vars(record).items() if name not in STANDARD}
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        return self.line(record.created, record.levelno, record.getMessage(), record.name, fields, trace)

    def line(self, created: float, level: int, message: str, name: str, fields: dict[str, Any], trace: str) -> str:
        """The finished line of these parts."""
        if request_id := REQUEST_ID.get():
            fields["request_id"] = request_id
        if client_ip := CLIENT_IP.get():
            fields["ip"] = client_ip
        return self._put_together(_moment(created), _level(level), message, name, fields, trace)


class _Listener(LogHandler):
    """Standard error, in one of our formats."""

    def __init__(self, put_together: "PutTogether") -> None:
        super().__init__(redact, is_suspicious)
        self.lines = _Line(put_together)
        self.setFormatter(self.lines)


_LISTENERS: list[_Listener] = []  # one, once `configure` was called

PutTogether = Callable[[str, str, str, str, Fields, str], str]  # moment, level, message, logger, fields, trace


def _text(moment: str, level: str, message: str, name: str, fields: Fields, trace: str) -> str:
    template, order = _pairs(tuple(fields))
    pairs = template % tuple(map(fields.get, order))
    if pairs.count(" ") != len(order) or not pairs.isprintable() or "= " in pairs or pairs.endswith("="):
        pairs = template % tuple(_quoted(fields[field]) for field in order)
    head = f"{moment} [{level:<9}] {message} [{name}]{pairs}"
    return f"{head}\n{trace}" if trace else head


def _json(moment: str, level: str, message: str, name: str, fields: Fields, trace: str) -> str:
    event = {"event": message, **fields, "level": level, "logger": name, "timestamp": moment}
    if trace:
        event["exception"] = trace
    line = json.dumps(event, default=repr)
    if not is_suspicious(line):
        return line
    # Before the line is put together: a number cut out of finished JSON would leave no JSON.
    return json.dumps({name: redact_value(value) for name, value in event.items()}, default=repr)


@lru_cache(maxsize=256)
def _pairs(fields: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """How these are written, and in which order."""
    order = tuple(sorted(fields))
    return "".join(f" {field.replace('%', '%%')}=%s" for field in order), order


@lru_cache(maxsize=8)
def _level(number: int) -> str:
    return logging.getLevelName(number).lower()


def _moment(created: float) -> str:
    seconds = int(created)
    return f"{_second(seconds)}.{int((created - seconds) * 1_000_000):06d}Z"


@lru_cache(maxsize=8)
def _second(moment: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))


def _quoted(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if text.isprintable() and " " not in text and text else repr(text)
