"""`/captcha`: a challenge of the captcha that Latch verifies itself."""

import orjson
from sanic import Blueprint
from sanic_ext import openapi

from service.captchas import Altcha
from service.errors import NotFound
from service.http.requests import BASE_PATH, Request
from service.http.responses import Answer
from service.routes.openapi import captcha_documents

captcha = Blueprint("captcha", url_prefix=f"{BASE_PATH}/captcha")


@captcha.get("/")
@openapi.definition(**captcha_documents.CAPTCHA)
async def give_challenge(request: Request) -> Answer:
    """Answer as altcha's own widget expects it, without the envelope."""
    gate = request.app.ctx.captcha
    if not isinstance(gate, Altcha):
        raise NotFound
    return Answer(orjson.dumps(gate.challenge()))
