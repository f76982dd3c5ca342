"""What stands in `login:{<number's name>}:<name>`, for a while after a login that named its request. Pure.

The name and the digest are keyed and the nonce is random: no number, code or token can be found or made from them. What
cannot be read (an operator's typo) is None.
"""

import re

from service.entities import LoginMark, PastLogin

LIFE = 30.0  # seconds in which a login can be repeated (section 1.2 of the contract)
_RECORD = re.compile(rb"([0-9a-f]{64}) ([0-9a-f]{32}) ([1-9][0-9]{0,18}) ([01])")


def key(owner: str, mark: LoginMark) -> str:
    """`owner` is the number's name as it stands in the key of its code: on a Cluster both lie in one slot."""
    return f"login:{owner}:{mark.name}"


def dump(past: PastLogin) -> str:
    """The record of a login."""
    return f"{past.digest} {past.nonce} {past.user_id} {int(past.is_new)}"


def load(value: bytes) -> PastLogin | None:
    """The login of a record."""
    found = _RECORD.fullmatch(value)
    if not found:
        return None
    digest, nonce, user_id, is_new = found.groups()
    return PastLogin(digest.decode(), nonce.decode(), int(user_id), is_new == b"1")
