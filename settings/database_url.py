"""DATABASE_URL of a PostgreSQL taken apart: its hosts, the login, and what becomes of each option.

Options have libpq's names (PostgreSQL's manual, "Parameter Key Words"); some are of other drivers, since hosts hand
them out. None is passed over in silence: it is taken, or has no effect and the start says why, or is refused.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from settings import redis_url

SCHEMES = ("postgres", "postgresql")
PORT = "5432"
HIGHEST_PORT = 65_535
LONGEST_WAIT = 600  # seconds
MOST_STATEMENTS = 10_000
OF_SYSTEM = "system"
VERIFIED = ("verify-ca", "verify-full")
ENFORCED = ("require", *VERIFIED)

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
    "target_session_attrs": ("any", "read-write", "primary"),  # for Latch writes
}
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
        raise ValueError("should name a host and a port; a password with / ? # or @ in it must be percent-encoded")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    _refuse_bad(options)
    user, _, password = login.partition(":")
    places = _places(hosts, options)
    return Postgres(
        places,
        options.get("user") or unquote(user) or None,
        options.get("password") or unquote(password),
        options.get("dbname") or unquote(parts.path.lstrip("/")) or None,
        _tls(options),
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
            raise ValueError(f"should have {name} as one of: {', '.join(VALUES[name])}")


def _notes(options: Options) -> list[str]:
    verified = options.get("sslmode") == "verify-full" or options.get("sslrootcert") == OF_SYSTEM
    quiet = {"channel_binding"} if verified or options.get("channel_binding") != "require" else set()
    told = ((name, WITHOUT_EFFECT.get(name)) for name in options if name not in quiet)
    return [f"{name} has no effect: {why}" for name, why in told if why]


def _places(hosts: str, options: Options) -> tuple[tuple[str, int], ...]:
    """As libpq has it: lists with commas, of hosts (or folders of Unix sockets) and of ports."""
    given = options.get("host", "").split(",") if options.get("host") else [unquote(host) for host in hosts.split(",")]
    ports = (options.get("port") or PORT).split(",")
    if len(ports) == 1:
        ports *= len(given)
    if len(ports) != len(given):
        raise ValueError("should have one port for all hosts, or as many ports as hosts")
    return tuple(map(_place, given, ports))


def _place(text: str, port: str) -> tuple[str, int]:
    if not text.startswith("/") and (text.count(":") == 1 or "]:" in text):
        text, _, port = text.rpartition(":")
    host = text if text.startswith("/") else text.strip("[]")
    try:
        host.encode("idna")  # else connecting fails with an error that is no network's
        number = int(port) if port.isascii() and port.isdigit() else 0
    except UnicodeError:
        number = 0
    if not host or not 0 < number <= HIGHEST_PORT:
        raise ValueError("should name a host and a port; a password with / ? # or @ in it must be percent-encoded")
    return host, number


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


def _tls(options: Options) -> ssl.SSLContext | str | None:
    """As libpq has it, but that no file in ~/.postgresql is looked for: verify-full is by the system's authorities."""
    root = options.get("sslrootcert")
    mode = options.get("sslmode", "verify-full" if root == OF_SYSTEM else None)
    if root == OF_SYSTEM and mode != "verify-full":
        raise ValueError("should have sslmode=verify-full with sslrootcert=system")
    if mode == "verify-ca" and root is None:
        raise ValueError("should have an sslrootcert with sslmode=verify-ca, or sslmode=verify-full")
    if mode not in ENFORCED:
        if {"sslrootcert", "sslcert", "sslkey"} & set(options) or options.get("sslnegotiation") == "direct":
            raise ValueError(f"should have sslmode as one of: {', '.join(ENFORCED)}, where other ssl options are")
        return mode
    try:
        return _context(mode, root, options.get("sslcert"), options.get("sslkey"))
    except OSError:  # a certificate that is none is an SSLError, and so one of these
        raise ValueError("should name files that are there and hold PEM as sslcert, sslkey, sslrootcert") from None


def _context(mode: str, root: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = mode == "verify-full"
    if root not in {None, OF_SYSTEM}:
        context.load_verify_locations(cafile=root)
    elif mode == "verify-full":
        context.load_default_certs()
    else:
        context.verify_mode = ssl.CERT_NONE
    if certificate or key:
        context.load_cert_chain(certificate or "", key, password=lambda: "")  # else it would ask at the terminal
    context.set_alpn_protocols(["postgresql"])  # PostgreSQL 17 asks for it where TLS comes first
    return context
