"""`/admin/v1/operators` and `/admin/v1/keys`: who may ask the private listener. For owners."""

from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.http.guards import changes_state
from service.http.operators import PATH, described
from service.http.requests import Request
from service.http.responses import created, nothing, ok
from service.roles import LINK_LIFE, Role
from service.routes.admin import payloads
from service.routes.openapi import holder_documents

operators = Blueprint("operators", url_prefix=f"{PATH}/operators")
keys = Blueprint("keys", url_prefix=f"{PATH}/keys")


@operators.get("/", ctx_role=Role.OWNER)
@openapi.definition(**holder_documents.LIST_OPERATORS)
async def list_operators(request: Request) -> HTTPResponse:
    """All of them, by name."""
    return ok({"operators": [described(operator) for operator in await request.app.ctx.operators.all()]})


@operators.post("/", ctx_role=Role.OWNER)
@openapi.definition(**holder_documents.ADD_OPERATOR)
@changes_state
async def add_operator(request: Request) -> HTTPResponse:
    """Add a person, with the link to enrol by."""
    name, role = payloads.entry(request)
    link = await request.app.ctx.operators.add(name, role)
    return created({"name": name, "role": role.value, "link": link, "expires_in": LINK_LIFE if link else 0})


@operators.post("/<name>/link", ctx_role=Role.OWNER)
@openapi.definition(**holder_documents.LINK_OPERATOR)
@changes_state
async def link_operator(request: Request, name: str) -> HTTPResponse:
    """A new link, for a lost passkey."""
    return created({"link": await request.app.ctx.operators.link(name), "expires_in": LINK_LIFE})


@operators.delete("/<name>", ctx_role=Role.OWNER)
@openapi.definition(**holder_documents.REMOVE_OPERATOR)
@changes_state
async def remove_operator(request: Request, name: str) -> HTTPResponse:
    """Remove a person."""
    await request.app.ctx.operators.remove(name)
    return nothing()


@keys.get("/", ctx_role=Role.OWNER)
@openapi.definition(**holder_documents.LIST_KEYS)
async def list_keys(request: Request) -> HTTPResponse:
    """All of them, by name; never the keys themselves."""
    return ok({"keys": [described(key) for key in await request.app.ctx.keys.all()]})


@keys.post("/", ctx_role=Role.OWNER)
@openapi.definition(**holder_documents.ADD_KEY)
@changes_state
async def add_key(request: Request) -> HTTPResponse:
    """Make a key, which is told this once."""
    name, role = payloads.entry(request)
    return created({"name": name, "role": role.value, "key": await request.app.ctx.keys.add(name, role)})


@keys.delete("/<name>", ctx_role=Role.OWNER)
@openapi.definition(**holder_documents.REMOVE_KEY)
@changes_state
async def remove_key(request: Request, name: str) -> HTTPResponse:
    """Let a key open nothing any more."""
    await request.app.ctx.keys.remove(name)
    return nothing()
