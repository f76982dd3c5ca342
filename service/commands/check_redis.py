"""What `check` says of Redis: is it there, how old is it, does it do and keep what it is given. A start asks too."""

from collections.abc import Iterator, Sequence

from config import Settings, public
from service.commands.findings import Finding, Level
from service.errors import ServiceUnavailable
from service.stores import outbox
from service.stores.devices import DeviceStore
from service.stores.redis.connection import Connection
from service.stores.redis.reasons import reason_of
from service.stores.redis.server_info import Server, survey

OLDEST_REDIS = (6, 2)
KEEPS_ALL = "noeviction"
CLOCKS_APART = 1.0  # seconds
NEARLY_FULL = 0.9
MEBIBYTE = 2**20
TELLS = {"INFO": "version, memory and eviction policy", "TIME": "clock"}  # what is not known without


async def of_redis(settings: Settings, connection: Connection) -> list[Finding]:
    """What the servers say of themselves."""
    place = f"Redis at {public(settings.redis_location)}"
    try:
        servers, silent = await survey(connection)
    except ServiceUnavailable as error:
        reason = reason_of(error)
        return [Finding(Level.BAD, f"{place} {reason.text}", away=reason.away)]
    products = ", ".join(sorted({server.product for server in servers if server.product}))
    found = [
        Finding(
            Level.GOOD, f"{place} answers, {f'version {products}' if products else 'and does not tell its version'}"
        )
    ]
    if silent:
        found.append(Finding(Level.WARN, f"{place}: {', '.join(silent)} of its nodes does not answer"))
    return [*found, *of_servers(servers), *await of_keys(settings, connection)]


async def of_keys(settings: Settings, connection: Connection) -> list[Finding]:
    """Whether Latch may use the keys that an older deploy/redis/latch.acl does not name."""
    found = []
    load = "load deploy/redis/latch.acl of this version"
    if not await DeviceStore(connection).is_allowed():
        text = "Redis does not let Latch use the keys devices:*: logins of apps that send X-Device-Id would fail"
        found.append(Finding(Level.BAD, f"{text}; {load}"))
    if settings.outbox_limit and not await outbox.is_allowed(connection):
        text = "Redis does not let Latch write {outbox}:events: other systems would hear of nothing"
        found.append(Finding(Level.WARN, f"{text}; {load}"))
    return found


def of_servers(servers: Sequence[Server]) -> list[Finding]:
    """What is to be said of them. Pure."""
    if proxies := [server for server in servers if server.hangs_up]:
        text = (
            f"Redis{_on(proxies)} hangs up when it is asked INFO, as twemproxy (nutcracker) does: a proxy that knows "
            "few commands runs no script over several servers; REDIS_URL should name Redis, a Sentinel or a Cluster"
        )
        return [Finding(Level.BAD, text)]
    found = []
    if old := [server for server in servers if server.version and server.version[:2] < OLDEST_REDIS]:
        version = ".".join(map(str, old[0].version))
        found.append(Finding(Level.BAD, f"Redis {version}{_on(old)} is too old; 6.2 is the oldest that is supported"))
    return [*found, *_of_keeping(servers), *_of_each(servers)]


def _of_keeping(servers: Sequence[Server]) -> Iterator[Finding]:
    for policy in sorted({server.policy for server in servers if server.policy not in {None, KEEPS_ALL}}, key=str):
        evicting = [server for server in servers if server.policy == policy]
        text = f"maxmemory-policy is {policy}{_on(evicting)}: Redis may evict sessions; set {KEEPS_ALL}"
        yield Finding(Level.WARN, text)
    if all(server.policy == KEEPS_ALL for server in servers):
        yield Finding(Level.GOOD, "Redis evicts nothing")
    if forgetful := [server for server in servers if server.persistent is False]:
        text = f"Redis keeps nothing over a restart{_on(forgetful)}: everybody would be logged out; set appendonly yes"
        yield Finding(Level.WARN, text)
    if all(server.persistent for server in servers):
        yield Finding(Level.GOOD, "Redis keeps its data over a restart")
    if untold := [server for server in servers if server.persistent is None]:
        text = f"Redis has no append-only file{_on(untold)}, and whether it keeps snapshots it does not tell"
        if any("INFO" in server.untold for server in untold):
            text = f"Redis does not tell whether it keeps its data over a restart{_on(untold)}, neither by INFO nor to"
        yield Finding(Level.WARN, f"{text} a user without CONFIG; set appendonly yes")
    if untold := [server for server in servers if server.policy is None]:
        yield Finding(Level.WARN, f"Redis{_on(untold)} does not tell its maxmemory-policy; set {KEEPS_ALL}")


def _of_each(servers: Sequence[Server]) -> Iterator[Finding]:
    for server in servers:
        yield _of_memory(server)
        yield from _of_commands(server)
        if server.ahead and abs(server.ahead) > CLOCKS_APART:
            text = (
                f"the clock of Redis{_on([server])} and that of this machine are {abs(server.ahead):.1f} s apart: "
                "sessions and codes would live that much shorter or longer; run NTP on both"
            )
            yield Finding(Level.WARN, text)


def _of_memory(server: Server) -> Finding:
    uses = "does not tell how much memory it uses"
    if server.used is not None:
        uses = f"uses {server.used / MEBIBYTE:.1f} MiB of memory, without a limit"
    if server.used is not None and server.limit:
        uses = f"uses {server.used / MEBIBYTE:.1f} of {server.limit / MEBIBYTE:.1f} MiB (maxmemory)"
    if server.probes.writes:  # it may yet have room again
        text = f"Redis{_on([server])} takes no writes ({server.probes.writes}), and {uses}"
        return Finding(Level.BAD, text, away=True)
    if server.used is None:
        return Finding(Level.WARN, f"Redis{_on([server])} {uses}")
    if server.limit and server.used >= NEARLY_FULL * server.limit:
        return Finding(Level.WARN, f"Redis{_on([server])} {uses}: with none left nobody can log in")
    return Finding(Level.GOOD, f"Redis{_on([server])} {uses}")


def _of_commands(server: Server) -> Iterator[Finding]:
    """What is switched off, and whether Latch can do without."""
    probes, redis = server.probes, f"Redis{_on([server])}"
    for command in server.untold:
        yield Finding(Level.WARN, f"{redis} does not let {command} be asked: its {TELLS[command]} cannot be told")
    if probes.scripts:
        text = f"{redis} does not run the scripts of Latch ({probes.scripts}): allow EVAL, EVALSHA and what they use"
        yield Finding(Level.BAD, f"{text}, as in deploy/redis/latch.acl")
    elif probes.reads:
        yield Finding(
            Level.BAD, f"{redis} does not answer MGET ({probes.reads}), without which no token can be checked"
        )
    elif probes.scattered:
        text = f"{redis} does not find what a script has just written: a proxy spreads keys over servers, or reads from"
        yield Finding(Level.BAD, f"{text} replicas; REDIS_URL should name one server, a Sentinel or a Cluster")
    elif probes.elsewhere and not server.name:
        yield Finding(Level.BAD, f"{redis} is one node of a Cluster: REDIS_URL should start with redis+cluster://")
    elif not probes.writes:
        yield Finding(Level.GOOD, f"{redis} takes writes and runs scripts")
    if probes.by_text and not probes.scripts:
        yield Finding(Level.WARN, f"{redis} does not take EVALSHA: scripts go as text, some kilobytes for each login")


def _on(servers: Sequence[Server]) -> str:
    names = [server.name for server in servers if server.name]
    return f" on {', '.join(names)}" if names else ""
