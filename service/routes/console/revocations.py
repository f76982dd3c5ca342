"""`/revocations`: end the sessions of many, in three steps: whose, how many that is, and how far it has come.

All steps are posted to one address, with the filters in the form: they may hold numbers, and so stand in no address.
"""

from collections.abc import Mapping
from typing import Any

from sanic import Blueprint, HTTPResponse

from service.errors import InvalidRequest, TooManyRequests
from service.http.console import field
from service.http.errors import STATUS
from service.http.guards import changes_state
from service.http.operators import needs_reason
from service.http.requests import Request
from service.languages import N_, gettext
from service.roles import Role
from service.routes.console import moments, revocation_form
from service.routes.console.pages import page, see_other
from service.selections import Revocation, Selection, State

PATH = "/revocations"
EVERYONE = "everyone"  # what is typed where no number will do; a word in no language, as the API's field
STATES = {
    State.RUNNING: N_("running"),
    State.DONE: N_("done"),
    State.STOPPED: N_("stopped"),
    State.FAILED: N_("failed"),
}
BUSY = N_("Nothing was begun: as many revocations as may run at once are running. Please wait until one is over.")
NOT_TYPED = N_("Not what is asked for here.")

revocations = Blueprint("console_revocations")


@revocations.get(PATH, ctx_role=Role.ACT)
async def show_form(request: Request) -> HTTPResponse:
    """The filters, and the revocations of the last day."""
    return await _form(request, {})


@revocations.post(PATH, ctx_role=Role.ACT)
@changes_state
async def take_step(request: Request) -> HTTPResponse:
    """Count, look how many were counted, or end them."""
    sent = revocation_form.typed(request)
    step = STEPS.get(field(request, "step"), _count)
    try:
        return await step(request, sent)
    except InvalidRequest as error:
        return await _form(request, sent, problems=revocation_form.problems(error.fields))
    except TooManyRequests:
        return await _form(request, sent, failure=gettext(BUSY))


@revocations.get(f"{PATH}/<revocation_id>", ctx_role=Role.ACT)
async def show_progress(request: Request, revocation_id: str) -> HTTPResponse:
    """How far one is."""
    job = await request.app.ctx.revocations.find(revocation_id)
    return page(request, "revocation.html", job=job, state=gettext(STATES[job.state]), why=gettext(job.why))


@revocations.post(f"{PATH}/<revocation_id>/stop", ctx_role=Role.ACT)
@changes_state
async def stop(request: Request, revocation_id: str) -> HTTPResponse:
    """Stop it at its next step."""
    job = await request.app.ctx.revocations.stop(revocation_id)
    return see_other(f"{PATH}/{job.id}")


async def _count(request: Request, sent: Mapping[str, str]) -> HTTPResponse:
    jobs = request.app.ctx.revocations
    selection = jobs.selected(revocation_form.filters(sent))
    return _counted(request, sent, selection, await jobs.begin(selection, dry_run=True))


async def _look(request: Request, sent: Mapping[str, str]) -> HTTPResponse:
    jobs = request.app.ctx.revocations
    selection = jobs.selected(revocation_form.filters(sent))
    return _counted(request, sent, selection, await jobs.find(field(request, "job")))


async def _end(request: Request, sent: Mapping[str, str]) -> HTTPResponse:
    """End what was counted, where its number was typed."""
    jobs = request.app.ctx.revocations
    selection = jobs.selected(revocation_form.filters(sent))
    counted = await jobs.find(field(request, "job"))
    if counted.what != selection.text or not counted.dry_run or counted.state is not State.DONE:
        return _counted(request, sent, selection, counted)
    if problems := _unconfirmed(request, selection, counted):
        return _counted(request, sent, selection, counted, problems)
    job = await jobs.begin(selection, dry_run=False)
    return see_other(f"{PATH}/{job.id}")


STEPS = {"count": _count, "look": _look, "end": _end}


def _unconfirmed(request: Request, selection: Selection, counted: Revocation) -> dict[str, str]:
    problems: dict[str, str] = {}
    if field(request, "confirmation") != _word(selection, counted):
        problems["confirmation"] = gettext(NOT_TYPED)
    if selection.everyone:
        try:
            needs_reason()
        except InvalidRequest as error:
            problems |= revocation_form.problems(error.fields)
    return problems


def _word(selection: Selection, counted: Revocation) -> str:
    """What has to be typed before anything ends."""
    return EVERYONE if selection.everyone else str(counted.matched)


async def _form(
    request: Request, sent: Mapping[str, str], *, problems: Mapping[str, str] = {}, failure: str = ""
) -> HTTPResponse:
    jobs = await request.app.ctx.revocations.newest()
    status = STATUS[InvalidRequest.code] if problems else STATUS[TooManyRequests.code] if failure else 200
    states = {state: gettext(word) for state, word in STATES.items()}
    data: dict[str, Any] = {"sent": sent, "problems": problems, "failure": failure, "jobs": jobs, "states": states}
    data["for_field"] = moments.for_field
    return page(request, "revocations.html", status=status, **data)


def _counted(
    request: Request,
    sent: Mapping[str, str],
    selection: Selection,
    job: Revocation,
    problems: Mapping[str, str] = {},
) -> HTTPResponse:
    return page(
        request,
        "revocation_count.html",
        status=STATUS[InvalidRequest.code] if problems else 200,
        sent=sent,
        selection=selection,
        job=job,
        why=gettext(job.why),
        word=_word(selection, job),
        problems=problems,
    )
