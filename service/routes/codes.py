"""`/sms/codes`: ask for a login code."""

from sanic import Blueprint, HTTPResponse
from sanic.exceptions import SanicException
from sanic_ext import openapi

from service.routes import documents, payloads
from service.routes.answers import ok
from service.routes.errors import STATUS
from service.routes.guards import changes_state
from service.routes.requests import BASE_PATH, Request, client_ip

codes = Blueprint("codes", url_prefix=f"{BASE_PATH}/sms/codes")


@codes.get("/<mobile>", unquote=True)
@openapi.definition(**documents.SEND_CODE_GET)
@changes_state
async def send_code_to(request: Request, mobile: str) -> HTTPResponse:
    """Send a code, as the apps in the field ask for it."""
    return await _send(request, payloads.code_request_in_address(request, mobile))


@codes.head("/<mobile>", unquote=True, ctx_refuses=True)
@openapi.exclude()
async def refuse_head(_request: Request, **_: str) -> HTTPResponse:
    """HEAD does what GET does, and here it would send a message."""
    raise SanicException("HEAD sends no code", status_code=STATUS["method_not_allowed"])


@codes.post("/")
@openapi.definition(**documents.SEND_CODE)
@changes_state
async def send_code(request: Request) -> HTTPResponse:
    """Send a code, with the number kept out of addresses and logs."""
    return await _send(request, payloads.code_request_in_body(request))


async def _send(request: Request, asked: payloads.CodeRequest) -> HTTPResponse:
    sent = await request.app.ctx.delivery.send_code(asked.mobile, client_ip(request), asked.captcha_token)
    return ok({"mobile": sent.mobile, "expires_in": sent.expires_in, "resend_after": sent.resend_after})
