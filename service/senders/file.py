"""For tests and scripts: one JSON line per message, `{"mobile", "code", "text", "at"}`, appended to a file."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import orjson

from service.errors import SmsUnavailable
from service.messages import Message, TextMessage


class FileSender:
    """Appends whole lines, readable by its owner alone; several workers may write to one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, message: Message) -> None:
        """Append the message. Raises SmsUnavailable where the file cannot be written."""
        code = message.code if isinstance(message, TextMessage) else None
        line = {"mobile": message.mobile, "code": code, "text": message.text, "at": datetime.now(UTC)}
        try:
            await asyncio.to_thread(self._append, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        except OSError as error:
            raise SmsUnavailable from error

    def _append(self, line: bytes) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line)  # one write of one short line: lines of two workers do not mix
        finally:
            os.close(descriptor)
