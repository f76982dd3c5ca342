"""What is shown of an error where a page was asked for; whoever sends JSON or asks the API gets it in the envelope."""

from typing import Any
from urllib.parse import quote

import orjson
from sanic import HTTPResponse

from service.errors import NotLoggedIn
from service.http.console import is_page
from service.http.errors import STATUS, EnvelopeErrorHandler
from service.http.operators import MISDIRECTED
from service.http.requests import Request
from service.http.responses import JSON
from service.languages import LANGUAGE, N_, Language, gettext
from service.routes.console.pages import HEADERS, is_part, page, see_other

# A heading and a sentence for each error code of the contract that a page can meet.
TEXTS = {
    "invalid_request": (N_("This cannot be done so"), N_("Something in the request is not as it should be.")),
    "invalid_token": (N_("Please log in"), N_("Your session has ended.")),
    "login_failed": (N_("You were not let in"), N_("The log-in was not accepted.")),
    "forbidden": (N_("Not allowed"), N_("Your role does not reach, or the form is not one of this page.")),
    "mobile_taken": (N_("The number is taken"), N_("Another user has the number.")),
    "not_found": (N_("Not found"), N_("There is nothing at this address.")),
    "method_not_allowed": (N_("Not found"), N_("There is nothing at this address.")),
    "payload_too_large": (N_("Too much"), N_("What was sent is too large.")),
    "too_many_requests": (N_("Too many tries"), N_("Please wait a little, and try again.")),
    "service_unavailable": (
        N_("A store is away"),
        N_("Redis or the database does not answer, so this is not known or not done. Please try again."),
    ),
}
OTHER = (N_("Something went wrong"), N_("The log has more, under the number below."))


class PageErrorHandler(EnvelopeErrorHandler):
    """The same table of statuses and sentences as everywhere, made into a page for people."""

    @staticmethod
    def language_of(request: Request) -> Language:
        """A page speaks as its visitor has chosen, and the API as its caller asks."""
        return LANGUAGE.get() if is_page(request) else EnvelopeErrorHandler.language_of(request)

    def default(self, request: Request, exception: Exception) -> HTTPResponse:  # type: ignore[override]
        """Answer whatever was raised."""
        answer = super().default(request, exception)
        is_data = request.raw.head.header(b"content-type").startswith(JSON)
        if is_data or answer.status == MISDIRECTED or not is_page(request):  # under another name there are no pages
            return answer
        if isinstance(exception, NotLoggedIn):
            return _to_the_log_in(request)
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-type"}
        shown = _failure(request, answer.status, orjson.loads(answer.body or b"{}"))
        shown.headers.update(headers)
        return shown


def _to_the_log_in(request: Request) -> HTTPResponse:
    """Where a link of another site led here the browser has kept the cookie back: it asks again from our own page."""
    header = request.raw.head.header
    if request.method == "GET" and header(b"sec-fetch-site") == "cross-site":
        return page(request, "again.html", path_again=request.path)
    back = request.path if request.method == "GET" and not is_part(request) else "/"
    address = f"/log-in?next={quote(back)}"
    if header(b"hx-request"):  # a whole page is due, with scripts of its own
        return HTTPResponse(status=STATUS[NotLoggedIn.code], headers={**HEADERS, "hx-redirect": address})
    return see_other(address)


def _failure(request: Request, status: int, told: dict[str, Any]) -> HTTPResponse:
    heading, text = TEXTS.get(told.get("error", ""), OTHER)
    return page(
        request,
        "failure.html",
        status=status,
        heading=gettext(heading),
        text=gettext(text),
        detail=told.get("message", ""),
        fields=told.get("fields", {}),
        request_id=told.get("request_id", ""),
    )
