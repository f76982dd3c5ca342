"""Use case: tell somebody, by SMS and without a code, what was done to the account."""

import logging

from config import Settings
from service import mobiles
from service.errors import SmsUnavailable, TooManyRequests
from service.messages import Notice
from service.runtime import deadline
from service.senders import Sender
from settings.providers import NEW_DEVICE

log = logging.getLogger(__name__)


class Notices:
    """What is told is done already: where nobody can be told, that undoes nothing."""

    def __init__(self, settings: Settings, sender: Sender) -> None:
        self._text = settings.sms_text_notice
        self._text_of_new_device = settings.sms_text_new_device
        self._may_message = settings.may_message
        self._sender = sender

    async def number_changed(self, old: str) -> bool:
        """Tell an old number that it opens the account no more. False where no sender has taken the message.

        Takes as long as the senders may, which is not taken from the time of the stores.
        """
        why = await self._refused(Notice(old, self._text))
        if why:
            log.warning("%s was not told that its account has another number: %s", mobiles.mask(old), why)
        return not why

    async def new_device(self, mobile: str) -> None:
        """Tell somebody that the account was logged in to on a device that is new to it."""
        why = await self._refused(Notice(mobile, self._text_of_new_device, NEW_DEVICE))
        if why:
            log.warning("%s was not told of a login on a new device: %s", mobiles.mask(mobile), why)

    async def _refused(self, notice: Notice) -> str:
        """Why the message was not taken; empty where it was."""
        if not self._may_message(notice.mobile):
            return "it is of a range that gets no messages"
        try:
            with deadline.paused():
                await self._sender.send(notice)
        except (SmsUnavailable, TooManyRequests) as error:
            return getattr(error, "reason", "") or error.code
        return ""
