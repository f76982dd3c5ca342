"""Hashes in Redis, as figures are kept in: read whole. One of another type counts as not there."""

from collections.abc import Mapping
from typing import Any

from redis.exceptions import ResponseError

from service.stores.redis.connection import Connection


async def read_hash(connection: Connection, key: str) -> dict[str, str]:
    """Name and value of each field. Raises ServiceUnavailable."""
    try:
        answer: Any = await connection.read("HGETALL", key)
    except ResponseError:
        return {}
    # One name and one value after the other, or a mapping through a Cluster's client.
    parts = [part for pair in answer.items() for part in pair] if isinstance(answer, dict) else answer
    texts = [part.decode(errors="replace") for part in parts]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def numbers(pairs: Mapping[str, str]) -> dict[str, int]:
    """Those fields that hold a whole number."""
    return {name: int(value) for name, value in pairs.items() if value.isascii() and value.isdigit()}
