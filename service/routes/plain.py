"""Requests read from their bytes: those to `/authorizations` that came whole, with nothing in them that needs more.

They are answered without a Sanic request (`direct.py`). Whatever is not exactly as it is here is for Sanic to judge.
"""

import re
from typing import NamedTuple, Self

from service.load import Kind
from service.routes import payloads
from service.routes.refusals import kind_of
from service.routes.requests import BASE_PATH

PATH = f"{BASE_PATH}/authorizations"
CHECK, REFRESH, LOGIN = "GET", "PUT", "POST"
LONGEST = 4096  # bytes; half of what Sanic takes
NOTHING = b"0"

# Every line is one header of printable ASCII; whatever is not is for Sanic to judge.
_HEAD = rb"%b " + re.escape(PATH.encode()) + rb" HTTP/1\.1\r\n(?:[A-Za-z0-9-]+:[ \t]*[\x21-\x7e][\x20-\x7e]*\r\n)*\r\n"
# Those that matter here, at the start of a line. Some are read, and of the others their presence alone matters.
_HEADERS = rb"\n(%b|transfer-encoding|expect|upgrade|origin):[ \t]*([^\r]*)"
_FOR_ALL = b"x-request-id|x-forwarded-for|connection|content-length"
_WITH_TOKEN = _FOR_ALL + b"|authorization"
_WITH_BODY = _FOR_ALL + b"|content-type|user-agent|x-device-name"


class _Way(NamedTuple):
    """How requests of one method look."""

    method: str
    head: re.Pattern[bytes]
    headers: re.Pattern[bytes]
    known: frozenset[bytes]
    kind: Kind | None

    @classmethod
    def of(cls, method: str, known: bytes) -> Self:
        head = re.compile(_HEAD % method.encode())
        headers = re.compile(_HEADERS % known, re.IGNORECASE)
        return cls(method, head, headers, frozenset(known.split(b"|")), kind_of(method, PATH))


_WAYS = {
    way.method.encode()[:3]: way
    for way in (_Way.of(CHECK, _WITH_TOKEN), _Way.of(REFRESH, _WITH_TOKEN), _Way.of(LOGIN, _WITH_BODY))
}


class Plain(NamedTuple):
    """One request. `sent` are the headers that matter, under their names in lower case."""

    method: str
    kind: Kind | None
    sent: dict[bytes, bytes]
    body: bytes

    @classmethod
    def of(cls, data: bytes) -> Self | None:
        """The request in these bytes, if they are one and nothing else."""
        way = _WAYS.get(data[:3])
        if way is None or len(data) > LONGEST or not (head := way.head.match(data)):
            return None
        end = head.end()
        found = way.headers.findall(data, 0, end)
        sent = {name.lower(): value for name, value in found}
        if len(sent) < len(found) or not way.known.issuperset(sent):
            return None
        plain = cls(way.method, way.kind, sent, data[end:])
        return plain if plain._is_usual else None

    @property
    def changes_state(self) -> bool:
        """Whether it must be done to its end though its client hangs up."""
        return self.method != CHECK

    def header(self, name: bytes) -> str:
        """What was sent under this name, or an empty string."""
        return self.sent.get(name, b"").decode("ascii")

    @property
    def _is_usual(self) -> bool:
        sent = self.sent
        if b"connection" in sent and sent[b"connection"].lower() != b"keep-alive":
            return False
        length = sent.get(b"content-length")
        if self.method == LOGIN:
            return length == b"%d" % len(self.body) and payloads.is_json(self.header(b"content-type"))
        return not self.body and (length is None or (self.method == REFRESH and length == NOTHING))
