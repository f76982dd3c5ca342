"""What numbers are called in Redis: HMACs under NUMBER_KEY. Pure.

A stolen dump, a slow log or a backup of Redis so holds no number, and without the key none can be looked for: there are
too few numbers for a digest without a key.
"""

import hmac

from service.entities import NumberName

NAME_BYTES = 16  # with 10^9 numbers the odds that any two meet are one in 10^20


class NumberNames:
    """The names under one key. Another key, other names: what is kept under the old ones is forgotten."""

    def __init__(self, key: bytes) -> None:
        self._mac = hmac.new(key, digestmod="sha256")

    def of(self, mobile: str) -> NumberName:
        """The name of a number in its normal form: 32 hexadecimal digits, which no shell has to quote."""
        mac = self._mac.copy()
        mac.update(mobile.encode())
        return NumberName(mac.digest()[:NAME_BYTES].hex())
