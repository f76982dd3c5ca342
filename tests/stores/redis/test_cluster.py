"""What a Cluster asks for: one slot for each operation, and that nobody notices a slot that moves to another node."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from service.entities import Device, EndReason, LoginMark, PastLogin
from service.errors import ServiceUnavailable
from service.message_counts import CodeCounts
from service.selections import Revocation
from service.stores import budgets, conversions, cooldowns
from service.stores.code_values import CodeLease
from service.stores.codes import CodeStore, owner
from service.stores.dead_letters import DeadLetterStore
from service.stores.deliveries import NEW, DeliveryStore
from service.stores.limits import LimitStore
from service.stores.message_figures import MessageFigureStore
from service.stores.openid_states import OpenIdStates
from service.stores.operator_links import OperatorLinks
from service.stores.operator_sessions import OperatorRecord, OperatorSessionStore
from service.stores.outbox import STREAM, UNAVAILABLE, Outbox, appending, is_allowed
from service.stores.redis.connection import PING, PROBE, Connection
from service.stores.redis.probes import ALL_COMMANDS
from service.stores.redis.scripts import LUA
from service.stores.revocations import RevocationStore
from service.stores.session_walk import SessionWalk
from service.stores.sessions import SessionStore
from tests import topologies
from tests.client import MOBILE
from tests.conftest import NAMES
from tests.processes import PATIENCE
from tests.stores.test_sessions import CAP, LIST, NOW, USER, Login, find, opened, swap

pytestmark = pytest.mark.slow

SLOT = key_slot(LIST.encode())
NAME = NAMES.of(MOBILE)


class Cluster:
    """The nodes of a Cluster, and how a slot moves from one to another."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.nodes: dict[str, Any] = {}  # redis-py says too little of what it answers
        self.ports: dict[str, int] = {}

    async def open(self) -> None:
        """Ask one node for all the others."""
        first = Redis.from_url("redis://" + self._url.rpartition("/")[2].partition(",")[0], protocol=2)
        for place, node in (await first.cluster("NODES")).items():
            self.ports[node["node_id"]] = int(place.rpartition(":")[2])
            self.nodes[node["node_id"]] = Redis(port=self.ports[node["node_id"]], protocol=2)
        await first.aclose()

    async def close(self) -> None:
        for node in self.nodes.values():
            await node.aclose()

    async def keys(self) -> set[str]:
        """The names of all keys, on whatever node they are."""
        return {key.decode() for node in self.nodes.values() for key in await node.keys("*")}

    async def owner(self, key: str = LIST) -> str:
        """The node that has the slot of a key, of the user if none is named."""
        slot = key_slot(key.encode())
        for name in self.nodes:
            ranges = (_range(text) for text in await self.slots_of(name))
            if any(int(first) <= slot <= int(last) for first, last in ranges):
                return name
        raise AssertionError

    async def slots_of(self, name: str) -> list[Any]:
        """The ranges of slots of a node; a Cluster of the tests has a node without any."""
        known: Any = await self.nodes[name].cluster("NODES")
        found: list[Any] = next(value for value in known.values() if "myself" in value["flags"])["slots"]
        return found

    async def begin(self, source: str, target: str) -> None:
        """From here on the keys of the slot are on either of the two."""
        await self.nodes[target].execute_command("SCRIPT", "FLUSH")
        await self.nodes[target].execute_command("CLUSTER", "SETSLOT", SLOT, "IMPORTING", source)
        await self.nodes[source].execute_command("CLUSTER", "SETSLOT", SLOT, "MIGRATING", target)

    async def flush(self, source: str, target: str) -> None:
        """Move every key of the slot."""
        while keys := await self.nodes[source].execute_command("CLUSTER", "GETKEYSINSLOT", SLOT, 100):
            place = ("127.0.0.1", self.ports[target], "", 0, 5000)
            await self.nodes[source].execute_command("MIGRATE", *place, "KEYS", *keys)

    async def finish(self, source: str, target: str) -> None:
        """Tell every node whose the slot is: the new owner first."""
        others = [name for name in self.nodes if name not in {source, target}]
        for name in (target, source, *others):
            await self.nodes[name].execute_command("CLUSTER", "SETSLOT", SLOT, "NODE", target)


def _range(text: Any) -> tuple[str, str]:
    first, last = (text[0], text[-1]) if isinstance(text, list) else (text.partition("-")[0], text.rpartition("-")[2])
    return first, last


@pytest.fixture
async def cluster(cluster_redis: str, loop: Any) -> AsyncIterator[Cluster]:
    cluster = Cluster(cluster_redis)
    await cluster.open()
    for node in cluster.nodes.values():
        await node.flushall()
    yield cluster
    await cluster.close()


@pytest.fixture
async def connection(cluster_redis: str, cluster: Cluster) -> AsyncIterator[Connection]:
    """With more time than anybody here could need: a busy machine may stand still in the middle of a move."""
    connection = Connection(topologies.as_latch(cluster_redis), timeout=30)
    yield connection
    await connection.close()


@pytest.fixture
async def store(connection: Connection) -> SessionStore:
    return SessionStore(connection)


async def refreshed(store: SessionStore, login: Login, at: float) -> Login:
    later = login.refreshed(at)
    assert await swap(store, (await find(store, login)).raw, later) is True
    return later


async def test_nobody_is_logged_out_and_nothing_fails_while_a_slot_moves(store: SessionStore, cluster: Cluster) -> None:
    login, other = await opened(store), await opened(store)
    source = await cluster.owner()
    targets = [name for name in cluster.nodes if name != source]
    moved = asyncio.Event()

    async def keep_using() -> tuple[Login, int]:
        latest, turns = login, 0
        while not moved.is_set() or turns < 3:
            latest = await refreshed(store, latest, NOW + 1 + turns)
            assert (await find(store, latest)).access == latest.access
            turns += 1
        return latest, turns

    async def keep_checking() -> None:
        while not moved.is_set():
            assert (await find(store, other)).access == other.access

    users = asyncio.gather(keep_using(), keep_checking(), keep_checking())
    for before, after in zip([source, *targets[:-1]], targets, strict=True):  # the node without a slot among them
        await cluster.begin(before, after)
        await cluster.flush(before, after)
        await cluster.flush(before, after)  # what was written since
        await cluster.finish(before, after)
        assert await cluster.owner() == after
    moved.set()
    latest = (await users)[0][0]
    assert (await find(store, latest)).session == latest.session
    assert {session.session_id for session in await store.of_user(USER)} == {login.id, other.id}


async def test_a_session_whose_keys_have_moved_before_their_slot_is_found_by_asking(
    store: SessionStore, cluster: Cluster
) -> None:
    login, _ = await opened(store), await opened(store)
    source = await cluster.owner()
    target = next(name for name in cluster.nodes if name != source)
    await cluster.begin(source, target)
    await cluster.flush(source, target)
    assert (await find(store, login)).session == login.session
    assert await store.end(USER, login.id, EndReason.REVOKED, NOW) is True  # a script that the target does not know
    # The list is still there: where one of several keys is not, a moving slot says "try again" until it has moved.
    assert (await find(store, login)).ended == EndReason.REVOKED
    await cluster.finish(source, target)
    assert (await find(store, login)).ended == EndReason.REVOKED
    assert (await opened(store)).session.user_id == USER


async def test_readers_of_every_slot_get_their_own_answers_while_one_moves(
    connection: Connection, cluster: Cluster, cluster_redis: str
) -> None:
    everybody, users = Connection(cluster_redis, timeout=30), range(USER - 40, USER + 40)
    for user in users:
        await everybody.write("SET", f"session:{{{user}}}:a", f"of {user}")
    await everybody.close()
    source = await cluster.owner()
    target = next(name for name in cluster.nodes if name != source)
    moved, rounds = asyncio.Event(), 0

    async def keep_reading() -> None:
        nonlocal rounds
        while not moved.is_set() or rounds < 3:
            asked = (connection.values(f"session:{{{user}}}:a") for user in users)
            assert await asyncio.gather(*asked) == [[f"of {user}".encode()] for user in users]
            rounds += 1

    reading = asyncio.gather(keep_reading(), keep_reading())
    await cluster.begin(source, target)
    await asyncio.sleep(0.02)
    await cluster.flush(source, target)
    await asyncio.sleep(0.02)
    await cluster.finish(source, target)
    moved.set()
    await reading


async def test_the_layout_is_asked_for_again_after_a_node_was_silent(cluster_redis: str, cluster: Cluster) -> None:
    connection = Connection(topologies.as_latch(cluster_redis), timeout=0.3)
    while connection.redis.is_layout_due:  # type: ignore[attr-defined]
        with suppress(ServiceUnavailable):
            await connection.values(LIST)
    await cluster.nodes[await cluster.owner()].execute_command("CLIENT", "PAUSE", 600, "ALL")
    with pytest.raises(ServiceUnavailable):
        await connection.values(LIST)
    assert connection.redis.is_layout_due  # type: ignore[attr-defined]
    await eventually_empty(connection)
    await connection.close()


async def test_a_slot_that_nobody_has_is_503_until_somebody_has_it(connection: Connection) -> None:
    assert await connection.values(LIST) == [None]
    del connection.redis.nodes_manager.slots_cache[SLOT]  # type: ignore[attr-defined]
    with pytest.raises(ServiceUnavailable):
        await connection.values(LIST)
    await eventually_empty(connection)


async def eventually_empty(connection: Connection) -> None:
    """Until a read is served again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            assert await connection.values(LIST) == [None]
        except ServiceUnavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        else:
            return


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """The scripts run meanwhile, with their keys."""
    seen: list[tuple[str, list[str]]] = []
    run = Connection.run

    def watched(self: Connection, script: Any, keys: Any, arguments: Any) -> Any:
        seen.append((script.name, list(keys)))
        return run(self, script, keys, arguments)

    monkeypatch.setattr(Connection, "run", watched)
    return seen


async def deliver_and_bury(connection: Connection) -> None:
    """What the dispatcher of webhooks runs, and an operator."""
    await connection.run(*appending(10, NOW, [f"= login {USER} {{}}"], "1"))
    deliveries, letters = DeliveryStore(connection), DeadLetterStore(connection)
    assert await deliveries.hold("token", 10)
    [event, *_] = (await deliveries.read("token", "receiver", NEW, 10, 0)).events
    await letters.bury("token", "receiver", event, 1, "status 500")
    [letter] = await letters.newest("", 10)
    assert await letters.resend(letter.letter_id)


async def test_every_script_touches_one_slot_alone(
    connection: Connection, store: SessionStore, touched: list[tuple[str, list[str]]]
) -> None:
    login = await opened(store)
    await refreshed(store, login, NOW + 1)
    await store.end(USER, login.id, EndReason.REVOKED, NOW)
    await store.unblock_logins(USER)
    await opened(store, cap=CAP)
    await store.end_all(USER, EndReason.REVOKED, NOW, block_logins=True)
    codes, steps = CodeStore(connection), cooldowns.CooldownStore(connection, (60,), 20)
    await codes.issue(NAME, "nonce", "digest", now=NOW, life=300, attempts=5)
    tries = (budgets.Budget("tries", owner(NAME), budgets.windows_of("tries", "5/hour;20/day")),)
    lease = CodeLease(MOBILE, NAME, "me", tries)
    await codes.verify(lease, "digest", now=NOW, life=10, attempts=5)
    await codes.release(lease)
    await connection.run_chain([codes.spending(lease)])
    named, past = lease._replace(marks=(LoginMark("name", "digest"),)), PastLogin("digest", "nonce", USER, is_new=True)
    await codes.verify(named, "digest", now=NOW, life=10, attempts=5)
    await codes.lend_fixed(named._replace(is_fixed=True), life=10)
    await connection.run_chain([codes.spending(named, past)])
    limits = LimitStore(connection, lambda: NOW)
    assert await limits.spend(tries) is None
    assert await limits.look(tries) is None
    await steps.start(NAME, NOW)
    await steps.undo(NAME, NOW)
    await conversions.ConversionStore(connection).add_sent("1380013", NOW)
    await MessageFigureStore(connection).add({}, {"1380013": CodeCounts(1)}, NOW)
    await SessionWalk(connection).end([(USER, login.id), (USER + 1, login.id)], EndReason.REVOKED, NOW)
    jobs = RevocationStore(connection)
    await jobs.note(Revocation("a" * 16, "everyone", "ada", NOW, dry_run=False))
    await jobs.stop("a" * 16)
    await jobs.enlist("a" * 16)
    await OperatorLinks(connection).spend("ada", "digest")
    await OpenIdStates(connection).take("digest")
    operators = OperatorSessionStore(connection)
    await operators.open("ada", "1", OperatorRecord("digest", None, Device("Firefox", "192.0.2.7"), NOW, NOW))
    assert await operators.end_all("ada") == ["1"]
    told = SessionStore(connection, outbox := Outbox(connection, 100))
    with_device = Login(user_id=USER + 1)
    assert await told.open(with_device.session, with_device.key_suffix, with_device.access, cap=CAP, device="0a" * 16)
    await told.end_all(USER + 1, EndReason.REVOKED, NOW)
    await outbox.settle(30)
    assert await is_allowed(connection)
    await deliver_and_bury(connection)
    for script in (PING, ALL_COMMANDS):
        await connection.run(script, [PROBE], [])
    assert {name for name, _ in touched} == {path.stem for path in LUA.glob("*.lua")}
    for name, keys in touched:
        assert len({key_slot(key.encode()) for key in keys}) == 1, name


async def test_all_keys_of_a_user_are_in_one_slot(store: SessionStore, cluster: Cluster) -> None:
    seen: set[str] = set()
    for _ in range(2):
        await refreshed(store, await opened(store), NOW + 1)
        seen |= await cluster.keys()
    await store.end_all(USER, EndReason.REVOKED, NOW, block_logins=True)
    seen |= await cluster.keys()
    counted = Counter(key.partition(":")[0] for key in seen)
    assert counted == {"token": 4, "session": 2, "sessions": 1, "barred": 1}
    assert {key_slot(key.encode()) for key in seen} == {SLOT}


async def test_what_is_told_follows_its_change_in_order_and_keeps_nobody_waiting(
    connection: Connection, cluster: Cluster, cluster_redis: str
) -> None:
    """The stream lies in another slot: while its node is silent sessions end as ever, and what is lost is counted."""
    lost: Counter[str] = Counter()
    brief = Connection(topologies.as_latch(cluster_redis), timeout=0.5)
    outbox = Outbox(brief, 1_000, lambda reason, times: lost.update({reason: times}))
    store = SessionStore(connection)
    users = {name: await user_on(cluster, name) for name in cluster.nodes if await cluster.slots_of(name)}
    silent = await cluster.owner(STREAM)
    elsewhere = next(user for name, user in users.items() if name != silent)
    logins = [Login(user_id=elsewhere) for _ in range(3)]
    told = SessionStore(brief, outbox)
    for login in logins:
        assert await told.open(login.session, login.key_suffix, login.access, cap=CAP)
    await outbox.settle(30)
    await cluster.nodes[silent].execute_command("CLIENT", "PAUSE", 3_000, "ALL")
    began = time.monotonic()
    for login in logins:
        assert await told.end(elsewhere, login.id, EndReason.REVOKED, NOW) is True
    assert time.monotonic() - began < 0.5  # less than what a silent node takes
    await outbox.settle(30)
    await cluster.nodes[silent].execute_command("CLIENT", "UNPAUSE")
    await brief.close()
    assert [(await find(store, login)).ended for login in logins] == [EndReason.REVOKED] * 3
    found = await cluster.nodes[silent].xrange(STREAM)
    kinds = [fields[b"type"] for _, fields in found]
    assert kinds[:3] == [b"login"] * 3
    assert lost == {UNAVAILABLE: 3}


async def test_a_process_that_is_killed_between_the_two_takes_what_was_to_be_told(
    cluster: Cluster, cluster_redis: str
) -> None:
    """The session has ended; nobody hears of it, and nobody can count it: docs say so."""
    first = Connection(topologies.as_latch(cluster_redis), timeout=30)
    outbox = Outbox(first, 1_000)
    store = SessionStore(first, outbox)
    login = Login()
    assert await store.open(login.session, login.key_suffix, login.access, cap=CAP)
    await outbox.settle(30)
    assert await store.end(USER, login.id, EndReason.REVOKED, NOW) is True
    await first.close()  # at once, as a kill closes it: what follows is on its way, or nowhere
    second = Connection(topologies.as_latch(cluster_redis), timeout=30)
    assert (await find(SessionStore(second), login)).ended == EndReason.REVOKED
    node = cluster.nodes[await cluster.owner(STREAM)]
    assert [fields[b"type"] for _, fields in await node.xrange(STREAM)] in [
        [b"login"],
        [b"login", b"session.ended"],
    ]
    await second.close()


async def user_on(cluster: Cluster, name: str) -> int:
    """A user whose keys lie on this node."""
    user = USER
    while await cluster.owner(f"sessions:{{{user}}}") != name:
        user += 1
    return user
