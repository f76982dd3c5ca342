"""Opaque tokens: mint, parse, digest, compare. Pure, but for the system's random source.

A token is base64url(address || secret). `secret` is 24 random bytes and a tag of 8. `address` is the user id (8 bytes,
big-endian) and the session id (8 random bytes), XORed with a mask made from the secret: the names of its Redis keys
follow from the token alone, nothing in it can be read or repeats, and a damaged token addresses nothing.

The tag is a keyed hash of kind, address and the 24 bytes. No token is good or bad for its tag: it only tells whether
a dead one was ever a refresh token of ours, and its use theft. Tokens from before there were tags have 32 random bytes.
"""

import hashlib
import hmac
import re
import secrets
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from typing import NamedTuple, Self

SECRET_BYTES = 32
RANDOM_BYTES = 24
SESSION_ID_BYTES = 8
ADDRESS_BYTES = 16
_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")  # base64url of RFC 4648 section 5
_FORM = re.compile(r"[A-Za-z0-9_-]{64}", re.ASCII)


class Kind(bytes, Enum):
    """What a token is good for, as it goes into its tag."""

    ACCESS = b"access"
    REFRESH = b"refresh"


class Token(NamedTuple):
    """A token taken apart. `session_id` is 16 hexadecimal digits. Its repr leaves the secret out."""

    user_id: int
    session_id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Token(user_id={self.user_id}, session_id={self.session_id!r})"

    @property
    def text(self) -> str:
        """The 64 characters that a client holds."""
        address = _address(self.user_id, self.session_id) ^ _mask(self.secret)
        raw = address.to_bytes(ADDRESS_BYTES, "big") + self.secret
        return b2a_base64(raw, newline=False).translate(_TO_URL).decode()


class SessionSecrets(NamedTuple):
    """What a new session needs of the random source: its id, 8 bytes as hexadecimal digits, and twice 24 bytes."""

    session_id: str
    access: bytes
    refresh: bytes

    @classmethod
    def generate(cls) -> Self:
        """All of it at once: each look into the random source is a call of the system."""
        return cls.of(secrets.token_bytes(SESSION_ID_BYTES + 2 * RANDOM_BYTES))

    @classmethod
    def of(cls, drawn: bytes) -> Self:
        """Cut from 56 bytes."""
        access, refresh = SESSION_ID_BYTES, SESSION_ID_BYTES + RANDOM_BYTES
        return cls(drawn[:access].hex(), drawn[access:refresh], drawn[refresh : refresh + RANDOM_BYTES])

    def __repr__(self) -> str:
        return f"SessionSecrets(session_id={self.session_id!r})"


class TokenKeys:
    """The keys of the tags: the first makes them, all are good for checking."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._macs = [hmac.new(key, digestmod="sha256") for key in keys]  # copied, half as slow as made anew

    def mint(self, kind: Kind, user_id: int, session_id: str, random: bytes | None = None, *, key: int = 0) -> Token:
        """A token of these 24 random bytes, or of some that are drawn now; with the key at that place."""
        random = random or secrets.token_bytes(RANDOM_BYTES)
        return Token(user_id, session_id, _sealed(self._macs[key], _purpose(kind, user_id, session_id), random))

    def seals(self, kind: Kind, user_id: int, session_id: str) -> list[Callable[[bytes], bytes]]:
        """What makes a secret of the first 24 of some bytes, with each of the keys."""
        purpose = _purpose(kind, user_id, session_id)
        return [partial(_sealed, mac, purpose) for mac in self._macs]

    def have_made(self, kind: Kind, token: Token) -> bool:
        """Whether the token bears a tag of ours as one of this kind."""
        seals = self.seals(kind, token.user_id, token.session_id)
        return any([hmac.compare_digest(seal(token.secret), token.secret) for seal in seals])  # noqa: C419 - all of them


def parse(text: str) -> Token | None:
    """The token behind 64 base64url characters, or None. Well-formed junk parses to an address that holds nothing."""
    if not _FORM.fullmatch(text):
        return None
    raw = a2b_base64(text.encode().translate(_FROM_URL))  # 64 characters of the alphabet always decode
    secret = raw[ADDRESS_BYTES:]
    user_id, session_id = divmod(int.from_bytes(raw[:ADDRESS_BYTES], "big") ^ _mask(secret), 1 << 64)
    return Token(user_id, f"{session_id:016x}", secret)


def digest(secret: bytes) -> str:
    """What Redis holds of a secret: SHA-256 under its own prefix, 64 hexadecimal digits. Opens nothing."""
    return hashlib.sha256(b"digest" + secret).hexdigest()


def key_suffix(secret_digest: str) -> str:
    """`<n>` of `token:{<user_id>}:<session_id>:<n>`: the start of the digest, so that it follows from the token."""
    return secret_digest[:16]


def equal(one: str, other: str) -> bool:
    """Compare two digests in constant time."""
    return hmac.compare_digest(one, other)


def _purpose(kind: Kind, user_id: int, session_id: str) -> bytes:
    return kind + _address(user_id, session_id).to_bytes(ADDRESS_BYTES, "big")


def _sealed(key: hmac.HMAC, purpose: bytes, random: bytes) -> bytes:
    random = random[:RANDOM_BYTES]
    mac = key.copy()
    mac.update(purpose + random)
    return random + mac.digest()[: SECRET_BYTES - RANDOM_BYTES]


def _address(user_id: int, session_id: str) -> int:
    return user_id << 64 | int(session_id, 16)


def _mask(secret: bytes) -> int:
    """What the address is XORed with, as one big number: byte by byte it would take several times as long."""
    return int.from_bytes(hashlib.sha256(b"address" + secret).digest()[:ADDRESS_BYTES], "big")
