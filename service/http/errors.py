"""From errors to answers: the one table of statuses, and the handler that Sanic calls for whatever was raised."""

import asyncio
import logging
from typing import Any

from sanic import HTTPResponse
from sanic.constants import HTTP_METHODS
from sanic.exceptions import SanicException
from sanic.handlers import ErrorHandler

from service.errors import (
    InvalidClient,
    InvalidRequest,
    InvalidToken,
    NotFound,
    ServiceError,
    ServiceUnavailable,
    SessionEnded,
    TooManyRequests,
    UnsupportedMediaType,
)
from service.http import localized
from service.http.requests import Request, request_id
from service.http.responses import Answer, failure
from service.languages import N_, Language, translated

STATUS = {
    "invalid_request": 400,
    "invalid_code": 400,
    "invalid_token": 401,
    "invalid_client": 401,
    "session_ended": 401,  # 403 on a refresh, see REFRESH_STATUS
    "invalid_refresh_token": 403,
    "user_disabled": 403,
    "not_logged_in": 403,  # of a browser, for which RFC 9110 knows no challenge: a 401 would need one
    "login_failed": 403,
    "forbidden": 403,
    "captcha_required": 403,
    "mobile_taken": 409,
    "not_found": 404,
    "method_not_allowed": 405,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "too_many_requests": 429,
    "internal_error": 500,
    "sms_unavailable": 503,
    "service_unavailable": 503,
}
# The apps in the field refresh on every 401: a 401 from the refresh itself would make them loop.
REFRESH_STATUS = {"session_ended": 403}
# What is refused before it reaches a route. Any other 4xx of Sanic's is an `invalid_request`.
REFUSALS = {
    408: (InvalidRequest.code, N_("The request did not come whole in time.")),
    404: (NotFound.code, NotFound.message),
    405: ("method_not_allowed", N_("This address does not take this method.")),
    421: (InvalidRequest.code, N_("Nothing is served under this host name here.")),
    413: ("payload_too_large", N_("The request is too large.")),
    431: ("payload_too_large", N_("The head of the request is too large.")),
    415: (UnsupportedMediaType.code, UnsupportedMediaType.message),
    503: (ServiceUnavailable.code, ServiceUnavailable.message),
}
REALM = 'Bearer realm="latch"'
BASIC = 'Basic realm="latch", charset="UTF-8"'

log = logging.getLogger(__name__)


class EnvelopeErrorHandler(ErrorHandler):
    """Puts every error in the envelope, also those of requests that never reached a route."""

    def default(self, request: Request, exception: Exception) -> HTTPResponse:  # type: ignore[override]
        """Answer whatever was raised."""
        language = self.language_of(request)
        if isinstance(exception, asyncio.CancelledError):  # the client went away in the middle of its request
            return answer_to(InvalidRequest(), request_id(request), language)
        if isinstance(exception, SanicException) and exception.status_code != STATUS["internal_error"]:
            return _refusal(request, exception, language)
        return answer_to_any(exception, request_id(request), language)

    @staticmethod
    def language_of(request: Request) -> Language:
        """The language that a failure is told in. Nothing else is, so no request that goes well asks for it."""
        return localized.asked_for(request.app, request.raw.head)

    @staticmethod
    def log(request: Request, exception: Exception) -> None:  # type: ignore[override]
        """Sanic's own logging of exceptions would repeat ours, and print addresses with numbers in them."""


def answer_to_any(error: Exception, sent_id: str, language: Language) -> Answer:
    """What a request is answered where this was raised: what is no ServiceError is a bug of ours."""
    if isinstance(error, ServiceError):
        return answer_to(error, sent_id, language)
    log.error("unexpected %s", type(error).__name__, exc_info=error)
    text = translated(ServiceError.message, language)
    return failure(sent_id, STATUS["internal_error"], ServiceError.code, text, language)


def answer_to(error: ServiceError, sent_id: str, language: Language) -> Answer:
    """What a request of this id is answered, in its language."""
    refreshing = isinstance(error, SessionEnded) and error.refreshing
    status = (REFRESH_STATUS if refreshing else STATUS)[error.code]
    headers: dict[str, str] = {}
    extra: dict[str, Any] = {}
    if status == STATUS["invalid_token"]:
        headers["WWW-Authenticate"] = _challenge(error)
    if isinstance(error, InvalidRequest) and error.fields:
        extra["fields"] = {name: translated(text, language) for name, text in error.fields.items()}
    if isinstance(error, SessionEnded):
        extra["reason"] = error.reason
    if isinstance(error, TooManyRequests | ServiceUnavailable):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, UnsupportedMediaType) and error.is_encoded:
        headers["Accept-Encoding"] = "identity"  # RFC 9110 section 15.5.16
    if isinstance(error, TooManyRequests):
        extra["retry_after"] = error.retry_after
    texts = [error.message, *getattr(error, "__notes__", ())]  # what was done all the same
    text = " ".join(translated(one, language) for one in texts)
    return failure(sent_id, status, error.code, text, language, headers=headers, extra=extra)


def refusal_of(status: int, sent_id: str, language: Language, *, has_body: bool = True) -> Answer:
    """What is answered to bytes that are no request, to one that is too large, and to one that does not come whole."""
    code, message = REFUSALS.get(status, (InvalidRequest.code, InvalidRequest.message))
    text = translated(message, language)
    return failure(sent_id, status, code, text, language) if has_body else Answer(status=status)


def _challenge(error: ServiceError) -> str:
    """RFC 6750 section 3: no error attribute where no token was sent. A client hears of the scheme that it has used.

    The description is for developers, and of ASCII alone: it is not translated.
    """
    if isinstance(error, InvalidClient) and error.scheme != "bearer":
        return BASIC if error.scheme == "basic" else f"{REALM}, {BASIC}"
    if isinstance(error, InvalidToken) and not error.sent:
        return REALM
    return f'{REALM}, error="invalid_token", error_description="{error.message}"'


def _refusal(request: Request, exception: SanicException, language: Language) -> HTTPResponse:
    status = exception.status_code
    shown = status if status in REFUSALS else STATUS[InvalidRequest.code]
    answer = refusal_of(shown, request_id(request), language)
    if status == STATUS["method_not_allowed"]:
        answer.headers["Allow"] = ", ".join(method for method in HTTP_METHODS if _takes(request, method))
    if status == STATUS[ServiceUnavailable.code]:
        answer.headers["Retry-After"] = str(ServiceUnavailable.retry_after)
    return answer


def _takes(request: Request, method: str) -> bool:
    """Whether the address takes the method. Sanic's own list is missing where the address holds a parameter."""
    try:
        route, _, _ = request.app.router.get(request.path, method, None)
    except SanicException:
        return False
    return not getattr(route.ctx, "refuses", False)
