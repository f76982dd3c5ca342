"""Links of operators on every kind of Redis, as the ACL of deploy/redis lets Latch."""

import pytest

from service.stores.operator_links import OperatorLinks
from service.stores.redis.connection import Connection

pytestmark = pytest.mark.slow


async def test_a_link_is_put_replaced_spent_once_and_forgotten(connection_of_latch: Connection) -> None:
    links = OperatorLinks(connection_of_latch)
    await links.put("ada", "old", 600)
    await links.put("ada", "new", 600)
    await links.put("bob", "his", 600)
    assert [await links.spend("ada", digest) for digest in ("old", "new", "new")] == [False, True, False]
    assert [await links.forget("bob") for _ in range(2)] == [True, False]
    assert not await links.spend("bob", "his")
