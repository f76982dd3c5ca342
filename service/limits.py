"""Use cases: allow or refuse a code, a try and a login (section 5 of the contract).

Every limit is looked at before any is spent, so a refused request costs nothing. With Redis away all of them refuse.
"""

import math
from dataclasses import dataclass
from typing import NoReturn

from config import Settings
from service import addresses
from service.entities import Clock, NumberName
from service.errors import ServiceUnavailable, TooManyRequests
from service.events import Event, Events
from service.languages import N_
from service.number_names import NumberNames
from service.runtime.background import settled
from service.stores.budgets import ALL, Budget, Refusal, windows_of
from service.stores.codes import owner
from service.stores.cooldowns import Cooldown, CooldownStore, key_name
from service.stores.limits import LimitStore
from service.undoing import best_effort
from settings.fields import OFF

PREFIX_DIGITS = 7  # an operator's block of numbers in China: ten thousand of them
COOLDOWN = "code_cooldown"
LOCKED = N_("Too many wrong codes for this number. Please contact support.")
# Messages that carry no code, and that nobody has asked for.
NOTICES, NOTICES_PER_NUMBER = "notices_per_number", "3/day"
NAMES = ("codes_per_number", "tries_per_number", "codes_per_ip", "codes_per_prefix", "codes_total", "logins_per_ip")


@dataclass(frozen=True, slots=True)
class Reservation:
    """What the sending of one code has spent."""

    mobile: str
    name: NumberName  # of the number in Redis
    started: float
    cooldown: float  # seconds until the next code
    by_number: tuple[Budget, ...]
    by_address: tuple[Budget, ...]


class Limits:
    """A method returns where the request is allowed, and raises TooManyRequests with the seconds to wait where not."""

    def __init__(
        self, settings: Settings, store: LimitStore, cooldowns: CooldownStore, events: Events, clock: Clock
    ) -> None:
        limits = {name: getattr(settings, f"limit_{name}") for name in NAMES}
        limits[NOTICES] = NOTICES_PER_NUMBER if settings.notify_new_device else OFF
        self._names = NumberNames(settings.number_name_key)
        self._windows = {name: windows_of(name, text) for name, text in limits.items() if text != OFF}
        self._store = store
        self._cooldowns = cooldowns
        self._events = events
        self._clock = clock

    async def check_address(self, mobile: str, ip: str) -> None:
        """Raise TooManyRequests where this address may ask for no more codes. Spends nothing."""
        self._heed(await self._store.look(self._by_address(ip)), mobile)

    async def reserve_code(self, mobile: str, ip: str) -> Reservation:
        """Spend what the sending of one code costs."""
        now, name = self._clock(), self._names.of(mobile)
        by_number, by_address = self._by_number(mobile, name), self._by_address(ip)
        budgets = (*by_number, *by_address)
        refusal, running = await settled(self._store.look(budgets), self._cooldowns.look(name, now))
        if refusal and refusal.wait >= running.wait:
            self._heed(refusal, mobile)
        self._heed_cooldown(running, mobile)
        cooldown = await self._cooldowns.start(name, now)
        self._heed_cooldown(cooldown, mobile)
        reservation = Reservation(mobile, name, now, cooldown.length, by_number, by_address)
        try:
            self._heed(await self._store.spend(budgets), mobile)
        except (ServiceUnavailable, TooManyRequests):
            await self.undo_cooldown(reservation)
            raise
        return reservation

    async def undo(self, reservation: Reservation) -> None:
        """Undo a reservation of which nobody else has heard."""
        await self.undo_cooldown(reservation)
        await self._refund((*reservation.by_number, *reservation.by_address))

    async def undo_cooldown(self, reservation: Reservation) -> None:
        """The number need not wait: its code was not sent, or nobody knows."""
        with best_effort("the cool-down of a code that was not sent could not be taken back"):
            await self._cooldowns.undo(reservation.name, reservation.started)

    async def refund(self, reservation: Reservation) -> None:
        """The provider did not take the message: only the address, which made us ask, has spent one."""
        await self._refund(reservation.by_number)

    async def confirm_sent(self, reservation: Reservation) -> int:
        """Confirm a reservation: the code was sent. Returns the whole seconds until the next may be asked for."""
        await self._cooldowns.confirm(reservation.name, reservation.started)
        budgets = [budget for budget in reservation.by_number if budget.name == "codes_per_number"]
        refusal = await self._store.look(budgets)
        return max(math.ceil(reservation.cooldown), refusal.wait if refusal else 0)

    async def spend_address(self, ip: str, mobile: str | None = None) -> None:
        """For what sends nothing: a code of a test number, a wrong captcha, a refusal that tells something."""
        budgets = self._by_address(ip)
        self._heed(await self._store.look(budgets) or await self._store.spend(budgets), mobile)

    def logins(self, ip: str) -> tuple[Budget, ...]:
        """The budgets of the address, which a try at a code spends first (`stores/logins.py`)."""
        return self._budget("logins_per_ip", addresses.counted(ip))

    async def spend_login(self, mobile: str, ip: str) -> None:
        """Spend one attempt of the address."""
        self._heed(await self._store.spend(self.logins(ip)), mobile)

    async def spend_operator_login(self, ip: str) -> None:
        """As `spend_login`, of the console. Counted apart: a flood of logins behind one proxy keeps no operator out."""
        self._heed(await self._store.spend(self._budget("logins_per_ip", f"operators/{addresses.counted(ip)}")), None)

    def tries(self, name: NumberName) -> tuple[Budget, ...]:
        """The budgets of the number's wrong tries, which the code itself spends and forgets (`stores/codes.py`)."""
        return self._budget("tries_per_number", owner(name))

    async def refuse_try(self, refusal: Refusal, mobile: str, ip: str) -> NoReturn:
        """Raise TooManyRequests; the address gets back its attempt."""
        await self._refund(self.logins(ip))
        self.refuse(refusal.name, refusal.wait, mobile, LOCKED if refusal.is_long else None)

    async def may_notify(self, mobile: str) -> bool:
        """Spend one of the messages that a number gets without having asked. False where it has had enough."""
        return not await self._store.spend(self._budget(NOTICES, owner(self._names.of(mobile))))

    async def forget(self, mobile: str) -> int:
        """Forget all that this number has spent: tries, codes, cool-down. Returns of how many something was kept."""
        name = self._names.of(mobile)
        spent = await settled(*self._store.forget(self._of_number(name)))
        return int(sum(spent)) + await self._cooldowns.forget(name)

    async def count(self, mobile: str) -> int:
        """What `forget` would return."""
        name = self._names.of(mobile)
        spent = await settled(*self._store.count(self._of_number(name)))
        return int(sum(spent)) + await self._cooldowns.has(name)

    def keys(self, mobile: str) -> list[str]:
        """Where that stands in Redis, or would: all that `forget` deletes."""
        name = self._names.of(mobile)
        return [*(key for budget in self._of_number(name) for key in budget.keys), key_name(name)]

    def note(self, name: str, mobile: str | None = None) -> None:
        """Note which limit refuses."""
        self._events.record(Event.LIMIT_HIT, mobile=mobile, reason=name)

    def refuse(self, name: str, seconds: int, mobile: str | None = None, message: str | None = None) -> NoReturn:
        """Note which limit refuses, and raise TooManyRequests."""
        self.note(name, mobile)
        raise TooManyRequests(seconds, message)

    async def _refund(self, budgets: tuple[Budget, ...]) -> None:
        with best_effort("what was spent for nothing could not be given back"):
            await self._store.refund(budgets)

    def _of_number(self, name: NumberName) -> tuple[Budget, ...]:
        whose = owner(name)
        return (*self.tries(name), *self._budget("codes_per_number", whose), *self._budget(NOTICES, whose))

    def _by_number(self, mobile: str, name: NumberName) -> tuple[Budget, ...]:
        return (
            *self._budget("codes_per_number", owner(name)),
            *self._budget("codes_per_prefix", mobile[:PREFIX_DIGITS]),
            *self._budget("codes_total", ALL),
        )

    def _by_address(self, ip: str) -> tuple[Budget, ...]:
        return self._budget("codes_per_ip", addresses.counted(ip))

    def _budget(self, name: str, who: str) -> tuple[Budget, ...]:
        """The budget of LIMIT_<name>, or nothing where it is off."""
        windows = self._windows.get(name)
        return (Budget(name, who, windows),) if windows else ()

    def _heed(self, refusal: Refusal | None, mobile: str | None) -> None:
        if refusal:
            self.refuse(refusal.name, refusal.wait, mobile)

    def _heed_cooldown(self, cooldown: Cooldown, mobile: str) -> None:
        if cooldown.wait:
            self.refuse(COOLDOWN, math.ceil(cooldown.wait), mobile)
