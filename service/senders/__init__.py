"""How a message reaches a phone. Knows neither HTTP routes nor stores.

A sender returns when the provider has accepted the message and raises SmsUnavailable when it has not. The caller sets
the time limit.
"""

from typing import Protocol

from config import Settings
from service.entities import TextMessage
from service.senders.console import ConsoleSender
from service.senders.file import FileSender


class Sender(Protocol):
    """What every sender does."""

    async def send(self, message: TextMessage) -> None:
        """Hand the message to the provider. Raises SmsUnavailable."""


def chosen(settings: Settings) -> Sender:
    """The sender that SMS_SENDER names."""
    if "file" in settings.sms_sender:
        return FileSender(settings.data_dir / "sms.jsonl")
    return ConsoleSender()
