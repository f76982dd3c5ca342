"""`/docs`: the page that shows the API, and `/docs/openapi.json`, the document that it is drawn from.

The page is Swagger UI, shipped with the project in `openapi/viewer`: nothing of it comes from elsewhere.
"""

import re
from functools import cache
from html import escape
from pathlib import Path

import orjson
from sanic import Blueprint, HTTPResponse
from sanic.response import redirect

from service.http.requests import Request
from service.http.responses import JSON
from service.http.static_files import StaticFile, StaticFiles
from service.routes.openapi.specification import About, specification

FOLDER = Path(__file__).parent / "openapi" / "viewer"
FILES = StaticFiles(FOLDER)
HTML = "text/html; charset=utf-8"
MOVED = 308
HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


def docs(about: About) -> Blueprint:
    """The routes of the page of one listener. The document is made when it is first asked for."""
    blueprint = Blueprint("docs", url_prefix="/docs")
    made: StaticFile | None = None

    @blueprint.get("/")
    async def page(request: Request) -> HTTPResponse:
        """The page. Its addresses are relative to `/docs`; a browser that asks for `/docs/` is sent there."""
        if request.path.endswith("/"):
            return redirect("../docs", status=MOVED)
        return HTTPResponse(_page(about.title), headers=HEADERS, content_type=HTML)

    @blueprint.get("/openapi.json")
    async def document(request: Request) -> HTTPResponse:
        """The OpenAPI document."""
        nonlocal made
        made = made or StaticFile(orjson.dumps(specification(request.app, about)), JSON)
        return await made.answer(request)

    @blueprint.get("/<name>")
    async def file(request: Request, name: str) -> HTTPResponse:
        """A file of the page. Raises NotFound."""
        return await FILES.answer(request, name)

    return blueprint


@cache
def _page(title: str) -> str:
    text = (FOLDER / "page.html").read_text(encoding="utf-8").replace("__TITLE__", escape(title))
    return re.sub("__([a-z.-]+)__", lambda found: FILES.versioned(found[1]), text)
