"""What a code is made from, and what a try is compared with: HMACs under CODE_PEPPER. Pure.

The code is derived from the number, the purpose and a random nonce, so nothing that is stored opens anything without
the pepper. Of several peppers the first makes codes, and all are good for checking.
"""

import hmac
from collections.abc import Sequence

from service.entities import Purpose


class CodeKeys:
    """Codes of `length` digits, under these peppers."""

    def __init__(self, peppers: Sequence[bytes], length: int) -> None:
        self._peppers = [hmac.new(pepper, digestmod="sha256") for pepper in peppers]
        self._length = length

    def digest_of_new(self, purpose: Purpose, mobile: str, nonce: str) -> str:
        """The digest of the code that is made from a new nonce."""
        first = self._peppers[0]
        return _digest(first, purpose, mobile, self._digits(first, purpose, mobile, nonce))

    def digits(self, purpose: Purpose, mobile: str, nonce: str, digest: str) -> str | None:
        """The code that was made from this nonce and has this digest; None where these peppers make no such one."""
        for pepper in self._peppers:
            digits = self._digits(pepper, purpose, mobile, nonce)
            if hmac.compare_digest(digest.encode(), _digest(pepper, purpose, mobile, digits).encode()):
                return digits
        return None

    def digests(self, purpose: Purpose, mobile: str, code: str) -> str:
        """The digests of a try, one for each pepper, with commas between. How long comparing takes tells nothing."""
        return ",".join(_digest(pepper, purpose, mobile, code) for pepper in self._peppers)

    def _digits(self, pepper: hmac.HMAC, purpose: Purpose, mobile: str, nonce: str) -> str:
        """`length` digits. 64 bits cut to at most ten digits: no digit is likelier than another by 1 in 10^9."""
        number = int.from_bytes(_mac(pepper, "code", purpose, mobile, nonce)[:8], "big")
        return str(number % 10**self._length).zfill(self._length)


def _digest(pepper: hmac.HMAC, purpose: Purpose, mobile: str, code: str) -> str:
    return _mac(pepper, "digest", purpose, mobile, code).hex()


def _mac(pepper: hmac.HMAC, what: str, purpose: Purpose, mobile: str, rest: str) -> bytes:
    """Labelled, so that neither code nor digest of one purpose is ever that of another."""
    mac = pepper.copy()
    label = what if purpose is Purpose.LOGIN else f"{purpose}-{what}"
    mac.update(f"{label}:{mobile}:{rest}".encode())
    return mac.digest()
