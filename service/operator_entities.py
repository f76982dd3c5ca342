"""The values of operators at the console: what they log in with, and what comes of it. Pure."""

from typing import NamedTuple

from service.entities import Device
from service.roles import Role


class Passkey(NamedTuple):
    """What is known of an operator's passkey. Id and public key (COSE) are base64url."""

    name: str
    credential_id: str
    public_key: str
    sign_count: int = 0


class OperatorSession(NamedTuple):
    """One log-in of a person to the console. Times are seconds since the epoch.

    `csrf` is what each of its acts has to bring. It is made from the cookie's secret, and so empty where sessions are
    listed.
    """

    name: str
    role: Role
    id: str
    device: Device
    created_at: float
    used_at: float
    expires_at: float
    csrf: str = ""
