"""Bytes are cut into requests as llhttp cuts them, and as the contract does where it is stricter."""

import random

import pytest

from service.http.chunked import LINE_LIMIT, SPENT_LIMIT
from service.http.head import BODY_LIMIT, HEAD_LIMIT, METHODS, ProtocolError, RawRequest
from service.http.reader import RequestReader
from tests.http.judge import WRONG, judge, sequences

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


def read(*pieces: bytes) -> tuple[list[RawRequest], int]:
    """The requests in these pieces, and the status of what is refused, or 0."""
    reader, found = RequestReader(), []
    try:
        for piece in pieces:
            reader.unread += piece
            while request := reader.next():
                found.append(request)
                if request.head.is_last:
                    return found, 0
    except ProtocolError as error:
        return found, error.status
    return found, 0


@pytest.mark.parametrize("seed", range(8))
def test_llhttp_sees_the_same_requests(seed: int) -> None:
    for data in sequences(seed, 120):
        verdict = judge(data)
        found, status = read(data)
        known = [request for request in found if request.head.method in METHODS]
        assert len(known) == len(verdict.requests), data
        assert verdict.refused or (status == 0 and found == known), data


def test_it_matters_nowhere_how_bytes_are_cut() -> None:
    source = random.Random(7)
    for data in sequences(99, 12):
        whole = read(data)
        for cut in range(1, len(data)):
            assert read(data[:cut], data[cut:]) == whole, (data, cut)
        byte_by_byte = [data[n : n + 1] for n in range(len(data))]
        assert read(*byte_by_byte) == whole
        some = sorted(source.sample(range(len(data)), min(5, len(data))))
        assert read(*(data[a:b] for a, b in zip([0, *some], [*some, len(data)], strict=True))) == whole


@pytest.mark.parametrize(("right", "wrong"), WRONG[:21])
def test_what_can_be_read_in_two_ways_is_refused(right: bytes, wrong: bytes) -> None:
    good = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    found, status = read(good.replace(right, wrong, 1) + good)
    assert (found, status) == ([], 400) or (b"1234567" in wrong and status == 413)


def test_bodies_are_decoded() -> None:
    chunked = b'3;a="b\\"c";d\r\n{"a\r\n0004\r\n":1}\r\n0;x\r\nX-Trailer: 1\r\n\r\n'
    for framed in (b'Content-Length: 7\r\n\r\n{"a":1}', b"Transfer-Encoding: chunked\r\n\r\n" + chunked):
        [request], status = read(HEAD + framed)
        assert (request.body, status) == (b'{"a":1}', 0)


@pytest.mark.parametrize(
    "body",
    [
        b"5 \r\n12345\r\n0\r\n\r\n",
        b"0x5\r\n12345\r\n0\r\n\r\n",
        b"+5\r\n12345\r\n0\r\n\r\n",
        b"5\n12345\r\n0\r\n\r\n",
        b"5\r\n123456\r\n0\r\n\r\n",
        b"5\r\n12345\n0\r\n\r\n",
        b"5;\r\n12345\r\n0\r\n\r\n",
        b"\r\n5\r\n12345\r\n0\r\n\r\n",
        b"0\r\nContent-Length: 5\r\n\r\n",
        b"0\r\ntransfer-encoding: chunked\r\n\r\n",
        b"0\r\nA : b\r\n\r\n",
        b"0\r\nA: b\r\n c\r\n\r\n",
        b"ffffffffffffffff5\r\n12345\r\n0\r\n\r\n",
    ],
)
def test_chunks_that_llhttp_refuses_are_refused(body: bytes) -> None:
    data = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body
    assert judge(data).refused or b"ffff" in body
    found, status = read(data)
    assert not found
    assert status in {400, 413}


def test_bodies_and_heads_have_bounds() -> None:
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    at_most = b"x" * BODY_LIMIT
    assert read(HEAD + b"Content-Length: %d\r\n\r\n" % BODY_LIMIT + at_most)[0][0].body == at_most
    assert read(chunked + b"%x\r\n" % BODY_LIMIT + at_most + b"\r\n0\r\n\r\n")[0][0].body == at_most
    for data in (
        HEAD + b"Content-Length: %d\r\n\r\n" % (BODY_LIMIT + 1),
        HEAD + b"Content-Length: %s\r\n\r\n" % (b"9" * 5000),
        chunked + b"%x\r\n" % (BODY_LIMIT + 1),
        chunked + (b"1000\r\n" + b"x" * 4096 + b"\r\n") * 5,
        chunked + b"1;" + b"a" * LINE_LIMIT,
        chunked + (b"1;" + b"a" * 1000 + b"\r\nx\r\n") * (SPENT_LIMIT // 1000),
        chunked + b"0\r\nA: " + b"x" * BODY_LIMIT,
    ):
        assert read(data) == ([], 413), data[:100]
    line = b"GET / HTTP/1.1\r\nHost: x\r\nCookie: %b\r\n\r\n"
    padding = HEAD_LIMIT - len(line % b"")
    assert read(line % (b"x" * padding))[1] == 0
    assert read(line % (b"x" * (padding + 1))) == ([], 431)
    assert read((line % (b"x" * HEAD_LIMIT))[: HEAD_LIMIT + 1]) == ([], 431)


def test_what_is_no_request_is_refused_before_its_end() -> None:
    for data in (b"GET / HTTP/1.1\n", b"\x16\x03\x01\x00\xa5\x01\x00\x00", b"GET / HTTP/1.1\r\nA: b\rc", b"\n"):
        assert read(data) == ([], 400), data


def test_zeros_before_a_length_are_put_up_with() -> None:
    assert read(HEAD + b"Content-Length: 0000000000000002\r\n\r\n{}")[0][0].body == b"{}"


def test_sanic_is_handed_the_same_request_with_nothing_of_the_connection() -> None:
    lines = b"Host: x\r\nTransfer-Encoding: chunked\r\nUpgrade: h2c\r\nExpect: 100-continue\r\nTE: trailers\r\nA: b\r\n"
    [request], _ = read(b"POST /x?y HTTP/1.1\r\nConnection: upgrade\r\n" + lines + b"\r\n2\r\n{}\r\n0\r\n\r\n")
    handed = b"POST /x?y HTTP/1.1\r\nhost: x\r\na: b\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\n{}"
    assert request.head.with_body(request.body) == handed
