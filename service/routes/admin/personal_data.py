"""`/admin/v1/users/<id>`: erase a person; `.../export`: all that is kept of one."""

from collections.abc import Mapping

from sanic import Blueprint, HTTPResponse
from sanic.exceptions import SanicException
from sanic_ext import openapi

from service.http.errors import STATUS
from service.http.exports import enveloped, pieces
from service.http.guards import changes_state
from service.http.operators import PATH
from service.http.requests import Request
from service.http.responses import ok
from service.http.streaming import stream
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
async def export(request: Request, user_id: str) -> None:
    """All that is kept of a person. A page of events is in memory at a time, and nobody else waits long."""
    await send_export(request, payloads.user_id(user_id))


async def send_export(request: Request, user_id: int, headers: Mapping[str, str] | None = None) -> None:
    """Answer with what is kept of a person, also where a page asks for it."""
    data = request.app.ctx.personal_data
    kept = await data.export(user_id)
    await stream(request, enveloped(pieces(kept, data.events_of(kept.user_id))), headers=headers)
