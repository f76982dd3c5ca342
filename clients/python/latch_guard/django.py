"""Django: a middleware and a decorator, each for WSGI and ASGI, `def` and `async def`.

Settings: `LATCH_URL`; `LATCH_PUBLIC`, paths that need no token; `LATCH_TIMEOUT`, in seconds, 1 if there is none.
"""

from collections.abc import Awaitable, Callable
from functools import cache, wraps
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings  # type: ignore[import-untyped]
from django.core.handlers.asgi import ASGIRequest  # type: ignore[import-untyped]
from django.http import HttpRequest, HttpResponse  # type: ignore[import-untyped]

from latch_guard.clients import AsyncGuard, Guard
from latch_guard.judgement import Identity, Outcome

View = Callable[..., Any]


@cache
def _guard() -> Guard:
    return Guard(settings.LATCH_URL, timeout=getattr(settings, "LATCH_TIMEOUT", 1.0))


@cache
def _async_guard() -> AsyncGuard:
    return AsyncGuard(settings.LATCH_URL, timeout=getattr(settings, "LATCH_TIMEOUT", 1.0))


class LatchMiddleware:
    """Lets only live tokens through, with their Identity in `request.latch`.

    `LATCH_PUBLIC` is compared exactly: a prefix would meet `..` and `//` one day.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: View) -> None:
        self._get_response = get_response
        self._public = frozenset(getattr(settings, "LATCH_PUBLIC", ()))
        self._let_in = latch_required(get_response)
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """The response, or what waits for it."""
        return self._get_response(request) if request.path in self._public else self._let_in(request)


def latch_required(view: View) -> View:
    """A view that only live tokens reach, with their Identity in `request.latch`."""
    return _async(view) if iscoroutinefunction(view) else _sync(view)


def _sync(view: View) -> View:
    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **options: Any) -> Any:
        refusal = _refusal(request, _guard().check(*_sent(request)))
        return view(request, *args, **options) if refusal is None else refusal

    return checked


def _async(view: View) -> View:
    @wraps(view)
    async def checked(request: HttpRequest, *args: Any, **options: Any) -> Any:
        refusal = _refusal(request, await _ask(request))
        return await view(request, *args, **options) if refusal is None else refusal

    return checked


def _ask(request: HttpRequest) -> Awaitable[Outcome]:
    """Below WSGI an async view runs in an event loop of its own, which ends with the request: nothing to keep there."""
    if isinstance(request, ASGIRequest):
        return _async_guard().check(*_sent(request))
    return sync_to_async(_guard().check)(*_sent(request))


def _sent(request: HttpRequest) -> tuple[str | None, str | None, str | None]:
    sent = request.headers
    return sent.get("Authorization"), sent.get("X-Request-ID"), sent.get("Accept-Language")


def _refusal(request: HttpRequest, outcome: Outcome) -> HttpResponse | None:
    """None where there is none, and the request knows its Identity."""
    if isinstance(outcome, Identity):
        request.latch = outcome
        return None
    return HttpResponse(outcome.body, status=outcome.status, headers=outcome.headers)
