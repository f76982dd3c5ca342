"""The values of webhooks: an event that is to be sent, what became of an attempt, what was given up. Pure."""

from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import urlsplit

from service.languages import N_

RECEIVER_EXPECTED = N_("should be the number of a receiver")
TAKEN = range(200, 300)
LONGEST_RETRY_AFTER = 300  # seconds that a receiver may ask for: beyond that it is tried, whatever it says


class OutboxEvent(NamedTuple):
    """One entry of the stream, for one receiver. `place` is where it stands there, `data` is JSON.

    `id` is its `webhook-id`, the same at every attempt and when it is sent once more by an operator.
    """

    place: str
    id: str
    type: str
    user: str
    at: float
    data: str

    @property
    def written_at(self) -> float:
        """When it was put where it stands, in seconds since the epoch; that is where its day of tries begins."""
        milliseconds, _, _ = self.place.partition("-")
        return int(milliseconds) / 1000


class Attempt(NamedTuple):
    """What became of one sending. `status` is None where no answer came; `retry_after` is in seconds."""

    status: int | None
    problem: str = ""
    retry_after: float | None = None

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has it now: any status 2xx."""
        return self.status in TAKEN

    @property
    def words(self) -> str:
        """The outcome as operators read it: a status, or why none came."""
        return f"status {self.status}" if self.status is not None else self.problem


class DeadLetter(NamedTuple):
    """An event that was given up, of one receiver. `letter_id` is where it stands in the list."""

    letter_id: str
    receiver: str
    event: OutboxEvent
    tries: int
    problem: str

    @property
    def given_up_at(self) -> float:
        """When that was, in seconds since the epoch."""
        milliseconds, _, _ = self.letter_id.partition("-")
        return int(milliseconds) / 1000


class Receiver(NamedTuple):
    """One of WEBHOOK_URLS. `key` names it in Redis, `name` for people: neither holds its path or its query."""

    number: int
    url: str
    key: str
    name: str


class ReceiverState(NamedTuple):
    """How one receiver fares, as the dispatcher noted it last. Moments are seconds since the epoch, None: never."""

    last_success_at: float | None = None
    last_failure_at: float | None = None
    last_failure: str = ""
    paused_until: float | None = None


class Backlog(NamedTuple):
    """How many events wait for a receiver, and since when the oldest has, in seconds since the epoch."""

    waiting: int
    oldest_at: float | None


class Standing(NamedTuple):
    """How one receiver fares, what waits for it, and how many dead letters it has."""

    receiver: Receiver
    state: ReceiverState
    backlog: Backlog
    letters: int


def receivers_of(urls: Iterable[str]) -> list[Receiver]:
    """WEBHOOK_URLS as they are called: the place in the list, and the host, tell one from the other."""
    return [
        Receiver(number, url, sha256(url.encode()).hexdigest()[:16], f"{number} {urlsplit(url).netloc}")
        for number, url in enumerate(urls, start=1)
    ]


def retry_after(header: str) -> float | None:
    """The seconds of a Retry-After header; None where there are none. Dates are not worth their clocks here."""
    if not (header.isascii() and header.isdigit()):
        return None
    return float(min(int(header[:9]), LONGEST_RETRY_AFTER))
