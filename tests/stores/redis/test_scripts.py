"""Several scripts in turn: what was done before one that stops stays done, on every kind of Redis alike."""

from typing import Any

import pytest
from redis.crc import key_slot
from redis.exceptions import ResponseError

from service.stores.redis.connection import Connection
from service.stores.redis.scripts import Script, ScriptCall, chain_scripts
from tests.stores.redis.test_cluster import Cluster, cluster

__all__ = ["cluster"]  # a fixture

COUNT = Script("count", repeatable=False, source="return redis.call('HINCRBY', KEYS[1], 'n', ARGV[1])")
SAY = Script(
    "say",
    repeatable=True,
    source="-- with a comment\nreturn {#KEYS, #ARGV, KEYS[#KEYS], ARGV[#ARGV] or ''} -- and another",
)
NOTHING = Script("nothing", repeatable=True, source="return false")
ZERO = Script("zero", repeatable=True, source="return 0")
EMPTY = Script("empty", repeatable=True, source="return {}")
FAIL = Script("fail", repeatable=True, source="return redis.call('HINCRBY', KEYS[1])")

# In slots of different nodes of a Cluster.
ONE, OTHER, THIRD = "limit:a", "limit:b", "limit:c"


@pytest.fixture
def connection(connection_of_latch: Connection) -> Connection:
    return connection_of_latch


async def test_each_gets_its_own_keys_and_arguments_and_all_answers_are_told(connection: Connection) -> None:
    steps: list[ScriptCall] = [
        (SAY, [ONE], ["x"]),
        (SAY, [OTHER], []),
        (EMPTY, [THIRD], []),
        (SAY, [ONE, ONE], ["1", b"\x00\xff", 3]),
    ]
    assert await connection.run_chain(steps) == [
        [1, 1, ONE.encode(), b"x"],
        [1, 0, OTHER.encode(), b""],
        [],
        [2, 3, ONE.encode(), b"3"],
    ]


@pytest.mark.parametrize(("stopper", "said"), [(NOTHING, None), (ZERO, 0)], ids=["nothing", "0"])
async def test_after_one_that_answers_nothing_or_0_no_other_is_run(
    connection: Connection, redis: Any, stopper: Script, said: Any
) -> None:
    steps: list[ScriptCall] = [(COUNT, [ONE], [5]), (stopper, [OTHER], []), (COUNT, [THIRD], [7])]
    assert await connection.run_chain(steps) == [5, said]
    assert (await redis.hget(ONE, "n"), await redis.hget(THIRD, "n")) == (b"5", None)


async def test_one_that_fails_is_told_and_what_was_before_it_stays_done(connection: Connection, redis: Any) -> None:
    with pytest.raises(ResponseError):
        await connection.run_chain([(COUNT, [ONE], [5]), (FAIL, [OTHER], []), (COUNT, [THIRD], [7])])
    assert (await redis.hget(ONE, "n"), await redis.hget(THIRD, "n")) == (b"5", None)


async def test_it_may_be_repeated_only_if_each_of_them_may() -> None:
    assert chain_scripts([(SAY, [ONE], []), (ZERO, [ONE], [])])[0].repeatable
    assert not chain_scripts([(SAY, [ONE], []), (COUNT, [ONE], [1])])[0].repeatable


async def test_the_same_scripts_with_as_many_keys_and_arguments_are_one_script() -> None:
    first, _, _ = chain_scripts([(SAY, [ONE], ["x"]), (COUNT, [OTHER], [1])])
    again, _, _ = chain_scripts([(SAY, [THIRD], ["y"]), (COUNT, [THIRD], [2])])
    longer, _, _ = chain_scripts([(SAY, [THIRD], ["y", "z"]), (COUNT, [THIRD], [2])])
    assert first is again
    assert longer.sha != first.sha


async def test_a_node_that_is_taken_for_one_server_gets_one_after_the_other(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """A Cluster of one node, and many a managed Redis, is reached by a plain URL and keeps slots apart all the same."""
    slots, port = set[int](), 0
    for name, node in cluster.nodes.items():
        [mine] = [place for place in (await node.cluster("NODES")).values() if "myself" in place["flags"]]
        slots = {slot for first, last in (map(int, span) for span in mine["slots"]) for slot in range(first, last + 1)}
        port = cluster.ports[name]
        if len(slots) > 1000:  # one node may have none
            break
    one, other = [key for key in map(str, range(1000)) if key_slot(key.encode()) in slots][:2]
    connection = Connection(f"redis://127.0.0.1:{port}", timeout=10)
    for times in (1, 2):
        assert await connection.run_chain([(COUNT, [one], [1]), (COUNT, [other], [10])]) == [times, 10 * times]
    await connection.close()
    assert [record.message for record in caplog.records if "keys apart" in record.message] == [
        "redis keeps keys apart, as a Cluster does: what could go in one step takes several"
    ]
