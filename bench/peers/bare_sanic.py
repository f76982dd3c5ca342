"""The yardstick, 1: a Sanic handler that answers a constant of the size of Latch's answer, and does nothing else."""

import os

from sanic import HTTPResponse, Request, Sanic, raw

BODY = os.environ["BODY"].encode()

app = Sanic("bare")


@app.get("/app/v1_0/authorizations")
async def check(_request: Request) -> HTTPResponse:
    return raw(BODY, content_type="application/json")


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ["PORT"]), single_process=True, access_log=False, motd=False)
