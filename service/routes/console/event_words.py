"""What people read for the name of an event: one table, for the trail and for a person's time line."""

from service.events import Event
from service.languages import N_, gettext

WORDS: dict[str, str] = {
    Event.CODE_SENT: N_("Code sent"),
    Event.CODE_REFUSED: N_("Code refused"),
    Event.LIMIT_HIT: N_("Refused by a limit"),
    Event.LOGIN: N_("Login"),
    Event.LOGIN_NEW_DEVICE: N_("Login from a new device"),
    Event.LOGIN_REFUSED: N_("Login refused"),
    Event.REFRESH: N_("Tokens refreshed"),
    Event.LOGOUT: N_("Logout"),
    Event.SESSION_REVOKED: N_("Session ended"),
    Event.SESSION_REPLACED: N_("Session replaced by another login"),
    Event.REFRESH_TOKEN_REUSED: N_("Refresh token used again"),
    Event.USER_DISABLED: N_("Account disabled"),
    Event.USER_ENABLED: N_("Account enabled"),
    Event.USER_ERASED: N_("Account erased"),
    Event.USER_EXPORTED: N_("Data exported"),
    Event.NAME_CHANGED: N_("Name changed"),
    Event.MOBILE_CHANGED: N_("Number changed"),
    Event.NUMBER_LOCKED: N_("Number locked"),
    Event.NUMBER_UNLOCKED: N_("Number unlocked"),
    Event.NUMBER_REVEALED: N_("Number revealed"),
    Event.NUMBER_TAKEN: N_("Number taken by another user"),
    Event.REVOCATION_STARTED: N_("Revocation started"),
    Event.REVOCATION_ENDED: N_("Revocation ended"),
    Event.OPERATOR_ADDED: N_("Operator added"),
    Event.OPERATOR_REMOVED: N_("Operator removed"),
    Event.OPERATOR_LINKED: N_("Operator given a new link"),
    Event.OPERATOR_REFUSED: N_("Operator refused"),
    Event.OPERATOR_ENROLLED: N_("Passkey enrolled"),
    Event.OPERATOR_LOGIN: N_("Operator logged in"),
    Event.OPERATOR_LOGOUT: N_("Operator logged out"),
    Event.OPERATOR_SESSION_ENDED: N_("Operator's session ended"),
    Event.KEY_ADDED: N_("API key added"),
    Event.KEY_REMOVED: N_("API key removed"),
    Event.DEAD_LETTER_RESENT: N_("Webhook sent once more"),
    Event.DEAD_LETTER_DELETED: N_("Dead letter deleted"),
    Event.INTROSPECTION_REFUSED: N_("Introspection refused"),
}


def label(kind: str) -> str:
    """Return what an event is called, in the language of the request; its own name where there is no other for it."""
    return gettext(WORDS.get(kind, kind))
