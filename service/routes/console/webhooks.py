"""`/webhooks`: how the receivers of events fare, and the events that they have not taken for a day."""

from sanic import Blueprint, HTTPResponse

from service.errors import NotFound
from service.http.guards import changes_state
from service.http.requests import Request
from service.http.webhooks import FAILING, PAUSED, UNKNOWN, WORKS, letter_described, receiver_described
from service.languages import N_, gettext
from service.roles import Role
from service.routes.console.pages import page, see_other

PATH = "/webhooks"
STATES = {WORKS: N_("works"), FAILING: N_("is failing"), PAUSED: N_("paused"), UNKNOWN: N_("nothing sent yet")}

webhooks = Blueprint("console_webhooks", url_prefix=PATH)


@webhooks.get("/", ctx_role=Role.LOOK)
async def show(request: Request) -> HTTPResponse:
    """The receivers, and the newest letters, or those before a cursor; htmx asks for them every few seconds."""
    letters = request.app.ctx.dead_letters
    before = request.args.get("cursor", "")
    found, cursor = await letters.newest(before)
    return page(
        request,
        "webhooks.html",
        before=before,
        receivers=[receiver_described(standing) for standing in await letters.standings()],
        letters=[letter_described(letter, letters.name_of(letter)) for letter in found],
        cursor=cursor,
        states={state: gettext(word) for state, word in STATES.items()},
    )


@webhooks.get("/<letter_id>", ctx_role=Role.LOOK)
async def show_letter(request: Request, letter_id: str) -> HTTPResponse:
    """One letter, whole."""
    letters = request.app.ctx.dead_letters
    letter = await letters.find(letter_id)
    return page(request, "webhook.html", letter=letter_described(letter, letters.name_of(letter)))


@webhooks.post("/<letter_id>/resend", ctx_role=Role.ACT)
@changes_state
async def resend(request: Request, letter_id: str) -> HTTPResponse:
    """Send it once more."""
    await request.app.ctx.dead_letters.resend(letter_id)
    return see_other(PATH, "letter_resent", 1)


@webhooks.post("/<letter_id>/delete", ctx_role=Role.ACT)
@changes_state
async def delete(request: Request, letter_id: str) -> HTTPResponse:
    """Send it never."""
    await request.app.ctx.dead_letters.delete(letter_id)
    return see_other(PATH, "letter_deleted")


@webhooks.post("/receivers/<number>/resend", ctx_role=Role.ACT)
@changes_state
async def resend_all(request: Request, number: str) -> HTTPResponse:
    """Send all letters of a receiver once more."""
    letters = request.app.ctx.dead_letters
    if number not in {str(one.number) for one in letters.receivers}:
        raise NotFound
    return see_other(PATH, "letter_resent", await letters.resend_all(int(number)))
