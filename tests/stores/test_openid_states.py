"""Log-ins that were begun, on every kind of Redis, as the ACL of deploy/redis lets Latch."""

import pytest

from service.stores.openid_states import BegunLogin, OpenIdStates
from service.stores.redis.connection import Connection

pytestmark = pytest.mark.slow


async def test_a_log_in_is_put_and_taken_once(connection_of_latch: Connection) -> None:
    states = OpenIdStates(connection_of_latch)
    mine, theirs = BegunLogin("s", "n", "v"), BegunLogin("state", "nonce", "verifier")
    await states.put("mine", mine, 600)
    await states.put("theirs", theirs, 600)
    assert [await states.take(digest) for digest in ("nobody", "mine", "mine", "theirs")] == [None, mine, None, theirs]
