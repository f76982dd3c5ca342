"""Parse once: from bytes to values that the use cases can trust, naming every bad field at once."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson

from service import mobiles, names
from service.captchas import FIELD, Captcha
from service.entities import Purpose
from service.errors import InvalidRequest, UnsupportedMediaType
from service.http.head import RawRequest
from service.http.requests import Request
from service.languages import N_, Filled

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
NOT_ENCODED = {b"", b"identity"}  # of the codings of RFC 9110 section 8.4.1
ENCODED = N_("The body should be sent as it is, without Content-Encoding.")
FORM = "application/x-www-form-urlencoded"
FORM_EXPECTED = Filled(N_("The body should be a form, with Content-Type: %(type)s."), type=FORM)
JSON_TYPE = re.compile(r"application/([a-z0-9!#$&^_.-]+\+)?json", re.ASCII)
MISSING = N_("is missing")


class NumberChange(NamedTuple):
    """A new number, the code that was sent to it, and the one sent to the present number."""

    mobile: str
    code: str
    current_code: str


class Credentials(NamedTuple):
    """The body of a login."""

    mobile: str
    code: str


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """What is sent to ask for a code. `captcha_token` is empty where none was sent, or the captcha is off."""

    mobile: str
    captcha_token: str
    purpose: Purpose = Purpose.LOGIN


def credentials(raw: RawRequest, code_length: int) -> Credentials:
    """`{mobile, code}`. Raises InvalidRequest."""
    fields = json_object(raw)
    problems: dict[str, str] = {}
    mobile = number(fields, problems)
    code = _code(string(fields, "code", problems), code_length, problems)
    if problems:
        raise InvalidRequest(problems)
    return Credentials(mobile, code)


def number_change(raw: RawRequest, code_length: int) -> NumberChange:
    """`{mobile, code, current_code}`. Raises InvalidRequest."""
    fields = json_object(raw)
    problems: dict[str, str] = {}
    mobile = number(fields, problems)
    code, current = (
        _code(string(fields, name, problems), code_length, problems, name) for name in ("code", "current_code")
    )
    if problems:
        raise InvalidRequest(problems)
    return NumberChange(mobile, code, current)


def erasing_code(raw: RawRequest, code_length: int) -> str:
    """`{code}`. Raises InvalidRequest."""
    problems: dict[str, str] = {}
    code = _code(string(json_object(raw), "code", problems), code_length, problems)
    if problems:
        raise InvalidRequest(problems)
    return code


def new_name(raw: RawRequest) -> str:
    """`{name}`. Raises InvalidRequest."""
    problems: dict[str, str] = {}
    name = names.normalise(string(json_object(raw), "name", problems))
    if name is None:
        problems.setdefault("name", names.EXPECTED)
        raise InvalidRequest(problems)
    return name


def code_request_in_body(request: Request) -> CodeRequest:
    """`{mobile, purpose, captcha_token}`. Raises InvalidRequest."""
    return _code_request(request, json_object(request.raw))


def code_request_in_address(request: Request, mobile: str) -> CodeRequest:
    """`/sms/codes/<mobile>?captcha_token=`. Raises InvalidRequest."""
    query = {name: values[0] for name, values in request.args.items()}
    return _code_request(request, {**query, "mobile": mobile, "purpose": Purpose.LOGIN})


def form(raw: RawRequest, *names: str) -> dict[str, str]:
    """What a form says under these names, where it says something (RFC 6749 section 3.2).

    Raises UnsupportedMediaType, and InvalidRequest naming what it says twice.
    """
    if _media_type(raw) != FORM:
        raise UnsupportedMediaType(FORM_EXPECTED)
    pairs = [pair for pair in parse_qsl(raw.body.decode(errors="replace")) if pair[0] in names]
    fields = dict(pairs)
    if len(fields) < len(pairs):
        sent = [name for name, _ in pairs]
        raise InvalidRequest({name: N_("is sent more than once") for name in fields if sent.count(name) > 1})
    return fields


def _code_request(request: Request, fields: dict[str, Any]) -> CodeRequest:
    problems: dict[str, str] = {}
    mobile = number(fields, problems)
    token = _captcha_token(fields, request.app.ctx.captcha, problems)
    purpose = string(fields, "purpose", problems) if "purpose" in fields else Purpose.LOGIN
    if "purpose" not in problems and purpose not in list(Purpose):
        problems["purpose"] = one_of(Purpose)
    if problems:
        raise InvalidRequest(problems)
    return CodeRequest(mobile, token, Purpose(purpose))


def _media_type(raw: RawRequest) -> str:
    """`Content-Type` without its parameters, in lower case. Raises UnsupportedMediaType where the body is encoded."""
    codings = raw.head.headers.get(b"content-encoding")
    if codings and not {coding.strip().lower() for coding in codings.split(b",")} <= NOT_ENCODED:
        raise UnsupportedMediaType(ENCODED, is_encoded=True)
    return raw.head.header(b"content-type").partition(";")[0].strip().lower()


@lru_cache(maxsize=64)
def _is_json(media_type: str) -> bool:
    """Whether a body of this type is taken. It need not be told."""
    return not media_type or JSON_TYPE.fullmatch(media_type) is not None


def json_object(raw: RawRequest) -> dict[str, Any]:
    """The body, without a byte order mark (RFC 8259 section 8.1). Raises UnsupportedMediaType, InvalidRequest."""
    if not _is_json(_media_type(raw)):
        raise UnsupportedMediaType
    try:
        fields = orjson.loads(raw.body.removeprefix(BYTE_ORDER_MARK))
    except orjson.JSONDecodeError:
        raise InvalidRequest({"body": N_("is not valid JSON")}) from None
    if not isinstance(fields, dict):
        raise InvalidRequest({"body": N_("should be a JSON object")})
    return fields


def string(body: dict[str, Any], name: str, problems: dict[str, str]) -> str:
    """A field that should be there; else it is named among the problems."""
    value = body.get(name)
    if isinstance(value, str):
        return value
    problems[name] = N_("should be a string") if name in body else MISSING
    return ""


def number(fields: dict[str, Any], problems: dict[str, str]) -> str:
    """The field `mobile` in its normal form; else it is named among the problems."""
    mobile = mobiles.normalise(string(fields, "mobile", problems))
    if mobile is None:
        problems.setdefault("mobile", mobiles.EXPECTED)
        return ""
    return mobile


def _code(text: str, length: int, problems: dict[str, str], name: str = "code") -> str:
    """The digits, without what keyboards, screen readers and copying put between and around them."""
    digits = mobiles.without_marks(text)
    if len(digits) != length or not (digits.isascii() and digits.isdigit()):
        problems.setdefault(name, Filled(N_("should be %(length)s digits"), length=length))
    return digits


def one_of(choices: type[StrEnum]) -> str:
    """What is said of a value that is none of these."""
    return Filled(N_("should be one of %(values)s"), values=", ".join(choices))


def _captcha_token(fields: dict[str, Any], gate: Captcha | None, problems: dict[str, str]) -> str:
    """Empty where none was sent: whether one is needed is not known yet."""
    if gate is None or FIELD not in fields:
        return ""
    token = string(fields, FIELD, problems)
    if token and (problem := gate.problem(token)):
        problems.setdefault(FIELD, problem)
    return token
