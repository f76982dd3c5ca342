"""How a page is made: a template, what every template may know, and the headers that keep a page to itself."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from sanic import HTTPResponse

from service.http import localized
from service.http.requests import App, Request
from service.http.responses import JSON, Data, ok, timestamp
from service.operator_entities import OperatorSession
from service.roles import Role
from service.routes.console import notices
from service.routes.console.static import address

TEMPLATES = Path(__file__).parent / "templates"
HTML = "text/html; charset=utf-8"
SEE_OTHER = 303
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": POLICY,
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "publickey-credentials-get=(self), publickey-credentials-create=(self)",
}
_OWN_PATH = re.compile(r"/(?!/)[A-Za-z0-9/_.?=&:@-]*", re.ASCII)


def prepare(app: App) -> None:
    """Give the templates what they all may use."""
    environment: Environment = app.ext.environment
    environment.undefined = StrictUndefined
    localized.install(environment)
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.globals |= {"static": address, "Role": Role}
    environment.filters |= {"when": _when, "iso": _iso}


def page(request: Request, template: str, /, *, status: int = 200, **data: Any) -> HTTPResponse:
    """Return a template as an answer; for htmx, which asks for a part of a page, without what stands around it."""
    environment: Environment = request.app.ext.environment
    text = environment.get_template(template).render(_common(request) | data)
    return HTTPResponse(text, status, HEADERS, content_type=HTML)


def told(data: Data) -> HTTPResponse:
    """Return what a script of ours asked for: JSON in the API's envelope, with the headers of a page."""
    return HTTPResponse(ok(data).body, headers=HEADERS, content_type=JSON)


def see_other(path: str, done: str = "", count: int | None = None) -> HTTPResponse:
    """Send the browser to another page, which then tells what was done: one of `notices.py`, and how many."""
    told = f"?done={done}" + (f"&n={count}" if count is not None else "") if done else ""
    return HTTPResponse(status=SEE_OTHER, headers={**HEADERS, "location": path + told})


def own_path(sent: str | None) -> str:
    """A path of the console, as a form or an address names it; the first page where it is none."""
    return sent if sent and _OWN_PATH.fullmatch(sent) else "/"


def is_part(request: Request) -> bool:
    """Whether htmx asks for a part of a page only."""
    header = request.raw.head.header
    return bool(header(b"hx-request")) and not header(b"hx-boosted")


def _common(request: Request) -> dict[str, Any]:
    operator: OperatorSession | None = getattr(request.ctx, "operator", None)
    return {
        "operator": operator,
        "csrf_token": operator.csrf if operator else "",
        "may_act": operator is not None and operator.role.reaches(Role.ACT),
        "is_owner": operator is not None and operator.role.reaches(Role.OWNER),
        "has_webhooks": bool(request.app.ctx.settings.webhook_urls),
        "path": request.path,
        "part": is_part(request),
        "notice": notices.told(request),
    }


def _when(moment: datetime | float | str | None) -> str:
    """A moment as people read it, UTC, to the second; a dash where there is none."""
    return _iso(moment).replace("T", " ").rstrip("Z") if moment else "–"  # noqa: RUF001


def _iso(moment: datetime | float | str) -> str:
    """A moment as the API tells it; it may be told so already."""
    if isinstance(moment, str):
        return moment
    return timestamp(moment.timestamp() if isinstance(moment, datetime) else moment)
