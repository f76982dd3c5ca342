"""A guard against SMS pumping: where codes are sent and hardly any is used, sending stops.

Whoever earns by messages to numbers of his own does not log in. https://www.twilio.com/docs/verify/sms-pumping
"""

import logging
import math
from typing import NoReturn

from config import Settings
from service.completion import settled
from service.entities import Clock
from service.limits import PREFIX_DIGITS, Limits
from service.stores.budgets import ALL
from service.stores.conversions import Conversion, ConversionStore
from service.stores.users import UserStore

MINUTE = 60  # seconds, from which to which the counts move on

log = logging.getLogger(__name__)


class ConversionGuard:
    """Codes used divided by codes sent within an hour, per prefix and overall."""

    def __init__(
        self, settings: Settings, store: ConversionStore, users: UserStore, limits: Limits, clock: Clock
    ) -> None:
        self._least = settings.sms_min_conversion
        self._min_sent = settings.sms_conversion_min_sent
        self._store = store
        self._users = users
        self._limits = limits
        self._clock = clock
        self._minute = 0
        self._warned: set[str] = set()

    async def check(self, mobile: str) -> None:
        """Raise TooManyRequests where codes to this number's prefix are not used, and its owner has never logged in.

        When codes as a whole are not used, a prefix goes on only if its own are: an attack on the service must not
        shut out those who do log in.
        """
        if not self._least:
            return
        now = self._clock()
        own, overall = await settled(self._store.of(mobile[:PREFIX_DIGITS], now), self._store.of(ALL, now))
        if self._is_low(own):
            low, what = own, f"prefix {mobile[:PREFIX_DIGITS]}"
        elif self._is_low(overall) and not (own.used and self._converts(own)):
            low, what = overall, "all numbers"
        else:
            return
        if await self._users.find(mobile) is None:
            self._refuse(what, low)

    async def note_sent(self, mobile: str) -> None:
        """Count a code that was sent."""
        if self._least:
            now = self._clock()
            await settled(*(self._store.add_sent(prefix, now) for prefix in (mobile[:PREFIX_DIGITS], ALL)))

    def note_used(self, mobile: str) -> None:
        """Count a code that is used. It is done soon, and nobody waits for it."""
        if self._least:
            self._store.add_used((mobile[:PREFIX_DIGITS], ALL), self._clock())

    async def settle(self) -> None:
        """Wait until all that was noted is counted."""
        await self._store.settle()

    def _is_low(self, conversion: Conversion) -> bool:
        return conversion.sent >= self._min_sent and not self._converts(conversion)

    def _converts(self, conversion: Conversion) -> bool:
        return conversion.used >= self._least * conversion.sent

    def _refuse(self, what: str, conversion: Conversion) -> NoReturn:
        """Refuse, and warn once a minute: an attack must not fill the log."""
        minute = math.floor(self._clock() / MINUTE)
        if minute != self._minute:
            self._minute, self._warned = minute, set()
        if what not in self._warned:
            self._warned.add(what)
            counts = (conversion.sent, conversion.used)
            log.warning("no more codes to strangers, %s: of %d sent within an hour %d were used", what, *counts)
        self._limits.refuse("conversion", MINUTE)  # without the number: its masked form and the prefix tell it whole
