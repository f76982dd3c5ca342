"""Use case: tell people by SMS of a login from a device that is new to them. No login waits for it."""

import logging
from collections.abc import Container

from service.events import Attempt, Details, Event
from service.limits import Limits
from service.notices import Notices
from service.runtime import deadline
from service.runtime.background import BackgroundTasks

AT_ONCE = 16  # messages that are on their way at once; more logins than that tell nobody
log = logging.getLogger(__name__)


class NewDevices:
    """Follows events. `fixed` are the numbers of TEST_CODES, which get no messages."""

    def __init__(
        self, notices: Notices, limits: Limits, fixed: Container[str | None], background: BackgroundTasks
    ) -> None:
        self._notices = notices
        self._limits = limits
        self._fixed = fixed
        self._background = background
        self._under_way = 0

    def follow(self, event: Event | Attempt, details: Details) -> None:
        """Begin to tell, if this is such a login, and not too many others are being told."""
        if event is not Event.LOGIN_NEW_DEVICE or not details.mobile or details.mobile in self._fixed:
            return
        if self._under_way >= AT_ONCE:
            log.warning("user %s is not told of a new device: too many messages are on their way", details.user_id)
            return
        self._under_way += 1
        self._background.begin(self._tell(details.mobile))

    async def _tell(self, mobile: str) -> None:
        deadline.lift()
        try:
            if await self._limits.may_notify(mobile):
                await self._notices.new_device(mobile)
        finally:
            self._under_way -= 1
