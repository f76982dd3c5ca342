"""One operation on Redis that is under way: timed, and told apart by whether Redis failed or the caller was wrong."""

import asyncio
import logging
from collections.abc import Callable, Generator
from time import perf_counter
from typing import Any, Self

from redis.exceptions import (
    ClusterError,
    ConnectionError,  # noqa: A004 - redis-py's own name; the built-in is not used here
    InvalidResponse,  # what answers is no Redis
    RedisClusterException,
    RedisError,
    TimeoutError,  # noqa: A004 - as above
)

from service.errors import ServiceUnavailable
from service.stores.meter import OK, UNAVAILABLE, Meter
from service.stores.redis.refusals import code_of, is_mistake

UNREACHABLE = (ConnectionError, TimeoutError, ClusterError, InvalidResponse, RedisClusterException, OSError)

log = logging.getLogger(__name__)


class RedisCall:
    """An operation that is under way. Whoever began it must await it, once; several may be begun before that.

    Raises ServiceUnavailable where Redis cannot be reached or cannot serve.
    """

    __slots__ = ("_answer", "_began", "_meter", "_name", "_read")

    def __init__(self, name: str, answer: "asyncio.Future[Any]", meter: Meter) -> None:
        self._name = name
        self._answer = answer
        self._meter = meter
        self._read: Callable[[Any], Any] | None = None
        self._began = perf_counter()
        meter.enter()

    def then(self, read: Callable[[Any], Any]) -> Self:
        """Have the answer made of what Redis says."""
        self._read = read
        return self

    def cancel(self) -> None:
        """Nobody awaits it after all. It may be done all the same."""
        self._answer.cancel()
        self._meter.leave()

    def __await__(self) -> Generator[Any, None, Any]:
        outcome = ""
        try:
            answer = yield from self._answer
            outcome = OK
        except ServiceUnavailable:
            outcome = UNAVAILABLE
            raise
        except UNREACHABLE as error:
            outcome = UNAVAILABLE
            log.warning("redis cannot be reached: %s", type(error).__name__)
            raise ServiceUnavailable from error
        except RedisError as error:
            if is_mistake(error):
                raise
            outcome = UNAVAILABLE
            log.warning("redis cannot serve %s: %s", self._name, code_of(error))
            raise ServiceUnavailable from error
        finally:
            self._meter.leave()
            if outcome:  # a caller who went away and a bug of ours say nothing about the store
                self._meter.observe(self._name, outcome, perf_counter() - self._began)
        return self._read(answer) if self._read else answer
