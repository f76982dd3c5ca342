"""An append-only file that a loss of power has left damaged, and a real server that starts with it."""

import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from service.embedded import append_only
from service.embedded.redis_server import EmbeddedRedis, EmbeddedRedisError

SET = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\nnew\r\n"
ONE_GOOD = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n" + SET
BEGUN = b"*1\r\n$5\r\nMULTI\r\n" + SET  # what a transaction has written before its EXEC

Written = tuple[Path, bytes]


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="latch-") as name:
        yield Path(name).resolve()


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(folder, folder / "redis.sock")
    yield server
    server.stop()


@pytest.fixture
def written(server: EmbeddedRedis, folder: Path) -> Written:
    """The last file of a server that was stopped, and what is in it."""
    server.start()
    with Redis(unix_socket_path=str(folder / "redis.sock")) as client:
        client.set("k", "old")
        client.transaction(lambda pipe: pipe.set("a", "1").set("b", "2"))
    server.stop()
    [path] = (folder / "redis" / "appendonlydir").glob("*.incr.aof")
    return path, path.read_bytes()


@pytest.fixture
def read(folder: Path) -> Callable[[], list[bytes | None]]:
    def reader() -> list[bytes | None]:
        with Redis(unix_socket_path=str(folder / "redis.sock")) as client:
            return list(client.mget("k", "a", "b"))

    return reader


def damaged_copies(folder: Path) -> list[Path]:
    return list((folder / "redis").glob("*.damaged"))


@pytest.mark.parametrize(
    "tail",
    [
        b"\0",
        bytes(4096),
        bytes(65536),
        bytes(100) + b"\xffgarbage\r\n\x93",
        b"\xffgarbage" + bytes(512),
        b"\r\n",
        SET[:-4] + bytes(512),
        BEGUN + bytes(512),
        BEGUN + SET[:20] + bytes(1),
    ],
    ids=[
        "one zero",
        "a block of zeros",
        "many zeros",
        "zeros and garbage",
        "garbage and zeros",
        "a line end",
        "half a command and zeros",
        "half a transaction and zeros",
        "half of both and a zero",
    ],
)
def test_what_is_damaged_at_the_end_is_cut_off_and_kept_aside(
    tail: bytes,
    folder: Path,
    server: EmbeddedRedis,
    written: Written,
    read: Callable[[], list[bytes | None]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    path, good = written
    path.write_bytes(good + tail)
    with caplog.at_level(logging.WARNING):
        server.start()
    assert read() == [b"old", b"1", b"2"]
    [copy] = damaged_copies(folder)
    assert copy.read_bytes() == good + tail
    assert copy.stat().st_mode & 0o077 == 0
    [told] = [record.getMessage() for record in caplog.records]
    assert f"{len(tail)} of its {len(good) + len(tail)} bytes were cut off" in told
    assert str(copy) in told


def test_a_transaction_that_was_cut_in_two_before_the_zeros_is_undone_as_a_whole(
    folder: Path, server: EmbeddedRedis, written: Written, read: Callable[[], list[bytes | None]]
) -> None:
    path, good = written
    end = good.index(b"*1\r\n$4\r\nEXEC")
    path.write_bytes(good[:end] + bytes(64))
    server.start()
    assert read() == [b"old", None, None]
    assert len(damaged_copies(folder)) == 1


def test_a_file_that_was_only_cut_short_is_the_servers_own_business(
    folder: Path, server: EmbeddedRedis, written: Written, read: Callable[[], list[bytes | None]]
) -> None:
    path, good = written
    path.write_bytes(good + SET[:-4])
    server.start()
    assert read() == [b"old", b"1", b"2"]
    assert not damaged_copies(folder)


def test_zeros_with_whole_commands_behind_them_are_left_to_a_person_who_is_told_the_command(
    folder: Path, server: EmbeddedRedis, written: Written
) -> None:
    path, good = written
    damaged = good + bytes(64) + SET
    path.write_bytes(damaged)
    with pytest.raises(EmbeddedRedisError, match="with good data behind it, and was left as it is") as refused:
        server.start()
    assert f"from byte {len(good)} on" in str(refused.value)
    assert f"--fix {path}" in str(refused.value)
    assert "exec -a valkey-check-aof" in str(refused.value)
    assert path.read_bytes() == damaged
    assert not damaged_copies(folder)


def test_a_damaged_base_is_left_as_it_is_and_the_way_out_is_told(
    folder: Path, server: EmbeddedRedis, written: Written
) -> None:
    path, good = written
    [base] = path.parent.glob("*.base.rdb")
    damaged = base.read_bytes()[:-20] + bytes(20)
    base.write_bytes(damaged)
    with pytest.raises(EmbeddedRedisError, match="is damaged, and was left as it is") as refused:
        server.start()
    assert str(base) in str(refused.value)
    assert f"mv {base.parent} {base.parent}.damaged" in str(refused.value)
    assert (base.read_bytes(), path.read_bytes()) == (damaged, good)


def test_without_room_for_a_copy_nothing_is_cut_off(
    server: EmbeddedRedis, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path, good = written
    path.write_bytes(good + bytes(10))
    monkeypatch.setattr(append_only, "_copy", no_room)
    with pytest.raises(EmbeddedRedisError, match="cannot be copied before it is mended"):
        server.start()
    assert path.read_bytes() == good + bytes(10)


@pytest.mark.parametrize(
    ("tail", "is_more"),
    [
        (bytes(9), False),
        (SET[:-4], False),
        (SET + SET[:9] + bytes(9), False),
        (bytes(9) + SET, True),
        (SET[:-4] + bytes(9) + SET, True),
        (b"*1\r\n$99\r\nx" + bytes(9) + ONE_GOOD, True),
    ],
)
def test_commands_count_where_they_stand_behind_damage_and_not_before(tail: bytes, is_more: bool) -> None:  # noqa: FBT001
    assert append_only.holds_commands_behind_the_damage(tail) is is_more
