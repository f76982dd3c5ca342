"""Use case: a login that is repeated, because its answer was lost, is the same login and gets the same tokens.

What it is known by and what its tokens are made of are HMACs under TOKEN_KEY, of the number, the code and the request's
id. Redis keeps them apart: the keyed digest, and a nonce. Neither a token nor a code can be made from those.
"""

import hmac
from collections.abc import Sequence

from config import Settings
from service import rotation, tokens
from service.entities import AccessRecord, Clock, LoginMark, PastLogin, TokenPair
from service.issuer import pair
from service.stores.sessions import SessionStore
from service.tokens import Kind, SessionSecrets, TokenKeys

HASH = "sha512"  # all that a session draws in one go; and no tag is made with it
NAME_BYTES, DIGEST_BYTES = 8, 32


class NamedLogin:
    """A login whose request has an id of the client's own. Its secrets, with one nonce, are always the same.

    `marks` are what it is known by, one for each of `keys`; the first is recorded.
    """

    def __init__(self, keys: Sequence[hmac.HMAC], mobile: str, code: str, request_id: str) -> None:
        self._keys = keys
        self._tried = f"{mobile}:{code}:{request_id}"
        named = f"{mobile}:{request_id}"
        self.marks = tuple(
            LoginMark(
                _mac(key, "name", named)[:NAME_BYTES].hex(),
                _mac(key, "attempt", self._tried)[:DIGEST_BYTES].hex(),
            )
            for key in keys
        )

    def key_of(self, past: PastLogin) -> int:
        """The place of the key that this very login was recorded with."""
        return [mark.digest for mark in self.marks].index(past.digest)

    def secrets(self, nonce: str, key: int = 0) -> SessionSecrets:
        """What its session draws."""
        return SessionSecrets.of(_mac(self._keys[key], "session", f"{nonce}:{self._tried}"))


class Repeats:
    """Logins that can be repeated (section 1.2 of the contract)."""

    def __init__(self, settings: Settings, sessions: SessionStore, clock: Clock) -> None:
        self._macs = [hmac.new(key, digestmod=HASH) for key in settings.token_keys]
        self._keys = TokenKeys(settings.token_keys)
        self._sessions = sessions
        self._clock = clock

    def named(self, mobile: str, code: str, request_id: str) -> NamedLogin:
        """A login that names its request."""
        return NamedLogin(self._macs, mobile, code, request_id)

    async def tokens_of(self, login: NamedLogin, past: PastLogin) -> TokenPair | None:
        """The tokens that this login got before, and how long they live from now. One round trip.

        None where its session has ended, or has left that refresh token behind.
        """
        key, user_id = login.key_of(past), past.user_id
        drawn = login.secrets(past.nonce, key)
        token = self._keys.mint(Kind.ACCESS, user_id, drawn.session_id, drawn.access, key=key)
        refresh_token = self._keys.mint(Kind.REFRESH, user_id, drawn.session_id, drawn.refresh, key=key)
        digest = tokens.digest(token.secret)
        found = await self._sessions.find(user_id, drawn.session_id, tokens.key_suffix(digest))
        session, now = found.session, self._clock()
        if session is None or now >= session.expires_at:
            return None
        if not rotation.recognises(session.refresh, refresh_token.secret):
            return None
        # Where an operator has deleted the access token: the app refreshes.
        ends = max(now, found.access.expires_at) if found.access else now
        access = AccessRecord(digest, now, ends)
        return pair(token, refresh_token, session._replace(refreshed_at=now), access)


def _mac(key: hmac.HMAC, purpose: str, of: str) -> bytes:
    mac = key.copy()
    mac.update(f"login-{purpose}:{of}".encode())
    return mac.digest()
