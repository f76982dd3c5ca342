"""`/sms/codes`: ask for a code."""

from urllib.parse import urlsplit

from sanic import Blueprint, HTTPResponse
from sanic.exceptions import SanicException
from sanic_ext import openapi

from service.entities import Purpose
from service.errors import Forbidden
from service.http import localized
from service.http.errors import STATUS
from service.http.guards import changes_state, identified
from service.http.requests import BASE_PATH, Request, client_ip
from service.http.responses import ok
from service.routes import payloads
from service.routes.openapi import documents

codes = Blueprint("codes", url_prefix=f"{BASE_PATH}/sms/codes")


@codes.get("/<mobile>", unquote=True)
@openapi.definition(**documents.SEND_CODE_GET)
@changes_state
async def send_code_to(request: Request, mobile: str) -> HTTPResponse:
    """Send a code, as the apps in the field ask for it."""
    _refuse_other_sites(request)
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
    if not request.headers.get("content-type"):  # else a browser has asked first whether it may (CORS)
        _refuse_other_sites(request)
    return await _send(request, payloads.code_request_in_body(request))


async def _send(request: Request, wanted: payloads.CodeRequest) -> HTTPResponse:
    app, raw = request.app, request.raw
    ip = client_ip(raw, app.ctx.settings.trusted_proxies)
    caller = None if wanted.purpose is Purpose.LOGIN else await app.ctx.users.who((await identified(app, raw)).user_id)
    sent = await app.ctx.delivery.send_code(
        wanted.mobile,
        ip,
        wanted.captcha_token,
        purpose=wanted.purpose,
        caller=caller,
        language=localized.asked_for(app, raw.head),
    )
    return ok({"mobile": sent.mobile, "expires_in": sent.expires_in, "resend_after": sent.resend_after})


def _refuse_other_sites(request: Request) -> None:
    """Raise Forbidden for a page of another site: each of its visitors would have us send a message, or ten.

    Browsers say so in `Sec-Fetch-Site`, which no page can forge (https://www.w3.org/TR/fetch-metadata/); what is no
    browser sends none.
    """
    headers = request.headers
    if "cross-site" not in headers.getall("sec-fetch-site", []):
        return
    page = headers.getone("origin", "") or _origin(headers.getone("referer", ""))
    if not {page, "*"} & set(request.app.ctx.settings.cors_origins):
        raise Forbidden


def _origin(url: str) -> str:
    """Scheme, host and port of a page; empty where the browser tells none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
