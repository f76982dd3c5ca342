"""`/admin/v1/users/<id>`: erase a person; `.../export`: all that is kept of one."""

from sanic import Blueprint, HTTPResponse
from sanic.exceptions import SanicException
from sanic_ext import openapi

from service.http.errors import STATUS
from service.http.exports import pieces
from service.http.guards import changes_state
from service.http.operators import PATH
from service.http.requests import Request
from service.http.responses import Answer, ok
from service.roles import Role
from service.routes.admin import payloads
from service.routes.openapi import personal_data_documents

personal_data = Blueprint("personal_data", url_prefix=f"{PATH}/users/<user_id>")


@personal_data.delete("/", ctx_role=Role.ACT, ctx_reason=True)
@openapi.definition(**personal_data_documents.ERASE)
@changes_state
async def erase(request: Request, user_id: str) -> HTTPResponse:
    """Erase a person; what there was is told in counts."""
    erased = await request.app.ctx.personal_data.erase(payloads.user_id(user_id))
    return ok({"erased": erased._asdict()})


@personal_data.head("/export", ctx_refuses=True)
@openapi.exclude()
async def refuse_head(_request: Request, **_: str) -> HTTPResponse:
    """HEAD does what GET does, and would put into the trail an export that nobody was given."""
    raise SanicException("HEAD exports nothing", status_code=STATUS["method_not_allowed"])


@personal_data.get("/export", ctx_role=Role.ACT, ctx_reason=True)
@openapi.definition(**personal_data_documents.EXPORT)
async def export(request: Request, user_id: str) -> HTTPResponse:
    """All that is kept of a person. Events are made into JSON a page at a time, so that nobody else waits long."""
    context = request.app.ctx
    kept = await context.personal_data.export(payloads.user_id(user_id))
    parts = [piece async for piece in pieces(kept, context.personal_data.events_of(kept.user_id))]
    return Answer(b"".join((b'{"message":"ok","data":', *parts, b"}")))
