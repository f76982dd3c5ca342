"""llhttp, by way of httptools, as the judge of what is a request; and sequences of requests, right and wrong."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import httptools

from tests.client import BASE

VERSION = re.compile(rb"\A[^ \r\n]+ [^ \r\n]+ HTTP/1\.[01]\r\n")
FIELD = re.compile(rb"^([^:\r\n]+):[ \t]*([^\r\n]*?)[ \t]*\r$", re.MULTILINE)
HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=:%\[\]-]*")


@dataclass
class Verdict:
    """The requests that are to be answered, and whether something comes after them that is none."""

    requests: list[bytes] = field(default_factory=list)
    refused: bool = False
    closed: bool = False  # a request asks for the end of the connection


class _Listener:
    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.ends = 0
        self.keeps_alive = True

    def on_message_complete(self) -> None:
        self.ends += 1
        self.keeps_alive = self.parser.should_keep_alive()


def judge(data: bytes) -> Verdict:
    """What llhttp says, and the contract (section 1.2) where it is stricter."""
    verdict, listener = Verdict(), _Listener()
    start = 0
    for end in range(1, len(data) + 1):
        try:
            listener.parser.feed_data(data[end - 1 : end])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            verdict.refused = not verdict.closed
            return verdict
        if listener.ends > len(verdict.requests):
            request, start = data[start:end], end
            if not meets_the_contract(request):
                verdict.refused = True
                return verdict
            verdict.requests.append(request)
            if not listener.keeps_alive:
                verdict.closed = True
                return verdict
    rest = data[start:].lstrip(b"\r\n")
    head = data[start:].partition(b"\r\n\r\n")
    verdict.refused = bool(rest and head[1] and not meets_the_contract(head[0] + head[1])) or bare(data[start:])
    return verdict


def bare(data: bytes) -> bool:
    """Whether a line ends otherwise than a line should, in what has come of a head."""
    head = data.partition(b"\r\n\r\n")[0]
    return bool(re.search(rb"(?<!\r)\n|\r(?!\n|\Z)|\x00", head)) and not re.match(rb"(\r\n)*\Z", head)


def meets_the_contract(request: bytes) -> bool:
    """Where llhttp is laxer: one Host, one coding, one length, one space, line ends."""
    request = re.sub(rb"\A(\r\n)+", b"", request)
    head = request.partition(b"\r\n\r\n")[0] + b"\r\n"
    if not VERSION.match(head) or re.search(rb"(?<!\r)\n|\r(?!\n)|\x00", head):
        return False
    fields = [(name.lower(), value) for name, value in FIELD.findall(head)]
    hosts = [value for name, value in fields if name == b"host"]
    codings = [value.lower() for name, value in fields if name == b"transfer-encoding"]
    lengths = [value for name, value in fields if name == b"content-length"]
    least = 1 if b" HTTP/1.1\r\n" in head else 0
    return (
        least <= len(hosts) <= 1
        and all(HOST.fullmatch(host) for host in hosts)
        and codings in ([], [b"chunked"])
        and len(codings) + len(lengths) <= 1
    )


def request_of(source: random.Random, number: int) -> bytes:
    """A request that is right, whatever it is answered."""
    method, path = source.choice(
        [
            ("GET", "/healthz"),
            ("HEAD", "/healthz"),
            ("GET", f"{BASE}/authorizations"),
            ("PUT", f"{BASE}/authorizations"),
            ("POST", f"{BASE}/authorizations"),
            ("DELETE", f"{BASE}/authorizations"),
            ("OPTIONS", f"{BASE}/authorizations"),
            ("GET", f"{BASE}/user"),
            ("GET", "/nothing?here=1"),
            ("POST", "/healthz"),
            ("PATCH", f"{BASE}/user/none"),
            ("PROPFIND", "/"),
            ("GET", f"http://x{BASE}/user"),
        ]
    )
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"X-Request-ID: r{number}"]
    lines += source.sample(["Accept: */*", "X-Odd:", "X-Tab: a\tb", "Authorization: Bearer x", "Origin: http://a"], 2)
    body = b""
    framing = source.random()
    if framing < 0.4:
        body = source.choice([b"", b"{}", b'{"mobile":"1"}', b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"])
        lines.append(f"{source.choice(['Content-Length', 'content-length'])}: {len(body)}")
    elif framing < 0.6:
        lines.append(source.choice(["Transfer-Encoding: chunked", "transfer-encoding: CHUNKED"]))
        body = source.choice(
            [b"0\r\n\r\n", b"2\r\n{}\r\n0\r\n\r\n", b'1;a="b"\r\n{\r\n01\r\n}\r\n00\r\nX-Trailer: 1\r\n\r\n']
        )
    source.shuffle(lines[1:])
    return "\r\n".join([*lines, "", ""]).encode() + body


WRONG = (
    (b"Host: x", b"Host : x"),
    (b"Host: x", b"Host\t: x"),
    (b"Host: x", b"Host: x\r\n folded"),
    (b"Host: x\r\n", b"Host: x\n"),
    (b"Host: x\r\n", b"Host: x\r"),
    (b"Host: x\r\n", b""),
    (b"Host: x", b"Host: x\r\nHost: x"),
    (b"Host: x", b"Host: a b"),
    (b"Host: x", b"Host: x\x00"),
    (b"Host: x", b"Host: x\r\nContent-Length: +2"),
    (b"Host: x", b"Host: x\r\nContent-Length: 2, 2"),
    (b"Host: x", b"Host: x\r\nContent-Length: 1\r\nContent-Length: 1"),
    (b"Host: x", b"Host: x\r\nContent-Length: 123456789012345678901"),
    (b"Host: x", b"Host: x\r\nTransfer-Encoding: gzip, chunked"),
    (b"Host: x", b"Host: x\r\nTransfer-Encoding: identity"),
    (b"Host: x", b"Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    (b"Host: x", b"Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5"),
    (b" HTTP/1.1\r\n", b" HTTP/2.0\r\n"),
    (b" HTTP/1.1\r\n", b" HTTP/1.1 \r\n"),
    (b" HTTP/1.1\r\n", b"  HTTP/1.1\r\n"),
    (b" HTTP/1.1\r\n", b"\r\n"),
    (b" HTTP/1.1\r\n", b" HTTP/1.0\r\n"),
    (b"Host: x", b"Connection: close\r\nHost: x"),
    (b"Host: x", b"Connection: Keep-Alive, x\r\nHost: x"),
    (b"\r\n\r\n", b"\r\n\r\n\r\n\r\n"),
    (b"\r\n\r\n", b"\n\n"),
)


def sequences(seed: int, count: int) -> Iterator[bytes]:
    """So many sequences of up to five requests; in most of them something is wrong somewhere."""
    source = random.Random(seed)
    for _ in range(count):
        requests = [request_of(source, number) for number in range(source.randint(1, 5))]
        if source.random() < 0.5:
            which = source.randrange(len(requests))
            requests[which] = requests[which].replace(*source.choice(WRONG), 1)
        data = b"".join(requests)
        if source.random() < 0.3:
            where = source.randrange(len(data))
            data = data[:where] + source.choice([b"", bytes([source.randrange(256)]), b"\r\n"]) + data[where + 1 :]
        yield source.choice([b"", b"", b"\r\n", b"\r\n\r\n"]) + data
