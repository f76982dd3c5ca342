"""Headers for browser apps on other origins, where Sanic makes no answer; to its own sanic-ext adds the same."""

from functools import lru_cache

from service.http.requests import App

Headers = tuple[tuple[str, str], ...]


def cors_headers(app: App, origin: str) -> Headers:
    """What an answer to a page of this origin carries, in order; nothing where CORS_ORIGINS does not name it."""
    allowed = app.ctx.settings.cors_origins
    return _of(allowed, origin, tuple(app.ctx.cors.expose_headers)) if allowed and origin else ()


@lru_cache(maxsize=256)
def _of(allowed: tuple[str, ...], origin: str, exposed: tuple[str, ...]) -> Headers:
    if origin not in allowed and "*" not in allowed:
        return ()
    return (
        ("access-control-allow-origin", origin),
        ("access-control-expose-headers", ",".join(exposed)),
        ("vary", "origin"),
    )
