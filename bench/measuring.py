"""The phases of a run that hold rounds: checks, logins and refreshes, many sessions, two workers."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import findings as f
from bench import stores
from bench.contestants import BARE, JWT, KINDS, Peer
from bench.contests import Contest, Ring, repeated
from bench.cores import Cores
from bench.figures import Figure, Rounds, busy, efficiency, p99, ratio
from bench.filling import Pair, fill
from bench.findings import Findings
from bench.generator import request
from bench.latch import Latch
from bench.logins import Logins, Refreshes
from bench.servers import BenchError, Server

FEW = 1_000
SAMPLE = 20_000
PEERS_DATABASE, SQLITE_DATABASE = 2, 1
BUSIEST, BUSY, ALONE = 256, 64, 1


@dataclass(frozen=True)
class Field:
    """Where all of it takes place, and where what is found is written down."""

    ring: Ring
    cores: Cores
    folder: Path
    redis: stores.RedisServer
    postgres: stores.PostgresServer
    found: Findings
    tcp: bool

    def keep(self, phase: str, rounds: dict[str, Rounds]) -> None:
        """Absolute figures, for the file alone."""
        for name, outcomes in rounds.items():
            self.found.absolute[f"{phase}: {name}"] = [asdict(outcome) for outcome in outcomes if outcome]

    def remember(self, when: str, server: Server) -> None:
        self.found.memory[when] = asdict(server.memory())


def contestants(field: Field, stack: ExitStack, latch: Latch, token: str) -> dict[str, Peer]:
    """Every peer, started. The bare handler answers as much as Latch does."""
    body = latch.answer(token)
    peers: dict[str, Peer] = {}
    for kind in KINDS:
        database = field.postgres.database(kind.key) if kind.logs_in else ""
        redis = field.redis.database(PEERS_DATABASE)
        peer = Peer(kind, field.folder, field.cores.server, redis=redis, database=database, body=body)
        try:
            peers[kind.title] = stack.enter_context(peer)
        except BenchError as error:
            if kind is BARE:
                raise
            field.found.notes.append(str(error))
    return peers


def checks(field: Field, latch: Latch, token: str, peers: dict[str, Peer]) -> None:
    """Everybody at 64 connections; Latch and the bare handler also at 1 and 256."""
    sent: dict[str, tuple[Server, bytes]] = {f.LATCH: (latch, request(f"Bearer {token}"))}
    sent |= {name: (peer, request(peer.authorization())) for name, peer in peers.items()}
    order = [BARE.title, f.LATCH, *(name for name in peers if name != BARE.title)]
    for connections in (BUSY, BUSIEST, ALONE):
        who = order if connections == BUSY else order[:2]
        contests = [Contest(name, sent[name][0], repeated([sent[name][1]], sent[name][0], connections)) for name in who]
        rounds = field.ring.hold(contests, warm=connections != BUSY)
        field.keep(f"checks at {connections}", rounds)
        for name in who[1:]:
            field.found.put(f.check(name, connections), ratio(rounds[name], rounds[BARE.title]))
        if connections == BUSY:
            for name in who:
                field.found.put(f.slowest(name), ratio(rounds[name], rounds[BARE.title], p99))
                field.found.put(f.busy(name), busy(rounds[name]))
            field.found.put(f.STATELESS, ratio(rounds[f.LATCH], rounds.get(JWT.title, [])))


def logins(field: Field, latch: Latch, on_sqlite: Latch, peers: dict[str, Peer]) -> None:
    """Logins of everybody who has some, and Latch's refreshes, in turns with the bare handler."""
    bare = peers[BARE.title]
    people: dict[str, Latch | Peer] = {f.LATCH_POSTGRES: latch, f.LATCH_SQLITE: on_sqlite}
    people |= {name: peer for name, peer in peers.items() if peer.kind.logs_in}
    contests = [Contest(BARE.title, bare, repeated([request(bare.authorization())], bare, BUSY))]
    for name, server in people.items():
        load = Logins(server)
        contests.append(Contest(name, server, load.shot, load.note))
    refreshes = Refreshes(latch.port, field.redis.client)
    contests.append(Contest(f.REFRESH, latch, refreshes.shot, refreshes.note))
    rounds = field.ring.hold(contests)
    field.keep("logins at 64", rounds)
    for contest in contests[1:]:
        field.found.put(f.login(contest.name), ratio(rounds[contest.name], rounds[BARE.title]))


def processor_of_logins(field: Field, latch: Latch) -> None:
    """Whose processor time a login takes: that of Latch, of Redis and of PostgreSQL, under load."""
    load = Logins(latch, prefix="138")
    for _ in range(2):  # the first one warms up
        shot = load.shot(field.ring.seconds)
        before = latch.processor(), field.redis.processor(), field.postgres.processor()
        outcome = field.ring.generator.fire(shot, field.ring.cores)
        after = latch.processor(), field.redis.processor(), field.postgres.processor()
        load.note(outcome)
        used = [later - earlier for earlier, later in zip(before, after, strict=True)]
    field.found.processor = dict(zip(("Latch", "Redis", "PostgreSQL"), [one / sum(used) for one in used], strict=True))


def sessions(field: Field, many: int) -> None:
    """Checks where there are few sessions and where there are many, each on a Redis of its own."""
    with ExitStack() as stack:
        contests = []
        for name, number in (("few", FEW), ("many", many)):
            redis = stack.enter_context(stores.redis(field.cores.stores, tcp=field.tcp))
            redis.client.config_set("appendonly", "no")  # checks write nothing, and a rewrite would disturb them
            before = int(redis.facts["used_memory"])
            pairs = fill(redis.client, number)
            size = (int(redis.facts["used_memory"]) - before) / number
            latch = stack.enter_context(Latch(field.folder, field.cores.server, redis=redis.database(0)))
            requests = [request(f"Bearer {pair.token}") for pair in _spread(pairs, SAMPLE)]
            latch.answer(pairs[-1].token)  # they are live
            contests.append(Contest(name, latch, repeated(requests, latch, BUSY)))
        rounds = field.ring.hold(contests)
    field.keep("sessions", rounds)
    field.found.put(f.SESSION_BYTES, Figure((size,)))
    field.found.put(f.MANY_SESSIONS, ratio(rounds["many"], rounds["few"]))
    field.found.sessions = FEW, many


def workers(field: Field) -> None:
    """One worker and two, on two cores, which the load and Redis share with them where there are no more."""
    cores = field.cores
    with ExitStack() as stack:
        redis = stack.enter_context(stores.redis(cores.beside, tcp=field.tcp))
        [pair] = fill(redis.client, 1)
        contests = []
        for number in (1, 2):
            latch = Latch(field.folder, cores.pair, redis=redis.database(0), workers=number)
            stack.enter_context(latch)
            requests = [request(f"Bearer {pair.token}")]
            contests.append(Contest(str(number), latch, repeated(requests, latch, 2 * BUSY)))
        time.sleep(1)  # both workers are up
        rounds = field.ring.hold(contests, cores=cores.beside)
    field.keep("workers", rounds)
    each = ratio(rounds["2"], rounds["1"], efficiency)
    field.found.put(f.TWO_WORKERS, ratio(rounds["2"], rounds["1"]))
    field.found.put(f.TWO_WORKERS_EACH, each)
    field.found.put(f.TWO_WORKERS_CORES, Figure(tuple(2 * value for value in each.values)) if each else None)
    field.found.apart = cores.apart


def _spread(items: Sequence[Pair], most: int) -> Sequence[Pair]:
    return items[:: max(1, len(items) // most)]
