"""The values that cross layers. Frozen, without behaviour that needs I/O. Times are seconds since the epoch, UTC.

Those that a check or a login makes are named tuples where they can be: they take half the time of a frozen dataclass.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple, NewType

from service.languages import N_

NO_USER = N_("there is no user %(user)s")
Clock = Callable[[], float]
NumberName = NewType("NumberName", str)  # of a mobile number in Redis (`number_names.py`), so that none stands there


class EndReason(StrEnum):
    """Why a session was ended on purpose (section 1.3 of the contract)."""

    LOGGED_OUT = "logged_out"
    REVOKED = "revoked"
    REPLACED = "replaced"
    REUSED = "reused"
    DISABLED = "disabled"


class Purpose(StrEnum):
    """What a code is good for, and for nothing else (section 4 of the contract)."""

    LOGIN = "login"
    CHANGE = "change"  # of the number: one such code is sent to each
    ERASE = "erase"  # the account


class UserStatus(StrEnum):
    """What an account may do."""

    ACTIVE = "active"
    DISABLED = "disabled"


class User(NamedTuple):
    """A row of the users table. Without a number is whose number was given to somebody else."""

    id: int
    mobile: str | None
    name: str
    status: UserStatus
    created_at: datetime
    last_login: datetime


class Device(NamedTuple):
    """What a login tells of the device it came from. `id` is what the app calls it, and is not kept as it is."""

    name: str
    ip: str
    id: str = ""


class RefreshToken(NamedTuple):
    """What a session remembers of one refresh token: never the token, only the digest of its secret.

    `nonce` is what the secret was made from, with that of the token before it (`rotation.py`); empty for the first.
    """

    digest: str
    created_at: float
    served_at: float
    nonce: str = ""


class RotationState(NamedTuple):
    """The refresh tokens of one session (section 3 of the contract). `pending` is in order of birth."""

    current: RefreshToken
    pending: tuple[RefreshToken, ...] = ()
    previous: RefreshToken | None = None
    previous_retired_at: float = 0.0


class Session(NamedTuple):
    """One device of one user: the record behind `session:{<user_id>}:<session_id>`."""

    user_id: int
    session_id: str
    device: Device
    created_at: float
    refreshed_at: float
    expires_at: float
    refresh: RotationState


class AccessRecord(NamedTuple):
    """One live access token: the record behind `token:{<user_id>}:<session_id>:<n>`."""

    digest: str
    issued_at: float
    expires_at: float


class LoginMark(NamedTuple):
    """What a login that names its request is known by: `name` is of number and request, `digest` of the code as well.

    Both are keyed, and so no secret.
    """

    name: str
    digest: str


class PastLogin(NamedTuple):
    """A login that can be repeated: the digest of its mark, whom it let in, and the nonce of its secrets."""

    digest: str
    nonce: str
    user_id: int
    is_new: bool


class Identity(NamedTuple):
    """Whose a live access token is, and for how many more seconds."""

    user_id: int
    session_id: str
    issued_at: float
    expires_at: float
    expires_in: int


class TokenPair(NamedTuple):
    """What a login or a refresh returns. Lives are in whole seconds."""

    token: str
    refresh_token: str
    expires_in: int
    refresh_expires_in: int
    user_id: int
    session_id: str


class By(StrEnum):
    """What a text is taken for."""

    NOTHING = "nothing"  # the newest people are asked for
    NUMBER = "number"
    TOKEN = "token"  # noqa: S105 - the name of what is looked for
    USER_ID = "user_id"
    SESSION_ID = "session_id"  # or the name of a key of the session in Redis
    NAME = "name"  # or the start of one

    @property
    def is_whole(self) -> bool:
        """Whether it can be had only from the person whom it finds: whoever merely looks may try no others out."""
        return self in {By.NOTHING, By.NUMBER, By.TOKEN}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an operator is told of a token. `why` says why it is not live, and is empty where it is."""

    kind: str
    why: str
    user_id: int | None = None
    session_id: str | None = None

    @property
    def live(self) -> bool:
        """Whether the token is good."""
        return not self.why


@dataclass(frozen=True, slots=True)
class CodeSent:
    """A code is on its way. Both times are in whole seconds from now."""

    mobile: str
    expires_in: int
    resend_after: int


def id_in(text: str) -> int | None:
    """The user id that is written here, of 63 bits as databases have them."""
    return int(text) if text.isdecimal() and 0 < int(text) < 1 << 63 else None


def zoned(text: str) -> str:
    """A moment in ISO 8601 with its zone, UTC where it names none; what is no moment as it is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if moment.tzinfo else moment.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
