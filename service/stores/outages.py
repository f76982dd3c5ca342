"""What is said where a store does not serve: which one, where, and why. Without passwords and texts of a driver."""

from config import Settings, public
from service.errors import ServiceUnavailable
from service.stores.database_errors import DatabaseUnavailable, describe
from service.stores.redis.reasons import reason_of


def sentence(settings: Settings, error: ServiceUnavailable) -> str:
    """One line, of the store that raised this."""
    return (of_database if isinstance(error, DatabaseUnavailable) else of_redis)(settings, error)


def of_redis(settings: Settings, error: ServiceUnavailable) -> str:
    """One line, of Redis."""
    return f"Redis at {public(settings.redis_location)} {reason_of(error).text}"


def of_database(settings: Settings, error: ServiceUnavailable) -> str:
    """One line, of the database."""
    return f"the {database_place(settings)} {describe(error.__cause__)}"


def database_place(settings: Settings) -> str:
    """Where the database is, for a sentence."""
    return f"database at {public(settings.database_location)}"
