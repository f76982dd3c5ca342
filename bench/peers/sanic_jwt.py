"""Sanic and PyJWT, HS256: a token that says all itself, so that a check asks nobody, and nobody can revoke it."""

import os
import time

import jwt
from sanic import HTTPResponse, Request, Sanic, json

SECRET = os.environ["SECRET"]
LIFE = 3_600
SCHEME = "Bearer "

app = Sanic("jwt")


@app.post("/app/v1_0/authorizations")
async def log_in(request: Request) -> HTTPResponse:
    now = int(time.time())
    claims = {"sub": str(request.json["mobile"]), "iat": now, "exp": now + LIFE}
    return json({"token": jwt.encode(claims, SECRET, "HS256")})


@app.get("/app/v1_0/authorizations")
async def check(request: Request) -> HTTPResponse:
    token = request.headers.get("authorization", "").removeprefix(SCHEME)
    try:
        claims = jwt.decode(token, SECRET, ["HS256"], options={"require": ["exp", "sub"]})
    except jwt.InvalidTokenError:
        return json({"message": "invalid token"}, status=401)
    return json({"message": "ok", "data": {"user_id": claims["sub"], "expires_in": claims["exp"] - int(time.time())}})


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ["PORT"]), single_process=True, access_log=False, motd=False)
