"""What the settings are made of: types with bounds, and lists with commas between."""

from typing import Annotated

from pydantic import Field, SecretStr

SECRET_MIN_LENGTH = 16

Seconds = Annotated[int, Field(ge=1)]


def listed(value: object) -> object:
    """The parts of a string with commas between; anything else as it is."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def long_enough(secret: SecretStr) -> bool:
    """Whether a secret is missing or as long as one of ours should be."""
    return not secret.get_secret_value() or len(secret.get_secret_value()) >= SECRET_MIN_LENGTH
