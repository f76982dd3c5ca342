"""A connection that redis-py has opened, read by hand: answers in their order, or an end that everybody hears of."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
from redis.asyncio.connection import AbstractConnection, Connection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, ResponseError

from service.stores.redis.connection import Connection as OurConnection
from service.stores.redis.transport import RedisTransport
from tests.api.test_overload import until

OpenTransport = tuple[RedisTransport, AbstractConnection]


@pytest.fixture
async def open_transport(connection: OurConnection) -> AsyncIterator[OpenTransport]:
    """A transport to a real server."""
    made: Any = connection.redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    await made.connect()
    yield RedisTransport(made), made
    await asyncio.wait_for(made.disconnect(), 5)


@pytest.fixture
async def scripted() -> AsyncIterator[Callable[[bytes], Any]]:
    """What opens a transport to a server that answers as it is told, once, and then hangs up."""
    servers: list[asyncio.Server] = []
    made: list[Connection] = []

    async def to(answer: bytes) -> RedisTransport:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(answer)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        port = server.sockets[0].getsockname()[1]
        connection = Connection(host="127.0.0.1", port=port, protocol=2, driver_info=None)
        made.append(connection)
        await connection.connect()  # type: ignore[no-untyped-call]
        return RedisTransport(connection)

    yield to
    for connection in made:
        await connection.disconnect()
    for server in servers:
        server.close()


async def test_answers_are_told_in_their_order_and_refusals_are_exceptions(open_transport: OpenTransport) -> None:
    transport, _ = open_transport
    told: list[Any] = []
    await transport.send(b"PING\r\nNONSENSE\r\nECHO a\r\nGET none\r\n", 4, told.append)
    assert [told[0], *told[2:]] == [b"PONG", b"a", None]
    assert isinstance(told[1], ResponseError)
    await transport.send(b"PING\r\n", 1, told.append)
    assert told[4:] == [b"PONG"]
    assert transport.is_open


async def test_an_answer_longer_than_one_read_is_told_once_it_is_whole(open_transport: OpenTransport) -> None:
    transport, _ = open_transport
    told: list[Any] = []
    long = b"x" * 1_000_000
    await transport.send(b"*2\r\n$4\r\nECHO\r\n$%d\r\n%b\r\nPING\r\n" % (len(long), long), 2, told.append)
    assert told == [long, b"PONG"]


async def test_what_comes_unasked_cuts_the_connection(open_transport: OpenTransport) -> None:
    transport, _ = open_transport
    told: list[Any] = []
    with suppress(RedisConnectionError):  # where both come in one read
        await transport.send(b"PING\r\nPING\r\n", 1, told.append)
    await until(lambda: not transport.is_open)
    assert told == [b"PONG"]


async def test_an_answer_that_cannot_be_handed_on_cuts_the_connection_and_is_told(
    open_transport: OpenTransport,
) -> None:
    transport, _ = open_transport

    def refuse(_answer: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await transport.send(b"PING\r\nPING\r\n", 2, refuse)
    assert not transport.is_open


@pytest.mark.parametrize(
    ("rest", "error"),
    [(b"nonsense\r\n", InvalidResponse), (b"$5\r\nhal", RedisConnectionError)],
    ids=["no answer", "the end in the middle of one"],
)
async def test_who_waits_hears_of_what_comes_after_the_last_whole_answer(
    scripted: Callable[[bytes], Any], rest: bytes, error: type[Exception]
) -> None:
    transport = await scripted(b"+OK\r\n" + rest)
    told: list[Any] = []
    with pytest.raises(error):
        await transport.send(b"PING\r\n" * 3, 3, told.append)
    assert told == [b"OK"]
    assert not transport.is_open


async def test_a_caller_that_is_gone_is_no_fault(open_transport: OpenTransport) -> None:
    transport, _ = open_transport
    told: list[Any] = []
    caller = asyncio.create_task(transport.send(b"PING\r\n", 1, told.append))
    await asyncio.sleep(0)
    caller.cancel()
    await until(lambda: told == [b"PONG"])
    assert transport.is_open


async def test_redis_pys_own_end_is_heard_of(open_transport: OpenTransport) -> None:
    transport, connection = open_transport
    await asyncio.wait_for(connection.disconnect(), 5)
    assert not transport.is_open
    with pytest.raises(RedisConnectionError):
        await transport.send(b"PING\r\n", 1, [].append)
