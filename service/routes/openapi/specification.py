"""The whole OpenAPI document of a listener, made from what its routes say of themselves (`@openapi.definition`).

A new route needs an `operation(...)` (on the private listener `told(...)`) in one of the files here, and its tag in
the `tags` of its `About`. Schemas are written where they are used; those with a title become components
(`components.py`).
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sanic_ext.extensions.openapi.builders import OperationStore
from sanic_routing.route import Route

from service import VERSION
from service.http.requests import App
from service.routes.openapi.components import Components

OPENAPI = "3.0.3"  # not 3.1: generators for Go, Kotlin and Swift know this one whole
LICENSE = {"name": "MIT", "url": "https://spdx.org/licenses/MIT.html"}
ANSWERS = """\
A success is `{"message": "ok", "data": {...}}`; a failure is `{"message", "error", "request_id"}`.
`message` and `fields` are for people, in the language of `Accept-Language` (`en`, `zh-CN`), which `Content-Language`
names; `error` and `reason` are for programs, and the same in every language."""
UNDESCRIBED = {"HEAD", "OPTIONS"}  # HEAD is where GET is
PARAMETER = re.compile("<([a-z_]+)(?::[a-z]+)?>")


class About(NamedTuple):
    """What stands above a document: its texts, the nouns of the API, how callers say who they are, and where it is.

    Behind `description` goes what all answers have in common. `address` returns what stands in `servers`; an empty text
    is the place where the document came from.
    """

    title: str
    description: str
    tags: dict[str, str]
    schemes: dict[str, dict[str, str]]
    address: Callable[[App], str]


def specification(app: App, about: About) -> dict[str, Any]:
    """The document. Raises ValueError where two things have one name."""
    components = Components()
    description = f"{about.description}\n{ANSWERS}"
    paths: dict[str, dict[str, Any]] = {}
    for path, method, operation in _operations(app):
        paths.setdefault(path, {})[method] = components.lift(operation)
    return {
        "openapi": OPENAPI,
        "info": {"title": about.title, "version": VERSION, "description": description, "license": LICENSE},
        "servers": [{"url": about.address(app) or ".."}],  # relative to /docs/openapi.json
        "tags": [{"name": name, "description": text} for name, text in about.tags.items()],
        "paths": paths,
        "components": {**components.found, "securitySchemes": about.schemes},
    }


def _operations(app: App) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and description of each route that has one, in the order of the routes."""
    described = OperationStore()  # type: ignore[no-untyped-call]
    for route in app.router.routes:
        if route.handler in described and hasattr(described[route.handler], "operationId"):
            operation = {"security": [], **described[route.handler].build().serialize()}  # none, said as such
            for method in sorted(route.methods - UNDESCRIBED):
                yield _path(route), method.lower(), operation


def _path(route: Route) -> str:
    return "/" + PARAMETER.sub(r"{\1}", route.path).rstrip("/")
