"""Use case: the code that is good for a number and a purpose, a new one or the one that was sent before."""

import math
import secrets
from dataclasses import dataclass
from typing import NoReturn

from config import Settings
from service.code_keys import CodeKeys
from service.entities import Clock, Purpose
from service.languages import N_
from service.limits import Limits
from service.number_names import NumberNames
from service.stores.code_values import Ended
from service.stores.codes import CodeStore

ENDED = N_("Too many wrong codes for this number. Please wait.")


@dataclass(frozen=True, slots=True)
class Code:
    """The digits that are good for a number now, and for how many more seconds."""

    digits: str
    life: float


class CodeIssuer:
    """Makes codes (section 4 of the contract). `delivery.py` sends them, `codes.py` judges them."""

    def __init__(self, settings: Settings, store: CodeStore, limits: Limits, clock: Clock) -> None:
        self._settings = settings
        self._keys = CodeKeys(settings.code_peppers, settings.code_length)
        self._names = NumberNames(settings.number_name_key)
        self._store = store
        self._limits = limits
        self._clock = clock

    async def issue(self, mobile: str, purpose: Purpose = Purpose.LOGIN) -> Code:
        """The code that is good for this number and purpose, a new one or the one issued before.

        Raises TooManyRequests where wrong tries have ended it.
        """
        nonce = secrets.token_hex(16)
        code = await self._issue(mobile, purpose, nonce, afresh=False)
        # One made with another pepper or length is of no use to whom it is sent now.
        return (
            code
            or await self._issue(mobile, purpose, nonce, afresh=True)
            or self._ended(mobile, self._settings.code_ttl)
        )

    async def _issue(self, mobile: str, purpose: Purpose, nonce: str, *, afresh: bool) -> Code | None:
        """None where the code that lies there is not one that these settings would send."""
        issued = await self._store.issue(
            self._names.of(mobile),
            nonce,
            self._keys.digest_of_new(purpose, mobile, nonce),
            now=self._clock(),
            life=self._settings.code_ttl,
            attempts=self._settings.code_attempts,
            afresh=afresh,
            purpose=purpose,
        )
        if isinstance(issued, Ended):
            self._ended(mobile, issued.wait)
        digits = self._keys.digits(purpose, mobile, issued.nonce, issued.digest)
        return Code(digits, issued.life) if digits else None

    def _ended(self, mobile: str, wait: float) -> NoReturn:
        self._limits.refuse("code_attempts", math.ceil(wait), mobile, ENDED)
