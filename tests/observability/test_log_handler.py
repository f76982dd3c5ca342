"""Log lines of one turn of an event loop leave in one write, whole and in order; none waits that should not."""

import asyncio
import logging
import threading
from collections.abc import Iterator

import pytest

from service.observability.log_handler import PIPE, LogHandler
from service.observability.redaction import is_suspicious, redact

log = logging.getLogger("tests.output")


class Stream:
    """Standard error that keeps what is written, write by write."""

    def __init__(self) -> None:
        self.writes: list[str] = []
        self.is_broken = False

    def write(self, text: str) -> None:
        if self.is_broken:
            raise BrokenPipeError
        self.writes.append(text)

    def flush(self) -> None:
        """All is out."""


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    stream = Stream()
    monkeypatch.setattr("sys.stderr", stream)
    return stream


@pytest.fixture
def handler(stream: Stream) -> Iterator[LogHandler]:
    handler = LogHandler()
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    yield handler
    log.removeHandler(handler)
    log.propagate = True
    log.setLevel(logging.NOTSET)


def test_without_a_loop_every_line_goes_at_once(handler: LogHandler, stream: Stream) -> None:
    log.info("one")
    log.info("two")
    assert stream.writes == ["one\n", "two\n"]


async def test_lines_of_one_turn_go_together_when_it_ends(handler: LogHandler, stream: Stream) -> None:
    handler.gather(asyncio.get_running_loop())
    for turn in ("first", "second"):
        log.info("one of the %s turn", turn)
        log.debug("two of the %s turn", turn)
        assert not [write for write in stream.writes if turn in write]
        await asyncio.sleep(0)
    assert stream.writes == [
        "one of the first turn\ntwo of the first turn\n",
        "one of the second turn\ntwo of the second turn\n",
    ]


@pytest.fixture
def redacting(stream: Stream) -> LogHandler:
    return LogHandler(redact, is_suspicious)


async def test_what_ends_a_line_and_begins_the_next_is_no_number(redacting: LogHandler, stream: Stream) -> None:
    redacting.gather(asyncio.get_running_loop())
    said = ["2026-11-26T08:57:31Z login user_id=139", "2026-11-26T08:57:31Z login user_id=198", "to 13800138000"]
    for line in said:
        redacting.write(line, at_once=False)
    await asyncio.sleep(0)
    assert stream.writes == ["\n".join([*said[:2], "to 138****8000", ""])]


async def test_a_warning_goes_at_once_behind_what_came_before_it(handler: LogHandler, stream: Stream) -> None:
    handler.gather(asyncio.get_running_loop())
    log.info("before")
    log.warning("something is wrong")
    assert stream.writes == ["before\nsomething is wrong\n"]
    log.info("after")
    await asyncio.sleep(0)
    assert stream.writes[1:] == ["after\n"]


async def test_lines_of_other_threads_go_at_once(handler: LogHandler, stream: Stream) -> None:
    handler.gather(asyncio.get_running_loop())
    log.info("of the loop")
    thread = threading.Thread(target=log.info, args=("of a thread",))
    thread.start()
    thread.join()
    assert stream.writes == ["of the loop\nof a thread\n"]


async def test_when_the_loop_ends_nothing_is_left_and_nothing_waits(handler: LogHandler, stream: Stream) -> None:
    handler.gather(asyncio.get_running_loop())
    log.info("kept")
    handler.gather(None)
    assert stream.writes == ["kept\n"]
    log.info("at once")
    assert stream.writes[1:] == ["at once\n"]


def test_a_loop_that_was_closed_holds_nothing_back(handler: LogHandler, stream: Stream) -> None:
    loop = asyncio.new_event_loop()
    handler.gather(loop)
    loop.close()
    log.info("said all the same")
    assert stream.writes == ["said all the same\n"]


async def test_a_process_that_ends_in_the_middle_of_a_turn_writes_what_it_has(
    handler: LogHandler, stream: Stream
) -> None:
    handler.gather(asyncio.get_running_loop())
    log.info("the last words")
    logging.shutdown([lambda: handler])
    assert stream.writes == ["the last words\n"]


@pytest.mark.parametrize("letter", ["x", "\u4e16"])
async def test_writes_are_whole_lines_no_longer_than_a_pipe_takes_in_one_piece(
    handler: LogHandler, stream: Stream, letter: str
) -> None:
    handler.gather(asyncio.get_running_loop())
    lines = [f"{n} {letter * (n * 7 % 300)}" for n in range(200)] + [letter * PIPE]
    for line in lines:
        log.info(line)
    await asyncio.sleep(0)
    assert "".join(stream.writes) == "".join(f"{line}\n" for line in lines)
    assert all(write.endswith("\n") for write in stream.writes)
    assert all(len(write.encode()) <= PIPE for write in stream.writes[:-1])
    assert len(stream.writes) < len(lines) / 5


async def test_a_stream_that_nobody_reads_hurts_nobody(
    handler: LogHandler, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(handler, "handleError", lambda record: told.append(record.msg))
    handler.gather(asyncio.get_running_loop())
    stream.is_broken = True
    log.info("one")
    log.warning("two")
    stream.is_broken = False
    log.warning("three")
    assert stream.writes == ["three\n"]
    assert told == ["lines of the log could not be written"]


async def test_no_line_is_lost_while_several_threads_write(handler: LogHandler, stream: Stream) -> None:
    handler.gather(asyncio.get_running_loop())

    def write(who: int) -> None:
        for m in range(300):
            log.info("%d/%d", who, m)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for m in range(300):
        log.info("loop/%d", m)
        await asyncio.sleep(0)
    for thread in threads:
        thread.join()
    await asyncio.sleep(0)
    written = "".join(stream.writes).splitlines()
    assert sorted(written) == sorted([f"{n}/{m}" for n in ("0", "1", "2", "3", "loop") for m in range(300)])
