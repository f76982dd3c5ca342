"""The embedded Redis for as long as a block runs: that of a service, or one that a command brings up."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from config import Settings
from service.embedded.data_dir import DataDirInUse, owned
from service.embedded.redis_server import EmbeddedRedis


@contextmanager
def embedded_redis(settings: Settings) -> Iterator[EmbeddedRedis]:
    """The embedded Redis, started if it is wanted, for as long as the block runs."""
    redis = EmbeddedRedis(settings.data_dir, settings.redis_socket)
    try:
        if settings.redis_is_embedded:
            redis.start()
        yield redis
    finally:
        redis.stop()


@contextmanager
def running_redis(settings: Settings) -> Iterator[None]:
    """A Redis to talk to: that of the running service, or else one brought up for as long as the block runs."""
    with ExitStack() as stack:
        if settings.redis_is_embedded:
            with suppress(DataDirInUse):
                stack.enter_context(owned(settings.data_dir))
                stack.enter_context(embedded_redis(settings))
        yield
