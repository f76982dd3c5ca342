"""What operators do to a person: at each address GET says what will happen, and POST of the form there does it."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from sanic import Blueprint, HTTPResponse

from service import mobiles, names
from service.entities import EndReason, User
from service.errors import InvalidRequest, MobileTaken, NotFound, ServiceUnavailable
from service.http.console import field
from service.http.errors import STATUS
from service.http.guards import changes_state
from service.http.operators import REASON, needs_reason
from service.http.requests import Request
from service.languages import N_, gettext
from service.roles import Role
from service.routes.admin.personal_data import send_export
from service.routes.console.page_errors import TEXTS
from service.routes.console.pages import HEADERS, page, see_other
from service.routes.console.person import Person, find_person

NUMBER_EXPECTED = N_("This is not a mobile number: 1, then 3 to 9, then nine more digits.")
SAME_NUMBER = N_("The person has this number already.")
NAME_EXPECTED = N_("A name has 1 to 64 characters to be seen, without control characters.")
REASON_EXPECTED = N_("Please say why: this is not done without a reason.")
ID_EXPECTED = N_("This is not the id of the person.")

person_acts = Blueprint("console_person_acts", url_prefix="/people/<user_id>")

Refusal = InvalidRequest | MobileTaken | ServiceUnavailable
REFUSALS = (InvalidRequest, MobileTaken, ServiceUnavailable)


class Act(NamedTuple):
    """What can be done: its path, how, whether a reason is due, and whether the person has to be in the database.

    Its page is `acts/<name>.html`.
    """

    name: str
    path: str
    do: Callable[[Request, Person], Awaitable[HTTPResponse | None]]
    needs_reason: bool = False
    needs_user: bool = True
    changes: bool = True


async def end(request: Request, person: Person) -> HTTPResponse:
    """End one session. That it has ended meanwhile is told, and no failure."""
    try:
        await request.app.ctx.sessions.end(person.id, request.match_info["session_id"], EndReason.REVOKED)
    except NotFound:
        return await _back(request, person, "gone")
    return await _back(request, person, "ended", 1)


async def end_all(request: Request, person: Person) -> HTTPResponse:
    """End all of them."""
    ended = await request.app.ctx.sessions.end_all(person.id, EndReason.REVOKED)
    return await _back(request, person, "ended", len(ended))


async def disable(request: Request, person: Person) -> HTTPResponse:
    """Let nobody log in, and end every session."""
    await request.app.ctx.users.disable(_user(person))
    return see_other(person.path, "disabled")


async def enable(request: Request, person: Person) -> HTTPResponse:
    """Let the person log in again."""
    await request.app.ctx.users.enable(_user(person))
    return see_other(person.path, "enabled")


async def unlock(request: Request, person: Person) -> HTTPResponse:
    """Forget what the number has spent. Without a number there is nothing to forget."""
    mobile = _user(person).mobile
    if mobile:
        await request.app.ctx.people.unlock(mobile)
    return see_other(person.path, "unlocked")


async def rename(request: Request, person: Person) -> HTTPResponse:
    """Give the person another name."""
    name = names.normalise(field(request, "name"))
    if name is None:
        raise InvalidRequest({"name": NAME_EXPECTED})
    await request.app.ctx.users.rename(_user(person), name)
    return see_other(person.path, "renamed")


async def change_number(request: Request, person: Person) -> HTTPResponse:
    """Give the person another number."""
    mobile = mobiles.normalise(field(request, "mobile"))
    if mobile is None or mobile == _user(person).mobile:
        raise InvalidRequest({"mobile": SAME_NUMBER if mobile else NUMBER_EXPECTED})
    changed = await request.app.ctx.numbers.change(person.id, mobile, take=bool(field(request, "take")))
    return see_other(person.path, "number_told" if changed.told else "number")


async def export(request: Request, person: Person) -> None:
    """Send a file with all that is kept of the person."""
    name = f'attachment; filename="latch-user-{person.id}.json"'
    await send_export(request, person.id, {**HEADERS, "content-disposition": name})


async def erase(request: Request, person: Person) -> HTTPResponse:
    """Erase the person, and tell in counts what there was: the page of the person is no more."""
    if field(request, "confirm") != str(person.id):
        raise InvalidRequest({"confirm": ID_EXPECTED})
    erased = await request.app.ctx.personal_data.erase(person.id)
    return page(request, "erased.html", id=person.id, erased=erased)


ACTS = (
    Act("end", "/sessions/<session_id>/end", end, needs_user=False),
    Act("end_all", "/end-all", end_all, needs_user=False),
    Act("disable", "/disable", disable),
    Act("enable", "/enable", enable),
    Act("unlock", "/unlock", unlock),
    Act("rename", "/rename", rename),
    Act("number", "/number", change_number, needs_reason=True),
    Act("export", "/export", export, needs_reason=True, needs_user=False, changes=False),
    Act("erase", "/erase", erase, needs_reason=True, needs_user=False),
)


def offer(act: Act) -> None:
    """Serve the page of an act, and the act."""

    async def ask(request: Request, user_id: str, **_: str) -> HTTPResponse:
        person = await _subject(request, act, user_id)
        chosen = request.match_info.get("session_id")
        if chosen and chosen not in [session.session_id for session in person.sessions]:
            raise NotFound
        return _asked(request, act, person)

    async def do(request: Request, user_id: str, **_: str) -> HTTPResponse | None:
        person = await _subject(request, act, user_id)  # before anything is done, since it is shown after a failure
        try:
            if act.needs_reason:
                needs_reason()
            return await act.do(request, person)
        except REFUSALS as error:
            return _asked(request, act, person, error)

    handler = changes_state(do) if act.changes else do
    person_acts.add_route(ask, act.path, ["GET"], name=f"ask_{act.name}", ctx_role=Role.ACT)
    person_acts.add_route(handler, act.path, ["POST"], name=act.name, ctx_role=Role.ACT)


for one in ACTS:
    offer(one)


async def _subject(request: Request, act: Act, user_id: str) -> Person:
    person = await find_person(request, user_id)
    if act.needs_user:
        _user(person)
    return person


def _user(person: Person) -> User:
    """Who it is in the database. Raises NotFound of a stranger to it."""
    if person.user is None:
        raise NotFound
    return person.user


def _asked(request: Request, act: Act, person: Person, error: Refusal | None = None) -> HTTPResponse:
    """The page of an act; after it was refused, with why, and with what was typed."""
    fields = dict(error.fields) if isinstance(error, InvalidRequest) else {}
    if fields.pop(REASON, ""):  # named like the header of the API
        fields["reason"] = REASON_EXPECTED
    return page(
        request,
        f"acts/{act.name}.html",
        status=STATUS[error.code] if error else 200,
        act=act,
        person=person,
        session_id=request.match_info.get("session_id"),
        typed={name: values[0] for name, values in (request.form or {}).items()},
        problems={name: gettext(text) for name, text in fields.items()},
        failure=gettext(TEXTS[error.code][1]) if error and not fields else "",
        notes=getattr(error, "__notes__", ()),
    )


async def _back(request: Request, person: Person, done: str, count: int | None = None) -> HTTPResponse:
    """To the person's page; to the first one where nobody is left: a stranger without sessions."""
    is_left = person.user is not None or await request.app.ctx.sessions.of_user(person.id)
    return see_other(person.path if is_left else "/", done, count)
