"""`/static/...`: the style sheet, the scripts and the picture that pages name. Read once, named by what is in them."""

import hashlib
from pathlib import Path

from sanic import Blueprint, HTTPResponse

from service.errors import NotFound
from service.http.requests import Request

FOLDER = Path(__file__).parent / "static"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
FILES = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}
HEADERS = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}

static = Blueprint("console_static", url_prefix="/static")


def address(name: str) -> str:
    """Where a file is, with its version, so that browsers keep it until there is another."""
    return f"/static/{name}?v={hashlib.sha256(FILES[name]).hexdigest()[:12]}"


@static.get("/<name>", ctx_open=True)
async def file(_request: Request, name: str) -> HTTPResponse:
    """One of them. Raises NotFound."""
    if name not in FILES:
        raise NotFound
    return HTTPResponse(FILES[name], headers=HEADERS, content_type=TYPES[Path(name).suffix])
