"""What `check` says of Redis: does it answer, how old is it, does it keep what it is given. A start asks too."""

from collections.abc import Sequence

from config import Settings, public
from service.commands.findings import Finding, Level, cause_of
from service.errors import ServiceUnavailable
from service.stores.redis.connection import Connection
from service.stores.redis.server_info import Server, survey

OLDEST_REDIS = (6, 2)
KEEPS_ALL = "noeviction"
CLOCKS_APART = 1.0  # seconds
NEARLY_FULL = 0.9
MEBIBYTE = 2**20


async def of_redis(settings: Settings, connection: Connection) -> list[Finding]:
    """What the servers say of themselves."""
    place = f"Redis at {public(settings.redis_location)}"
    try:
        servers, silent = await survey(connection)
    except ServiceUnavailable as error:
        return [Finding(Level.BAD, f"{place} does not answer{cause_of(error)}", away=True)]
    versions = ", ".join(sorted({".".join(map(str, server.version)) for server in servers}))
    found = [Finding(Level.GOOD, f"{place} answers, version {versions}")]
    if silent:
        found.append(Finding(Level.WARN, f"{place}: {', '.join(silent)} of its nodes does not answer"))
    return [*found, *of_servers(servers)]


def of_servers(servers: Sequence[Server]) -> list[Finding]:
    """What is to be said of them. Pure."""
    found = []
    if old := [server for server in servers if server.version[:2] < OLDEST_REDIS]:
        version = ".".join(map(str, old[0].version))
        found.append(Finding(Level.BAD, f"Redis {version}{_on(old)} is too old; 6.2 is the oldest that is supported"))
    for policy in sorted({server.policy for server in servers if server.policy not in {None, KEEPS_ALL}}, key=str):
        evicting = [server for server in servers if server.policy == policy]
        text = f"maxmemory-policy is {policy}{_on(evicting)}: Redis may evict sessions; set {KEEPS_ALL}"
        found.append(Finding(Level.WARN, text))
    if all(server.policy == KEEPS_ALL for server in servers):
        found.append(Finding(Level.GOOD, "Redis evicts nothing"))
    if forgetful := [server for server in servers if server.persistent is False]:
        text = f"Redis keeps nothing over a restart{_on(forgetful)}: everybody would be logged out; set appendonly yes"
        found.append(Finding(Level.WARN, text))
    if all(server.persistent for server in servers):
        found.append(Finding(Level.GOOD, "Redis keeps its data over a restart"))
    if untold := [server for server in servers if server.persistent is None]:
        text = f"Redis has no append-only file{_on(untold)}, and whether it keeps snapshots it does not tell"
        found.append(Finding(Level.WARN, f"{text} a user without CONFIG; set appendonly yes"))
    if untold := [server for server in servers if server.policy is None]:
        found.append(Finding(Level.WARN, f"Redis{_on(untold)} does not tell its maxmemory-policy; set {KEEPS_ALL}"))
    found += map(_of_memory, servers)
    for server in servers:
        if abs(server.ahead) > CLOCKS_APART:
            text = (
                f"the clock of Redis{_on([server])} and that of this machine are {abs(server.ahead):.1f} s apart: "
                "sessions and codes would live that much shorter or longer; run NTP on both"
            )
            found.append(Finding(Level.WARN, text))
    return found


def _of_memory(server: Server) -> Finding:
    uses = f"uses {server.used / MEBIBYTE:.1f} MiB of memory, without a limit"
    if server.limit:
        uses = f"uses {server.used / MEBIBYTE:.1f} of {server.limit / MEBIBYTE:.1f} MiB (maxmemory)"
    if server.refusal:  # it may yet have room again
        text = f"Redis{_on([server])} takes no writes ({server.refusal}), and {uses}"
        return Finding(Level.BAD, text, away=True)
    if server.limit and server.used >= NEARLY_FULL * server.limit:
        return Finding(Level.WARN, f"Redis{_on([server])} {uses}: with none left nobody can log in")
    return Finding(Level.GOOD, f"Redis{_on([server])} {uses}")


def _on(servers: Sequence[Server]) -> str:
    names = [server.name for server in servers if server.name]
    return f" on {', '.join(names)}" if names else ""
