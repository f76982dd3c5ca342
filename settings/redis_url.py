"""REDIS_URL taken apart where it names many servers: those of a Sentinel or of a Cluster. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

SENTINEL, CLUSTER = "redis+sentinel", "redis+cluster"
TLS_SENTINEL, TLS_CLUSTER = "rediss+sentinel", "rediss+cluster"  # TLS to every server, the Sentinels included
SENTINEL_OPTIONS = {"sentinel_username", "sentinel_password"}
TLS_FILES = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}
TLS_OPTIONS = {*TLS_FILES, "ssl_check_hostname"}  # named as redis-py names those of rediss://
HIGHEST_PORT = 65_535
AUTHORITY = re.compile("[^/?#]*")


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers are and how to log in there. `service` and `db` are a Sentinel's alone.

    `scheme` is SENTINEL or CLUSTER; `tls` is empty, or what redis-py is told of it.
    """

    scheme: str
    places: tuple[tuple[str, int], ...]
    username: str | None = None
    password: str | None = None
    service: str = ""
    db: int = 0
    sentinel_username: str | None = None
    sentinel_password: str | None = None
    tls: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Without the passwords."""
        return f"Servers({self.scheme}, {self.places})"


def names_many(url: str) -> bool:
    """Whether a URL is that of a Sentinel or of a Cluster."""
    return url.partition("://")[0] in {SENTINEL, CLUSTER, TLS_SENTINEL, TLS_CLUSTER}


def is_cluster(url: str) -> bool:
    """Whether a URL is that of a Cluster."""
    return url.partition("://")[0] in {CLUSTER, TLS_CLUSTER}


def split(url: str) -> SplitResult:
    """What urlsplit returns, also where one host of many has brackets: newer Pythons refuse to split that."""
    scheme, _, rest = url.partition("://")
    authority = AUTHORITY.match(rest)
    netloc = authority[0] if authority else ""
    return urlsplit(f"{scheme}://{rest[len(netloc) :]}")._replace(netloc=netloc)


def files_of(url: str) -> list[str]:
    """The files that the options of a URL name: certificates and a key."""
    return [values[-1] for name, values in parse_qs(split(url).query).items() if name in TLS_FILES]


def parse(url: str) -> Servers:
    """`redis+sentinel://user:password@host:port,host:port/service/db` or `redis+cluster://...@host:port,host:port`.

    With TLS `rediss+...`. Raises ValueError with what it should be; never with a part of the URL: it may be a password.
    """
    parts = split(url)
    user, _, hosts = parts.netloc.rpartition("@")
    username, _, password = user.partition(":")
    places = tuple(_place(text) for text in hosts.split(","))
    if "#" in url or "@" in parts.path:
        raise ValueError("should have a password with / ? # or @ in it percent-encoded")
    path = [part for part in parts.path.split("/") if part]
    scheme = CLUSTER if is_cluster(url) else SENTINEL
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    tls = _tls(options) if parts.scheme in {TLS_SENTINEL, TLS_CLUSTER} else {}
    _refuse_others(options, SENTINEL_OPTIONS if scheme == SENTINEL else set(), TLS_OPTIONS if tls else set())
    service, db = _service(scheme, path)
    logins = {name: value for name, value in options.items() if name in SENTINEL_OPTIONS}
    return Servers(scheme, places, unquote(username) or None, unquote(password) or None, service, db, **logins, tls=tls)


def _tls(options: Mapping[str, str]) -> dict[str, str | bool]:
    checked = options.get("ssl_check_hostname", "true")
    if checked not in {"true", "false"}:
        raise ValueError("should have ssl_check_hostname=true or ssl_check_hostname=false")
    return {
        "ssl": True,
        "ssl_check_hostname": checked == "true",
        **{name: value for name, value in options.items() if name in TLS_FILES},
    }


def _refuse_others(options: Mapping[str, str], *allowed: set[str]) -> None:
    known = sorted(set().union(*allowed))
    if set(options) - set(known):
        raise ValueError(f"should have no other options than {', '.join(known)}" if known else "should have no options")


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.strip().rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) <= HIGHEST_PORT:
        raise ValueError("should name servers as host:port, with commas between")
    return host.strip("[]"), int(port)


def _service(scheme: str, path: list[str]) -> tuple[str, int]:
    if scheme == CLUSTER:
        if path:
            raise ValueError("should have no path: a Cluster has one database alone")
        return "", 0
    if len(path) not in {1, 2} or (len(path) == 2 and not path[1].isdecimal()):  # noqa: PLR2004
        raise ValueError("should end with /service or /service/db")
    return unquote(path[0]), int(path[1]) if len(path) == 2 else 0  # noqa: PLR2004
