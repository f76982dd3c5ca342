"""Use case: tell somebody, by SMS and without a code, what was done to the account."""

import logging

from config import Settings
from service import mobiles, sms_text
from service.errors import SmsUnavailable, TooManyRequests
from service.languages import Language
from service.messages import Notice
from service.runtime import deadline
from service.senders import Sender
from settings.sms_kinds import NEW_DEVICE, NOTICE, NOTICES

log = logging.getLogger(__name__)


class Notices:
    """What is told is done already: where nobody can be told, that undoes nothing."""

    def __init__(self, settings: Settings, sender: Sender) -> None:
        self._language = Language(settings.default_language)  # nobody knows which one the person speaks
        self._texts = {kind: sms_text.template(settings, kind, self._language).text for kind in NOTICES}
        self._may_message = settings.may_message
        self._sender = sender

    async def number_changed(self, old: str) -> bool:
        """Tell an old number that it opens the account no more. False where no sender has taken the message.

        Takes as long as the senders may, which is not taken from the time of the stores.
        """
        why = await self._refused(self._notice(old, NOTICE))
        if why:
            log.warning("%s was not told that its account has another number: %s", mobiles.mask(old), why)
        return not why

    async def new_device(self, mobile: str) -> None:
        """Tell somebody that the account was logged in to on a device that is new to it."""
        why = await self._refused(self._notice(mobile, NEW_DEVICE))
        if why:
            log.warning("%s was not told of a login on a new device: %s", mobiles.mask(mobile), why)

    def _notice(self, mobile: str, kind: str) -> Notice:
        return Notice(mobile, self._texts[kind], self._language, kind)

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
