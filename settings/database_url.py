"""DATABASE_URL of a PostgreSQL taken apart: its hosts, the login, and what becomes of each option.

Options have libpq's names (PostgreSQL's manual, "Parameter Key Words"); some are of other drivers, since hosts hand
them out. None is passed over in silence: it is taken, or has no effect and the start says why, or is refused.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from urllib.parse import parse_qsl, unquote

from settings import database_tls, redis_url
from settings.database_tls import ENFORCED, OF_SYSTEM

SCHEMES = ("postgres", "postgresql")
PORT = "5432"
HIGHEST_PORT = 65_535
LONGEST_WAIT = 600  # seconds
MOST_STATEMENTS = 10_000

TAKEN = {
    *("host", "port", "user", "password", "dbname", "application_name", "options", "schema", "connect_timeout"),
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslnegotiation", "target_session_attrs"),
    *("statement_cache_size", "pgbouncer"),
}
_KEPT_ALIVE = "connections are kept alive as they are"
WITHOUT_EFFECT = {
    "channel_binding": "asyncpg has no channel binding; with sslmode=verify-full the server's certificate is checked",
    "connection_limit": "DATABASE_POOL_SIZE is the limit",
    "pool_timeout": "DATABASE_TIMEOUT is the limit",
    "socket_timeout": "DATABASE_TIMEOUT is the limit",
    **dict.fromkeys(("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"), _KEPT_ALIVE),
    "tcp_user_timeout": _KEPT_ALIVE,
    # Of these the start says nothing: what they ask for is so anyway, or concerns other drivers.
    **dict.fromkeys(("gssencmode", "sslsni", "sslcompression", "client_encoding", "load_balance_hosts"), ""),
    **dict.fromkeys(("supa", "uselibpqcompat"), ""),
}
REFUSED = {
    "hostaddr": "name the address in place of the host",
    "passfile": "put the password into the URL",
    "service": "put what the service file says into the URL",
    "ssl": "use sslmode",
    "sslcrl": "lists of revoked certificates are not read",
    "sslpassword": "use a key without a passphrase",
}
VALUES = {  # of the options that take one of a few
    "channel_binding": ("disable", "prefer", "require"),
    "client_encoding": ("utf8", "UTF8", "utf-8", "UTF-8", "auto"),
    "gssencmode": ("disable", "prefer"),
    "load_balance_hosts": ("disable",),
    "pgbouncer": ("true", "false"),
    "sslmode": ("disable", "allow", "prefer", *ENFORCED),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": ("any", "read-write", "primary"),
}
WHY = {"gssencmode": "GSSAPI is not used", "target_session_attrs": "Latch writes"}
AMISS = "should name a host and a port; a password with / ? # or @ in it must be percent-encoded"
NAME = re.compile("[A-Za-z_]{1,40}")

Options = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Postgres:
    """Where the servers are, and how to log in there. What is None is left to asyncpg.

    `tls` is a context where TLS is enforced, else an sslmode; `settings` are sent with the log-in; `connect_timeout`
    is in seconds; `notes` are sentences about options without effect.
    """

    places: tuple[tuple[str, int], ...]
    user: str | None
    password: str
    database: str | None
    tls: ssl.SSLContext | str | None
    direct_tls: bool | None
    connect_timeout: float | None
    statement_cache_size: int | None
    target: str | None
    settings: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Without the password."""
        return f"Postgres({self.places})"


def parse(url: str) -> Postgres:
    """`postgres://user:password@host:port,host:port/database?option=value`.

    Raises ValueError with what it should be; never with a value of the URL: it may be a part of a password.
    """
    parts = redis_url.split(url)
    login, _, hosts = parts.netloc.rpartition("@")
    if "#" in url or "@" in parts.path or ("@" in url and not login) or "%00" in url or not parts.netloc.isascii():
        raise ValueError(AMISS)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    _refuse_bad(options)
    user, _, password = login.partition(":")
    places = _places(hosts, options)
    return Postgres(
        places,
        options.get("user") or unquote(user) or None,
        options.get("password") or unquote(password),
        options.get("dbname") or unquote(parts.path.lstrip("/")) or None,
        database_tls.of(options),
        True if options.get("sslnegotiation") == "direct" else None,
        _number(options, "connect_timeout", 1, LONGEST_WAIT),
        _cache_size(options),
        options.get("target_session_attrs", "read-write" if len(places) > 1 else None),
        _settings(options),
        tuple(_notes(options)),
    )


def _refuse_bad(options: Options) -> None:
    for name, value in options.items():
        if name in REFUSED:
            raise ValueError(f"should have no option {name}: {REFUSED[name]}")
        if name not in TAKEN | set(WITHOUT_EFFECT):
            shown = f"no option {name}" if NAME.fullmatch(name) else "no such option"
            raise ValueError(f"should have {shown}, only: {', '.join(sorted(TAKEN))}")
        if value not in VALUES.get(name, (value,)):
            why = f", since {WHY[name]}" if name in WHY else ""
            raise ValueError(f"should have {name} as one of: {', '.join(VALUES[name])}{why}")


def _notes(options: Options) -> list[str]:
    verified = options.get("sslmode") == "verify-full" or options.get("sslrootcert") == OF_SYSTEM
    quiet = {"channel_binding"} if verified or options.get("channel_binding") != "require" else set()
    told = ((name, WITHOUT_EFFECT.get(name)) for name in options if name not in quiet)
    return [f"{name} has no effect: {why}" for name, why in told if why]


def _places(hosts: str, options: Options) -> tuple[tuple[str, int], ...]:
    """As libpq has it: lists with commas, of hosts (or folders of Unix sockets) and of ports."""
    given = (options.get("host") or hosts).split(",")
    ports = (options.get("port") or PORT).split(",")
    if len(ports) == 1:
        ports *= len(given)
    if len(ports) != len(given):
        raise ValueError("should have one port for all hosts, or as many ports as hosts")
    return tuple(map(_place, given, ports))


def _place(text: str, port: str) -> tuple[str, int]:
    if not text.startswith("/") and (text.count(":") == 1 or "]:" in text):
        text, _, own = text.rpartition(":")
        port = own or port
    host = unquote(text[1:-1] if text.startswith("[") and text.endswith("]") else text)
    number = int(port) if port.isascii() and port.isdigit() else 0
    if not _is_host(host) or not 0 < number <= HIGHEST_PORT:
        raise ValueError(AMISS)
    return host, number


def _is_host(host: str) -> bool:
    """Whether connecting to it can fail of nothing but the network."""
    try:
        return host.startswith("/") or bool(IPv6Address(host) if ":" in host else host and host.encode("idna"))
    except ValueError:  # a UnicodeError is one
        return False


def _number(options: Options, name: str, least: int, most: int) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise ValueError(f"should have {name} from {least} to {most}")
    return int(text)


def _cache_size(options: Options) -> int | None:
    size = _number(options, "statement_cache_size", 0, MOST_STATEMENTS)
    return 0 if size is None and options.get("pgbouncer") == "true" else size


def _settings(options: Options) -> dict[str, str]:
    names = {"application_name": "application_name", "options": "options", "schema": "search_path"}
    return {name: options[option] for option, name in names.items() if option in options}
