"""`/static/...`: the style sheet, the scripts and the picture that pages name."""

from pathlib import Path

from sanic import Blueprint, HTTPResponse

from service.http.requests import Request
from service.http.static_files import StaticFiles

FILES = StaticFiles(Path(__file__).parent / "static")

static = Blueprint("console_static", url_prefix="/static")


def address(name: str) -> str:
    """Where a file is, with its version."""
    return f"/static/{FILES.versioned(name)}"


@static.get("/<name>", ctx_open=True)
async def file(request: Request, name: str) -> HTTPResponse:
    """One of them. Raises NotFound."""
    return await FILES.answer(request, name)
