"""What is told of the dispatcher's work to whoever counts it."""

from typing import Protocol

from service.webhooks import Attempt


class Watch(Protocol):
    """Who counts. `receiver` is its name."""

    def expect(self, receiver: str) -> None:
        """There is this receiver: what is counted of it begins at 0, in each worker."""

    def looked(self, receiver: str) -> None:
        """What there is for it was looked for just now."""

    def attempted(self, receiver: str, attempt: Attempt) -> None:
        """An event was sent, and taken or not."""

    def given_up(self, receiver: str) -> None:
        """An event has become a dead letter."""

    def lost(self, receiver: str, count: int) -> None:
        """Events were trimmed before they were sent, or letters before anybody looked at them."""

    def waiting(self, receiver: str, count: int, oldest_at: float | None) -> None:
        """So many wait, the oldest of them since then."""
