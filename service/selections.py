"""The values of revocations: which sessions are meant, and how far a job has come. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple

from service import addresses, mobiles
from service.entities import id_in
from service.errors import InvalidRequest
from service.languages import N_

Network = IPv4Network | IPv6Network

LEAST_PREFIX, LONGEST_PREFIX = 3, 11  # digits
LONGEST_DEVICE = 64  # characters of a device's name
MAPPED = 96  # bits before an IPv4 address in an IPv6 one

USERS = N_("should be a list of user ids and mobile numbers")
PREFIX = N_("should be the first digits of numbers, three or more: 138")
IP = N_("should be an address, or a network without bits behind its length: 203.0.113.0/24")
DEVICE = N_("should be the name of a device, as it is shown")
BEFORE = N_("should be a time with its zone, like 2026-01-31T12:00:00Z")
FLAG = N_("should be true or false")
ALONE = N_("goes with `before` alone: the other filters say whom")
NOBODY_HAS = N_("nobody has %(numbers)s")
NOBODY = N_("nothing says whose sessions are to end; for those of everybody say so")
TO_COME = N_("is yet to come: it would be everybody; say so with `everyone`, without `before`")
ALL = N_("is everybody: say so with `everyone`")


class Login(NamedTuple):
    """What is known of the login that a session began with: the device's name, the address, the moment."""

    device: str
    ip: str
    created_at: float


class Selection(NamedTuple):
    """Which sessions are meant: those that fit all that is given. `users` are numbers and ids, as they were written."""

    users: tuple[str, ...] | None = None
    prefix: str | None = None
    network: Network | None = None
    device: str | None = None
    before: float | None = None
    everyone: bool = False

    def fits(self, login: Login, since: float, now: float) -> bool:
        """Whether a session is meant, by the login that it began with.

        Where no time is given, all but those that have begun since `since`, when the job did: whoever logs in again
        stays. One that bears a time to come is no such login.
        """
        if self.before is None:
            if since <= login.created_at <= now:
                return False
        elif login.created_at >= self.before:
            return False
        if self.device is not None and login.device != self.device:
            return False
        return self.network is None or _is_in(login.ip, self.network)

    @property
    def text(self) -> str:
        """The filters in short, for the audit trail."""
        before = None if self.before is None else datetime.fromtimestamp(self.before, UTC).isoformat()
        users = None if self.users is None else len(self.users)
        given = {"users": users, "prefix": self.prefix, "ip": self.network, "device": self.device, "before": before}
        named = [f"{name} {value}" for name, value in given.items() if value is not None]
        return ", ".join(["everyone"] * self.everyone + named)


class State(StrEnum):
    """What a job does, or has come to."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class Revocation(NamedTuple):
    """A job. `matched` sessions were found so far, `ended` of these have ended; `why` says why it has failed.

    `what` are the filters in short, `by` is who began it.
    """

    id: str
    what: str
    by: str
    started_at: float
    dry_run: bool
    state: State = State.RUNNING
    matched: int = 0
    ended: int = 0
    why: str = ""


def parse(sent: Mapping[str, Any], now: float) -> Selection:
    """What somebody has asked for. Raises InvalidRequest, naming every bad field at once.

    An empty value is a bad one: it would match everybody. So would nothing at all.
    """
    problems: dict[str, str] = {}
    found: dict[str, Any] = {}
    for name, (read, expected) in FIELDS.items():
        if name in sent:
            found[name] = read(sent[name])
            if found[name] is None:
                problems[name] = expected
    problems |= _too_wide(found, now)
    if problems:
        raise InvalidRequest(problems)
    found["network"] = found.pop("ip", None)
    return Selection(**found)


def _too_wide(found: Mapping[str, Any], now: float) -> dict[str, str]:
    narrowing = found.keys() - {"everyone", "before"}
    if found.get("everyone") and narrowing:
        return {"everyone": ALONE}
    if not found.get("everyone") and found.keys() <= {"everyone"}:
        return {"everyone": NOBODY}
    if found.get("before") is not None and found["before"] > now:
        return {"before": TO_COME}
    if found.get("ip") is not None and not found["ip"].prefixlen:
        return {"ip": ALL}
    return {}


def _is_in(ip: str, network: Network) -> bool:
    address = addresses.parse(ip)
    return address is not None and ip_address(address) in network


def _users(value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list) or not value:
        return None
    written = tuple(str(one) for one in value if isinstance(one, str | int) and not isinstance(one, bool))
    is_whole = len(written) == len(value) and all(mobiles.normalise(one) or id_in(one) for one in written)
    return written if is_whole else None


def _prefix(value: Any) -> str | None:
    is_one = isinstance(value, str) and value.isascii() and value.isdigit()
    return value if is_one and LEAST_PREFIX <= len(value) <= LONGEST_PREFIX else None


def _network(value: Any) -> Network | None:
    """A network, or an address as one of it alone. One of IPv4 that is mapped into IPv6 is of IPv4."""
    if not isinstance(value, str) or len(value) > addresses.LONGEST:
        return None
    try:
        network = ip_network(addresses.parse(value) or value)
    except ValueError:
        return None
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped and network.prefixlen >= MAPPED:
        return IPv4Network((mapped, network.prefixlen - MAPPED))
    return network


def _device(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST_DEVICE else None


def _before(value: Any) -> float | None:
    try:
        moment = datetime.fromisoformat(value)
        return moment.timestamp() if moment.tzinfo and moment.timestamp() >= 0 else None
    except (TypeError, ValueError, OverflowError):
        return None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


FIELDS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "users": (_users, USERS),
    "prefix": (_prefix, PREFIX),
    "ip": (_network, IP),
    "device": (_device, DEVICE),
    "before": (_before, BEFORE),
    "everyone": (_flag, FLAG),
}
