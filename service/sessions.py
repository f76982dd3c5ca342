"""Use cases: list a user's sessions, end one, end all."""

from service import rotation, tokens
from service.entities import Clock, EndReason, Explanation, Session
from service.errors import NotFound
from service.events import Event, Events
from service.languages import N_
from service.stores.sessions import SessionStore

NOT_A_TOKEN = N_("it is not a token: 64 letters, digits, - and _ are expected")
ENDED = {
    EndReason.LOGGED_OUT: N_("its session was ended on purpose: logged_out"),
    EndReason.REVOKED: N_("its session was ended on purpose: revoked"),
    EndReason.REPLACED: N_("its session was ended on purpose: replaced"),
    EndReason.REUSED: N_("its session was ended on purpose: reused"),
    EndReason.DISABLED: N_("its session was ended on purpose: disabled"),
}
NOT_LIVE = N_("no live session has it: expired, deleted, or never handed out")
ACCESS, REFRESH, EXPIRED = N_("access token"), N_("refresh token"), N_("it has expired")
SESSION_LIVES = N_(
    "its session is live, but it is an access token that expired or was deleted, or a replaced refresh token"
)


class Sessions:
    """The devices that a user is logged in on."""

    def __init__(self, store: SessionStore, events: Events, clock: Clock) -> None:
        self._store = store
        self._events = events
        self._clock = clock

    async def of_user(self, user_id: int) -> list[Session]:
        """The live sessions of a user, the newest login first."""
        now = self._clock()
        live = [session for session in await self._store.of_user(user_id) if now < session.expires_at]
        return sorted(live, key=lambda session: session.created_at, reverse=True)

    async def end(self, user_id: int, session_id: str, reason: EndReason) -> None:
        """End one session of this user. Raises NotFound where the user has no such live session."""
        if not await self._store.end(user_id, session_id, reason, self._clock()):
            raise NotFound
        self._note(user_id, session_id, reason)

    async def end_all(
        self, user_id: int, reason: EndReason, *, keep: str = "", block_logins: bool = False
    ) -> list[str]:
        """End all sessions of this user but `keep`, and those of logins under way where these are to be blocked.

        Returns the ids of those that were live.
        """
        now = self._clock()
        ended = await self._store.end_all(user_id, reason, now, keep=keep, block_logins=block_logins)
        for session_id in ended:
            self._note(user_id, session_id, reason)
        return ended

    async def unblock_logins(self, user_id: int) -> None:
        """Let sessions of this user be opened again."""
        await self._store.unblock_logins(user_id)

    async def explain(self, text: str) -> Explanation:
        """Whether a token is live, whose it is, and if it is not, why."""
        token = tokens.parse(text)
        if token is None:
            return Explanation("", NOT_A_TOKEN)
        digest = tokens.digest(token.secret)
        found = await self._store.find(token.user_id, token.session_id, tokens.key_suffix(digest))
        whose = (token.user_id, token.session_id)
        if found.ended:
            return Explanation("", ENDED[found.ended], *whose)
        now = self._clock()
        session = found.session
        if session is None or now >= session.expires_at:
            return Explanation("", NOT_LIVE)
        if found.access and tokens.equal(found.access.digest, digest):
            return Explanation(ACCESS, "" if now < found.access.expires_at else EXPIRED, *whose)
        if rotation.recognises(session.refresh, token.secret):
            return Explanation(REFRESH, "", *whose)
        return Explanation("", SESSION_LIVES, *whose)

    def _note(self, user_id: int, session_id: str, reason: EndReason) -> None:
        event = Event.LOGOUT if reason is EndReason.LOGGED_OUT else Event.SESSION_REVOKED
        self._events.record(event, user_id=user_id, session_id=session_id, reason=reason.value)
