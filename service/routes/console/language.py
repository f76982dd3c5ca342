"""`/language`: the choice of a language, which the browser keeps."""

from sanic import Blueprint, HTTPResponse

from service.http import localized
from service.http.console import field
from service.http.requests import Request
from service.languages import Language
from service.routes.console.pages import own_path, see_other

language = Blueprint("console_language")


@language.post("/language", ctx_open=True)
async def choose(request: Request) -> HTTPResponse:
    """Remember it, and show the page again that the form stood on."""
    response, tag = see_other(own_path(field(request, "back"))), field(request, "language")
    if tag in set(Language):
        localized.remember(response, Language(tag))
    return response
