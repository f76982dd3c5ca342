"""`/forward-auth`: the check of `GET /authorizations`, for gateways that keep their client's method and path.

Below it nothing is ever done but looking: `DELETE /forward-auth/authorizations` logs nobody out.
"""

from sanic import Blueprint
from sanic_ext import openapi

from service.http import fastpath
from service.http.fastpath import ANY, FastRoute
from service.http.requests import BASE_PATH
from service.routes.authorizations import check
from service.routes.openapi import documents
from service.runtime.admission import RequestClass

PATH = f"{BASE_PATH}/forward-auth"

forward_auth = Blueprint("forward_auth", url_prefix=PATH)

FORWARD_AUTH = FastRoute(ANY, PATH, RequestClass.SESSIONS, check)

fastpath.add_to(forward_auth, FORWARD_AUTH, openapi.definition(**documents.FORWARD_AUTH))
