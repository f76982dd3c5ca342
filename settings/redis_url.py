"""REDIS_URL taken apart: one server, those of a Sentinel, those of a Cluster. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

REDIS, TLS_REDIS, UNIX = "redis", "rediss", "unix"
SENTINEL, CLUSTER = "redis+sentinel", "redis+cluster"
TLS_SENTINEL, TLS_CLUSTER = "rediss+sentinel", "rediss+cluster"  # TLS to every server, the Sentinels included
OPTIONS = {"db", "username", "password", "client_name"}  # of one server, named as redis-py names them
SENTINEL_OPTIONS = {"sentinel_username", "sentinel_password"}
TLS_FILES = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}
TLS_OPTIONS = {*TLS_FILES, "ssl_check_hostname"}  # named as redis-py names those of rediss://
REQUIREMENTS = "ssl_cert_reqs"  # of one server's certificate
REQUIRED = {"none", "optional", "required"}
USUAL_PORT, HIGHEST_PORT = 6_379, 65_535
AUTHORITY = re.compile("[^/?#]*")


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers are and how to log in there. `service` is a Sentinel's alone, and a Cluster has no `db`.

    `scheme` is REDIS, UNIX (then `path` is the socket's, and there are no places), SENTINEL or CLUSTER; `tls` is empty,
    or what redis-py is told of it.
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
    path: str = ""
    client_name: str = ""

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
    """`redis://user:password@host:port/db`, `rediss://...` with TLS, `unix:///path?db=1`, or many servers.

    Those: `redis+sentinel://user:password@host:port,host:port/service/db` or `redis+cluster://...@host:port,host:port`,
    with TLS `rediss+...`. Raises ValueError with what it should be; never with a part of the URL: it may be a password.
    """
    parts = split(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    return _many(parts, options, odd="#" in url) if names_many(url) else _one(parts, options)


def refuse_several(url: str) -> None:
    """Raises ValueError where a URL of one server names several."""
    if not names_many(url) and "," in split(url).netloc.rpartition("@")[2]:
        raise ValueError(f"should name one server; several are those of {SENTINEL}:// or {CLUSTER}://")


def _one(parts: SplitResult, options: Mapping[str, str]) -> Servers:
    secure = parts.scheme == TLS_REDIS
    _refuse_others(options, OPTIONS, {*TLS_OPTIONS, REQUIREMENTS} if secure else set())
    username, password = _login(parts.netloc, options)
    name = options.get("client_name", "")
    if parts.scheme == UNIX:
        if parts.netloc.rpartition("@")[2] or not parts.path:
            raise ValueError("should name a socket as unix:///path, or unix://user:password@/path")
        db, path = _number(options.get("db", "0")), unquote(parts.path)
        return Servers(UNIX, (), username, password, db=db, path=path, client_name=name)
    place = (unquote(parts.hostname or ""), parts.port or USUAL_PORT)
    db = _number(options.get("db", parts.path.removeprefix("/") or "0"))
    tls = _tls(options) if secure else {}
    return Servers(REDIS, (place,), username, password, db=db, tls=tls, client_name=name)


def _many(parts: SplitResult, options: Mapping[str, str], *, odd: bool) -> Servers:
    scheme = CLUSTER if parts.scheme in {CLUSTER, TLS_CLUSTER} else SENTINEL
    places = tuple(_place(text) for text in parts.netloc.rpartition("@")[2].split(","))
    if odd or "@" in parts.path:
        raise ValueError("should have a password with / ? # or @ in it percent-encoded")
    tls = _tls(options) if parts.scheme in {TLS_SENTINEL, TLS_CLUSTER} else {}
    _refuse_others(options, SENTINEL_OPTIONS if scheme == SENTINEL else set(), TLS_OPTIONS if tls else set())
    service, db = _service(scheme, [part for part in parts.path.split("/") if part])
    logins = {name: value for name, value in options.items() if name in SENTINEL_OPTIONS}
    if "sentinel_username" in logins and not logins.get("sentinel_password"):
        raise ValueError("should have a sentinel_password beside the sentinel_username")
    return Servers(scheme, places, *_login(parts.netloc, {}), service, db, **logins, tls=tls)


def _login(netloc: str, options: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The user name and the password, either None."""
    user, _, password = netloc.rpartition("@")[0].partition(":")
    username = unquote(user) or options.get("username") or None
    password = unquote(password) or options.get("password", "")
    if username and not password:
        raise ValueError("should have a password after the user name, as in user:password@ or, of nobody, :password@")
    return username, password or None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("should name its database by a number, as in redis://host:6379/0 or ?db=0")
    return int(text)


def _tls(options: Mapping[str, str]) -> dict[str, str | bool]:
    checked = options.get("ssl_check_hostname", "true").lower()
    if checked not in {"true", "false"}:
        raise ValueError("should have ssl_check_hostname=true or ssl_check_hostname=false")
    if options.get(REQUIREMENTS, "none") not in REQUIRED:
        raise ValueError(f"should have {' or '.join(f'{REQUIREMENTS}={word}' for word in sorted(REQUIRED))}")
    return {
        "ssl": True,
        "ssl_check_hostname": checked == "true",
        **{name: value for name, value in options.items() if name in {*TLS_FILES, REQUIREMENTS}},
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
    if len(path) not in {1, 2} or (len(path) == 2 and not (path[1].isascii() and path[1].isdigit())):  # noqa: PLR2004 - the server and what comes after it
        raise ValueError("should end with /service or /service/db")
    return unquote(path[0]), int(path[1]) if len(path) == 2 else 0  # noqa: PLR2004 - the server and what comes after it
