"""`/admin/v1/webhooks` and `/dead-letters`: how receivers fare, and the events that they have not taken for a day."""

from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.http.guards import changes_state
from service.http.operators import PATH
from service.http.requests import Request
from service.http.responses import nothing, ok
from service.http.webhooks import letter_described, receiver_described
from service.roles import Role
from service.routes.admin import payloads
from service.routes.openapi import webhook_documents as documents

webhooks = Blueprint("webhooks", url_prefix=PATH)


@webhooks.get("/webhooks", ctx_role=Role.LOOK)
@openapi.definition(**documents.RECEIVERS)
async def list_receivers(request: Request) -> HTTPResponse:
    """How each of WEBHOOK_URLS fares."""
    standings = await request.app.ctx.dead_letters.standings()
    return ok({"receivers": [receiver_described(standing) for standing in standings]})


@webhooks.get("/dead-letters", ctx_role=Role.LOOK)
@openapi.definition(**documents.LIST)
async def list_letters(request: Request) -> HTTPResponse:
    """The newest first."""
    letters = request.app.ctx.dead_letters
    found, cursor = await letters.newest(request.args.get("cursor", ""))
    return ok(
        {
            "dead_letters": [letter_described(letter, letters.name_of(letter)) for letter in found],
            "next": cursor or None,
        }
    )


@webhooks.get("/dead-letters/<letter_id>", ctx_role=Role.LOOK)
@openapi.definition(**documents.LOOK)
async def look_at(request: Request, letter_id: str) -> HTTPResponse:
    """One of them."""
    letters = request.app.ctx.dead_letters
    letter = await letters.find(letter_id)
    return ok(letter_described(letter, letters.name_of(letter)))


@webhooks.post("/dead-letters/<letter_id>/resend", ctx_role=Role.ACT)
@openapi.definition(**documents.RESEND)
@changes_state
async def resend(request: Request, letter_id: str) -> HTTPResponse:
    """Send it once more."""
    await request.app.ctx.dead_letters.resend(letter_id)
    return ok({"resent": 1})


@webhooks.post("/dead-letters/resend", ctx_role=Role.ACT)
@openapi.definition(**documents.RESEND_ALL)
@changes_state
async def resend_all(request: Request) -> HTTPResponse:
    """Send all of one receiver once more."""
    return ok({"resent": await request.app.ctx.dead_letters.resend_all(payloads.receiver(request))})


@webhooks.delete("/dead-letters/<letter_id>", ctx_role=Role.ACT)
@openapi.definition(**documents.DELETE)
@changes_state
async def delete(request: Request, letter_id: str) -> HTTPResponse:
    """Send it never."""
    await request.app.ctx.dead_letters.delete(letter_id)
    return nothing()
