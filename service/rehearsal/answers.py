"""Answers: how they are written, and those that come from anybody but Latch on the way to a client. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from service.http.responses import JSON

HTML = "text/html; charset=utf-8"
CORS = {"access-control-allow-origin": "*", "access-control-expose-headers": "retry-after, x-request-id"}


class Answer(NamedTuple):
    """A status, headers without those of the connection, and a body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def as_bytes(self) -> bytes:
        """As it goes out. Pages of any origin may read it: browsers rehearse too."""
        headers = {**self.headers, **CORS}
        if self.body or (self.status >= 200 and self.status != 204):  # noqa: PLR2004 - RFC 9110 section 8.6
            headers["content-length"] = str(len(self.body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} .\r\n{lines}\r\n".encode() + self.body


def of_json(status: int, value: object, **headers: str) -> Answer:
    """An answer in JSON. Underscores in the names of headers are hyphens."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, {"content-type": JSON, **named}, orjson.dumps(value))


def of_html(status: int, title: str, **headers: str) -> Answer:
    """What gateways, firewalls and portals answer."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Answer(status, {"content-type": HTML, **named}, page.encode())


def _refusal(status: int, error: str, **headers: str) -> Answer:
    body = {"message": "Please try again later.", "error": error, "request_id": "rehearsal-answer"}
    if "retry_after" in headers:
        body["retry_after"] = headers["retry_after"]
    return of_json(status, body, **headers)


NOTHING = Answer(204, {}, b"")
# By names that are read in a run's story.
FOREIGN: dict[str, Answer] = {
    "503 of Latch": _refusal(503, "service_unavailable", retry_after="0"),
    "503 of Latch, in a second": _refusal(503, "service_unavailable", retry_after="1"),
    "503 without a word": Answer(503, {}, b""),
    "503 in HTML": of_html(503, "Service Temporarily Unavailable"),
    "502 in HTML": of_html(502, "Bad Gateway"),
    "504 in HTML": of_html(504, "Gateway Time-out"),
    "500 in HTML": of_html(500, "Internal Server Error"),
    "408 in HTML": of_html(408, "Request Time-out"),
    "429": _refusal(429, "too_many_requests", retry_after="0"),
    "429 in HTML": of_html(429, "Too Many Requests", retry_after="0"),
    "403 in HTML": of_html(403, "Request blocked"),
    "401 in HTML": of_html(401, "Authorization Required"),
    "403 in a gateway's JSON": of_json(403, {"message": "Forbidden"}),
    "403 in JSON with a foreign error": of_json(403, {"error": "access_denied", "message": "Forbidden"}),
    "200 of a portal": of_html(200, "Welcome to our Wi-Fi"),
    "200 with nothing in it": Answer(200, {"content-type": JSON}, b""),
    "200 with half of a JSON": Answer(200, {"content-type": JSON}, b'{"message":"ok","data":{"token":"'),
    "200 with another JSON": of_json(200, {"code": 0, "msg": "success", "data": None}),
    "403 of the backend": of_json(403, {"error": "forbidden", "message": "Not yours."}),
    "403 of the backend, with an error of Latch's": of_json(403, {"error": "session_ended", "message": "No."}),
    "503 of the backend": of_json(503, {"error": "service_unavailable", "message": "Busy."}, retry_after="0"),
    "429 of the backend": of_json(429, {"error": "too_many_requests", "message": "Slowly."}, retry_after="0"),
    "500 of the backend": of_html(500, "Internal Server Error"),
    "401 of the backend": of_json(
        401, {"error": "invalid_token", "message": "No."}, www_authenticate='Bearer realm="backend"'
    ),
}
