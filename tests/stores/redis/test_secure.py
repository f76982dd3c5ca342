"""TLS to a Sentinel and to a Cluster, as the user `latch`; and a certificate of somebody else is refused."""

from collections.abc import Iterator
from typing import Any

import pytest

from service.errors import ServiceUnavailable
from service.stores.redis.connection import Connection
from service.stores.sessions import SessionStore
from tests import topologies
from tests.stores.test_sessions import find, opened


@pytest.fixture(scope="module", params=["sentinel", "cluster"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    build = {"sentinel": topologies.sentinels, "cluster": topologies.cluster}[request.param]
    with topologies.certified() as certificates, build(certificates) as url:
        yield topologies.as_latch(url)


async def test_sessions_live_behind_tls_whose_authority_is_known(url: str, loop: Any) -> None:
    connection = Connection(url, timeout=10)
    login = await opened(SessionStore(connection))
    assert (await find(SessionStore(connection), login)).session == login.session
    await connection.close()
    for other in (url.partition("?")[0], url.replace("rediss", "redis", 1).partition("?")[0]):
        stranger = Connection(other, timeout=10)
        with pytest.raises(ServiceUnavailable):
            await stranger.ping()
        await stranger.close()
