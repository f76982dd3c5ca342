"""TLS to a Sentinel and to a Cluster, as the user `latch`; and a certificate of somebody else is refused."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from config import load
from service.commands.check_redis import of_redis
from service.errors import ServiceUnavailable
from service.stores.redis.connection import Connection
from service.stores.sessions import SessionStore
from tests import topologies
from tests.stores.test_sessions import find, opened

pytestmark = pytest.mark.slow


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


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda url: url.partition("?")[0], "has a certificate that is not trusted"),
        (lambda url: url.replace("rediss", "redis", 1).partition("?")[0], "hangs up before it has answered"),
    ],
    ids=["an authority that is not known", "no TLS"],
)
async def test_what_is_wrong_with_tls_is_said_in_a_sentence(change: Callable[[str], str], told: str) -> None:
    with topologies.certified() as certificates, topologies.single(certificates) as url:
        wrong = change(url)
        connection = Connection(wrong, timeout=10)
        [finding] = await of_redis(load(redis_url=wrong, code_pepper="x" * 32, _env_file=None), connection)
        await connection.close()
    assert told in finding.text
