"""What people were promised while something is broken: the codes they got, their tokens, and what was answered."""

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


class Phones:
    """What the file sender has sent."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._codes: dict[str, str] = {}

    def code(self, mobile: str) -> str:
        """The last code sent to a number."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._read)
                for line in file:
                    if line.endswith(b"\n"):
                        self._read += len(line)
                        sms = json.loads(line)
                        self._codes[sms["mobile"]] = sms["code"]
        return self._codes.get(mobile, "")


@dataclass
class Session:
    """A device's tokens, the newest that were answered."""

    token: str
    refresh_token: str


@dataclass
class Ledger:
    """What was answered, how late, and which promises were broken."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    longest: dict[str, float] = field(default_factory=dict)
    lost: int = 0  # sessions that should live and were answered 401 or 403
    risen: int = 0  # sessions that were ended and were answered 200
    last_failure: float = 0.0  # when, by time.monotonic()

    def note(self, kind: str, status: int, seconds: float) -> None:
        self.answers[kind, status] += 1
        self.longest[kind] = max(seconds, self.longest.get(kind, 0))
        if status != 200:
            self.last_failure = time.monotonic()

    @property
    def statuses(self) -> Counter[int]:
        counted: Counter[int] = Counter()
        for (_, status), times in self.answers.items():
            counted[status] += times
        return counted
