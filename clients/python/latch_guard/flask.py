"""Flask: before each request, in front of `def` and `async def` views alike."""

from collections.abc import Collection

from flask import Blueprint, Flask, Response, g, request

from latch_guard.clients import Guard
from latch_guard.judgement import Identity


def protect(app: Flask | Blueprint, guard: Guard | str, public: Collection[str] = ()) -> None:
    """Let only live tokens through, with their Identity in `flask.g.latch`. Of a Blueprint its own routes alone.

    `public` paths need no token. They are compared exactly: a prefix would meet `..` and `//` one day.
    """
    asks = Guard(guard) if isinstance(guard, str) else guard

    # Blocking, in front of async views too: Flask runs each in an event loop of its own, which ends with the request,
    # and a connection would with it.
    def check() -> Response | None:
        if request.path in public:
            return None
        sent = request.headers
        outcome = asks.check(sent.get("Authorization"), sent.get("X-Request-ID"), sent.get("Accept-Language"))
        if isinstance(outcome, Identity):
            g.latch = outcome
            return None
        return Response(outcome.body, outcome.status, outcome.headers)

    app.before_request(check)
