"""REDIS_URL taken apart where it names many servers: those of a Sentinel or of a Cluster. Pure."""

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

SENTINEL, CLUSTER = "redis+sentinel", "redis+cluster"
SENTINEL_OPTIONS = {"sentinel_username", "sentinel_password"}
HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers are and how to log in there. `service` and `db` are a Sentinel's alone."""

    scheme: str
    places: tuple[tuple[str, int], ...]
    username: str | None = None
    password: str | None = None
    service: str = ""
    db: int = 0
    sentinel_username: str | None = None
    sentinel_password: str | None = None

    def __repr__(self) -> str:
        """Without the passwords."""
        return f"Servers({self.scheme}, {self.places})"


def names_many(url: str) -> bool:
    """Whether a URL is that of a Sentinel or of a Cluster."""
    return url.partition("://")[0] in {SENTINEL, CLUSTER}


def parse(url: str) -> Servers:
    """`redis+sentinel://user:password@host:port,host:port/service/db` or `redis+cluster://...@host:port,host:port`.

    Raises ValueError with what it should be; never with a part of the URL, which may be a password.
    """
    parts = urlsplit(url)
    user, _, hosts = parts.netloc.rpartition("@")
    username, _, password = user.partition(":")
    places = tuple(_place(text) for text in hosts.split(","))
    if "#" in url or "@" in parts.path:
        raise ValueError("should have a password with / ? # or @ in it percent-encoded")
    path = [part for part in parts.path.split("/") if part]
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if set(options) - (SENTINEL_OPTIONS if parts.scheme == SENTINEL else set()):
        raise ValueError("should have no other options than " + ", ".join(sorted(SENTINEL_OPTIONS)))
    service, db = _service(parts.scheme, path)
    return Servers(parts.scheme, places, unquote(username) or None, unquote(password) or None, service, db, **options)


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
