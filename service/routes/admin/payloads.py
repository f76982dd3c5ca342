"""What operators send: from bytes to values that the use cases can trust, naming every bad field at once."""

from typing import Any, NamedTuple, TypeVar

from service import names, selections
from service.entities import UserStatus, id_in
from service.errors import InvalidRequest, NotFound
from service.http.requests import Request
from service.roles import NAME, NAME_EXPECTED, Role
from service.routes import payloads
from service.routes.payloads import json_object, one_of, string
from service.webhooks import RECEIVER_EXPECTED

Problems = dict[str, str]
Value = TypeVar("Value")


class Query(NamedTuple):
    """Whom to find; `text` is empty where the newest are asked for, `cursor` for the first page."""

    text: str
    cursor: str


class Change(NamedTuple):
    """What is to become of a user; None: as it is."""

    name: str | None
    status: UserStatus | None


class NewNumber(NamedTuple):
    """A number to be given; `take`: from its holder, too."""

    mobile: str
    take: bool


class Entry(NamedTuple):
    """An operator or a key to be added."""

    name: str
    role: Role


def user_id(written: str) -> int:
    """The user id in an address. Raises NotFound."""
    found = id_in(written)
    if found is None:
        raise NotFound
    return found


def query(request: Request) -> Query:
    """`{q?, cursor?}`. Raises InvalidRequest."""
    fields, problems = json_object(request.raw), Problems()
    found = Query((_optional(fields, "q", problems) or "").strip(), _optional(fields, "cursor", problems) or "")
    return _unless(problems, found)


def change(request: Request) -> Change:
    """`{name?, status?}`. Raises InvalidRequest."""
    fields, problems = json_object(request.raw), Problems()
    name, status = _optional(fields, "name", problems), _optional(fields, "status", problems)
    if name is not None:
        name = names.normalise(name)
        if name is None:
            problems["name"] = names.EXPECTED
    if status is not None and status not in set(UserStatus):
        problems["status"] = one_of(UserStatus)
    return _unless(problems, Change(name, None if problems or status is None else UserStatus(status)))


def new_number(request: Request) -> NewNumber:
    """`{mobile, take?}`. Raises InvalidRequest."""
    fields, problems = json_object(request.raw), Problems()
    mobile, take = payloads.number(fields, problems), fields.get("take")
    if take is not None and not isinstance(take, bool):
        problems["take"] = selections.FLAG
    return _unless(problems, NewNumber(mobile, take is True))


def receiver(request: Request) -> int:
    """`{receiver}`, its number. Raises InvalidRequest."""
    number = json_object(request.raw).get("receiver")
    if not isinstance(number, int) or isinstance(number, bool):
        raise InvalidRequest({"receiver": RECEIVER_EXPECTED})
    return number


def token(request: Request) -> str:
    """`{token}`. Raises InvalidRequest."""
    fields, problems = json_object(request.raw), Problems()
    sent = string(fields, "token", problems).strip()
    return _unless(problems, sent)


def entry(request: Request) -> Entry:
    """`{name, role}`. Raises InvalidRequest."""
    return entry_of(json_object(request.raw))


def entry_of(fields: dict[str, Any]) -> Entry:
    """As `entry`, of fields that came in another way."""
    problems = Problems()
    name, role = string(fields, "name", problems), string(fields, "role", problems)
    if not NAME.fullmatch(name):
        problems.setdefault("name", NAME_EXPECTED)
    if role not in set(Role):
        problems.setdefault("role", one_of(Role))
    return _unless(problems, Entry(name, Role.LOOK if problems else Role(role)))


def revocation(request: Request) -> tuple[dict[str, Any], bool]:
    """The filters of a revocation as they came, and `dry_run`. Raises InvalidRequest."""
    fields = json_object(request.raw)
    dry_run = fields.get("dry_run", False)
    if not isinstance(dry_run, bool):
        raise InvalidRequest({"dry_run": selections.FLAG})
    return fields, dry_run


def _optional(fields: dict[str, Any], name: str, problems: Problems) -> str | None:
    return None if fields.get(name) is None else string(fields, name, problems)


def _unless(problems: Problems, value: Value) -> Value:
    """The value. Raises InvalidRequest where there are problems."""
    if problems:
        raise InvalidRequest(problems)
    return value
