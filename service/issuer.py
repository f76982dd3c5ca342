"""What a session hands out: access tokens, how long they and it live, and the pair that a client is answered."""

import math
from random import uniform

from config import Settings
from service import tokens
from service.entities import AccessRecord, Session, TokenPair
from service.tokens import Kind, Token, TokenKeys

ACCESS_TTL_SPREAD = 0.05  # so that the logins of one campaign do not all refresh at once


class Issuer:
    """Lives are those of the settings, in seconds."""

    def __init__(self, settings: Settings, keys: TokenKeys) -> None:
        self._settings = settings
        self._keys = keys

    def access(self, session: Session, random: bytes | None = None) -> tuple[Token, AccessRecord]:
        """A new access token, issued when the session was refreshed last, and what is stored of it.

        It is made of random bytes that are drawn now, unless they were before.
        """
        token = self._keys.mint(Kind.ACCESS, session.user_id, session.session_id, random)
        now = session.refreshed_at
        life = self._settings.access_ttl * (1 - uniform(0, ACCESS_TTL_SPREAD))  # noqa: S311 - not a secret
        return token, AccessRecord(tokens.digest(token.secret), now, min(now + life, session.expires_at))

    def expiry(self, created_at: float, now: float) -> float:
        """When a session ends that is refreshed now: by rest or by age, whichever comes first."""
        return min(now + self._settings.refresh_ttl, created_at + self._settings.session_max_age)


def pair(token: Token, refresh_token: Token, session: Session, access: AccessRecord) -> TokenPair:
    """What a login or a refresh returns."""
    return TokenPair(
        token=token.text,
        refresh_token=refresh_token.text,
        expires_in=_seconds(access.expires_at - access.issued_at),
        refresh_expires_in=_seconds(session.expires_at - session.refreshed_at),
        user_id=session.user_id,
        session_id=session.session_id,
    )


def _seconds(life: float) -> int:
    return math.floor(life + 0.001)  # times since the epoch, subtracted, fall short of whole seconds by rounding
