"""`/openid/...`: to the company's OpenID provider, and back with who it says is there."""

from sanic import Blueprint, HTTPResponse

from service.errors import NotFound
from service.http.guards import changes_state
from service.http.requests import Request, device
from service.routes.console.pages import own_path, page, see_other
from service.routes.console.session_cookies import OPENID, ended, set_openid, set_session

openid = Blueprint("console_openid", url_prefix="/openid")


@openid.get("/begin", ctx_open=True)
async def begin(request: Request) -> HTTPResponse:
    """Send the browser to the provider. Raises NotFound where none is set up."""
    if request.app.ctx.openid is None:
        raise NotFound
    begun = await request.app.ctx.openid.begin()
    return set_openid(see_other(begun.url), begun.cookie)


@openid.get("/callback", ctx_open=True)
@changes_state
async def callback(request: Request) -> HTTPResponse:
    """Begin a session for whom the provider names.

    By a page rather than a redirect: a browser would not send a cookie that is `Strict` after one that began elsewhere.
    """
    sent = request.args
    if request.app.ctx.openid is None:
        raise NotFound
    name, role = await request.app.ctx.openid.finish(
        request.cookies.get(OPENID) or "", sent.get("state", ""), sent.get("code", ""), sent.get("error", "")
    )
    origin = device(request.raw, request.app.ctx.settings.trusted_proxies)
    cookie = await request.app.ctx.operator_sessions.begin(name, role, origin)
    answer = page(request, "again.html", path_again=own_path("/"))
    answer.headers["referrer-policy"] = "no-referrer"  # the address holds what the provider gave
    return ended(set_session(answer, cookie), OPENID)
