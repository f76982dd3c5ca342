"""The log: whoever writes to it, no line holds a number, a token or a digest, and every line has the request's id."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

import config
from service import tokens
from service.observability import logs
from service.observability.logs import REQUEST_ID
from service.observability.redaction import redact

MOBILE = "13800138000"
TOKEN = tokens.Token(42, "9f86d081884c7d65", bytes(range(32)))
DIGEST = tokens.digest(TOKEN.secret)
FORMATS = ["text", "json"]

log = logging.getLogger("tests.logs")

Configure = Callable[..., None]


@pytest.fixture
def configure(capsys: pytest.CaptureFixture[str]) -> Iterator[Configure]:
    """Configure logging with the settings passed, and put back what was there."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def configured(log_format: str, log_level: str = "DEBUG") -> None:
        logs.configure(config.load(_env_file=None, log_format=log_format, log_level=log_level))

    yield configured
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def request_id() -> Iterator[str]:
    reset = REQUEST_ID.set("req-7f3a")
    yield "req-7f3a"
    REQUEST_ID.reset(reset)


def fail(text: str) -> None:
    code = "".join(reversed("206864"))  # noqa: F841 - what must not be printed, not even by way of the source
    raise ValueError(text)


@pytest.mark.parametrize(
    ("line", "redacted"),
    [
        (MOBILE, "138****8000"),
        (f"code:{{{MOBILE}}}", "code:{138****8000}"),
        (f"/sms/codes/{MOBILE}?x=1", "/sms/codes/138****8000?x=1"),
        (f"'{MOBILE}','19912345678'", "'138****8000','199****5678'"),
        (f"mobile={MOBILE}\n", "mobile=138****8000\n"),
        (f"\\n{MOBILE}\\n", "\\n138****8000\\n"),
        (f"Authorization: Bearer {TOKEN.text}", "Authorization: Bearer [redacted]"),
        (f'{{"token":"{TOKEN.text}"}}', '{"token":"[redacted]"}'),
        (f"{TOKEN.text} {TOKEN.text}", "[redacted] [redacted]"),
        (f"Bearer latch_{'k' * 43}, latch_logins", "Bearer [redacted], latch_logins"),
        (f"digest {DIGEST}.", "digest [redacted]."),
        (f"b'{DIGEST.upper()}'", "b'[redacted]'"),
    ],
)
def test_numbers_are_masked_and_tokens_and_digests_cut(line: str, redacted: str) -> None:
    assert redact(line) == redacted


@pytest.mark.parametrize(
    "written", [f"+86{MOBILE}", f"86{MOBILE}", "+86 138 0013 8000", "138-0013-8000", f"/sms/codes/%2B86{MOBILE}"]
)
def test_a_number_is_masked_however_it_is_written(written: str) -> None:
    assert redact(f"to {written}.").endswith("138****8000.")


SHOWN: list[Callable[[str], str]] = [
    str,
    repr,
    ascii,
    json.dumps,
    lambda pasted: json.dumps(ascii(pasted)),
    lambda pasted: json.dumps(pasted).replace("200b", "200B"),
    lambda pasted: repr(pasted.encode()),
    quote,
    quote_plus,
    partial(quote, safe=""),
    lambda pasted: quote(quote(pasted)),
    lambda pasted: "".join(f"%{byte:02X}" for byte in pasted.encode()),
]


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize(
    "pasted",
    [
        f"0086{MOBILE}",
        f"(+86){MOBILE}",
        f"（+86）{MOBILE}",
        "0086 (138) 0013-8000",
        "tel:+86-138-0013-8000",
        "1-3-8-0-0-1-3-8-0-0-0",
        "138\u20110013\u00a08000",
        "\u202d+86 138\u200b0013\u200e8000\u202c",
        "138  0013 -- 8000",
        "138\t0013\r\n8000",
        "138\U000e00010013\x858000",
    ],
)
def test_a_number_is_masked_as_people_paste_it_and_however_that_is_escaped(
    shown: Callable[[str], str], pasted: str
) -> None:
    redacted = redact(f"to {shown(pasted)}.")
    assert "138****8000" in redacted
    assert "0013" not in redacted


@pytest.mark.parametrize(
    "line",
    [
        "2026-01-31T12:00:00.130000Z [info     ] GET /user [service.access] ms=13.2 status=200\n2026-01-31T12:00:01Z",
        "from 13.8.0.1 to 13.8.0.2, 13 of 80 in 1.3 s - 8 (0) 0",
        "user 42 logged in from 192.0.2.1",
        "session 0123456789abcdef",
        "request 0f8fad5bd9cb469fa16570867728950e",
        "at 1767225600.123 and 1767225600123 ms",
        "order 12800138000",
        "-" * 65,
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert redact(line) == line


@pytest.mark.parametrize("log_format", FORMATS)
def test_no_secret_reaches_the_log_by_any_way(
    configure: Configure, capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    configure(log_format)
    for secret in (MOBILE, TOKEN.text, DIGEST):
        log.info("in the message %s", secret)
        log.info("as an argument %s", secret)
        log.info("in a value %s", {"data": [secret, secret.encode()]})
        log.info("as a field", extra={"field": secret, "nested": {"list": [secret]}})
        logging.getLogger("sanic.root").warning("by a library: %r", secret)
        try:
            fail(f"in an exception: {secret}")
        except ValueError:
            log.exception("failed")
    written = capsys.readouterr().err
    assert len(written.splitlines()) >= 18
    for secret in (MOBILE, TOKEN.text, DIGEST):
        assert secret not in written
    assert "138****8000" in written
    assert "[redacted]" in written


@pytest.mark.parametrize("log_format", FORMATS)
def test_an_exception_is_logged_with_its_stack_and_without_its_secrets(
    configure: Configure, capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    configure(log_format)
    try:
        try:
            fail(f"the cause, {TOKEN.text}")
        except ValueError as cause:
            raise RuntimeError(f"the effect, {MOBILE}") from cause
    except RuntimeError:
        log.exception("failed")
    written = capsys.readouterr().err
    assert "ValueError: the cause, [redacted]" in written
    assert "RuntimeError: the effect, 138****8000" in written
    assert "Traceback" in written
    assert "log_format" not in written, "local variables hold codes and keys"


@pytest.mark.parametrize("log_format", FORMATS)
def test_every_event_carries_the_requests_id(
    configure: Configure, capsys: pytest.CaptureFixture[str], request_id: str, log_format: str
) -> None:
    configure(log_format)
    log.info("ours")
    logging.getLogger("sanic.error").error("Sanic's")
    logging.getLogger("a.dependency").warning("a library's")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(request_id in line for line in lines)


@pytest.mark.parametrize("log_format", FORMATS)
def test_outside_a_request_there_is_no_id(
    configure: Configure, capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    configure(log_format)
    log.info("started")
    assert "request_id" not in capsys.readouterr().err


def test_a_text_line_is_for_people(configure: Configure, capsys: pytest.CaptureFixture[str], request_id: str) -> None:
    configure("text")
    log.warning("session %s", "replaced", extra={"user_id": 42})
    line = capsys.readouterr().err
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z \[warning *\] session replaced \[tests\.logs\]"
        r" request_id=req-7f3a user_id=42\n",
        line,
    )


def test_a_json_line_is_for_machines(configure: Configure, capsys: pytest.CaptureFixture[str], request_id: str) -> None:
    configure("json")
    log.warning("session %s", "replaced", extra={"user_id": 42})
    event = json.loads(capsys.readouterr().err)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", event.pop("timestamp"))
    assert event == {
        "event": "session replaced",
        "level": "warning",
        "logger": "tests.logs",
        "request_id": request_id,
        "user_id": 42,
    }


@pytest.mark.parametrize(
    "value",
    [
        pytest.param('a "quoted" \\ back\\slash', id="quotes"),
        pytest.param("two\nlines\r\nand\x00more\u2028", id="control characters"),
        pytest.param("手机号 📱 \udcff", id="beyond ASCII"),
        pytest.param(b"\xff\x00", id="bytes"),
        pytest.param({"set": {1}, "object": object()}, id="what JSON has no word for"),
        pytest.param(f"{MOBILE} {TOKEN.text}", id="secrets"),
    ],
)
def test_every_json_line_parses(configure: Configure, capsys: pytest.CaptureFixture[str], value: Any) -> None:
    configure("json")
    log.info("value: %s", value, extra={"value": value})
    try:
        fail(f"{value}")
    except ValueError:
        log.exception("failed")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert [json.loads(line)["level"] for line in lines] == ["info", "error"]


def test_what_is_below_the_level_is_not_logged(configure: Configure, capsys: pytest.CaptureFixture[str]) -> None:
    configure("text", "WARNING")
    log.info("quiet")
    log.warning("loud")
    assert "quiet" not in (written := capsys.readouterr().err)
    assert "loud" in written


@pytest.mark.parametrize("library", ["aiosqlite", "asyncio"])
def test_libraries_that_print_values_at_debug_stay_silent_there(
    configure: Configure, capsys: pytest.CaptureFixture[str], library: str
) -> None:
    configure("text", "DEBUG")
    logging.getLogger(library).debug("executing INSERT ... ('%s')", MOBILE)
    assert capsys.readouterr().err == ""


def test_configuring_twice_does_not_log_twice(configure: Configure, capsys: pytest.CaptureFixture[str]) -> None:
    configure("text")
    configure("json")
    log.info("once")
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize("before", ["\n", "\t", "\r\n", "Bearer%20", "+86", "%2B86"])
@pytest.mark.parametrize("secret", [MOBILE, TOKEN.text], ids=["number", "token"])
def test_what_stands_before_a_secret_does_not_hide_it(
    configure: Configure, capsys: pytest.CaptureFixture[str], log_format: str, before: str, secret: str
) -> None:
    configure(log_format)
    log.info("a%s%s", before, secret)
    assert (secret in capsys.readouterr().err) == (secret == TOKEN.text and "86" in before)  # then it is no token


@pytest.mark.parametrize("value", [13800138000, 13800138000.5, {"a": [13800138000]}, -13800138000])
def test_a_number_among_the_values_leaves_the_line_valid_json(
    configure: Configure, capsys: pytest.CaptureFixture[str], value: object
) -> None:
    configure("json")
    log.info("a", extra={"n": value})
    line = capsys.readouterr().err
    assert MOBILE not in line
    assert json.loads(line)["event"] == "a"


@pytest.mark.parametrize("log_format", FORMATS)
def test_what_is_said_directly_is_the_line_that_the_library_would_make(
    configure: Configure, capsys: pytest.CaptureFixture[str], request_id: str, log_format: str
) -> None:
    configure(log_format)
    fields = {"user_id": 42, "to": MOBILE, "token": TOKEN.text, "words": "two words"}
    log.warning("said to %s", MOBILE, extra=fields)
    logs.event(log, logging.WARNING, f"said to {MOBILE}", fields)
    library, direct = (re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "then", line) for line in lines_of(capsys))
    assert direct == library
    assert "138****8000" in direct
    assert request_id in direct


def test_what_is_said_below_the_level_is_not_logged(configure: Configure, capsys: pytest.CaptureFixture[str]) -> None:
    configure("text", "WARNING")
    logs.event(log, logging.INFO, "quiet", {})
    assert lines_of(capsys) == []


@pytest.mark.parametrize("where", ["root", "own", "parent"])
def test_whoever_else_listens_gets_a_record_of_what_is_said(
    configure: Configure, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    configure("text")
    records: list[logging.LogRecord] = []
    listener = logging.Handler()
    listener.emit = records.append  # type: ignore[method-assign, assignment]
    place = {"root": logging.getLogger(), "own": log, "parent": logging.getLogger("tests")}[where]
    place.addHandler(listener)
    try:
        logs.event(log, logging.INFO, "heard", {"user_id": 42})
    finally:
        place.removeHandler(listener)
    [record] = records
    assert (record.getMessage(), vars(record)["user_id"]) == ("heard", 42)
    [line] = lines_of(capsys)
    assert line.endswith("heard [tests.logs] user_id=42")


def test_a_filter_is_asked_about_what_is_said(configure: Configure, capsys: pytest.CaptureFixture[str]) -> None:
    configure("text")
    log.addFilter(nothing := logging.Filter("nothing"))
    try:
        logs.event(log, logging.INFO, "unheard", {})
    finally:
        log.removeFilter(nothing)
    assert lines_of(capsys) == []


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()
