"""What a command says where a store does not serve: which one, where, and why."""

from config import Settings, public
from service.commands.check_database import place_of
from service.commands.redis_reasons import reason_of
from service.errors import ServiceUnavailable
from service.stores.database_errors import DatabaseUnavailable, describe


def sentence(settings: Settings, error: ServiceUnavailable) -> str:
    """One line, without passwords and without texts of a driver."""
    if isinstance(error, DatabaseUnavailable):
        return f"the {place_of(settings)} {describe(error.__cause__)}"
    return f"Redis at {public(settings.redis_location)} {reason_of(error).text}"
