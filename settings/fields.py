"""What the settings are made of: types with bounds, and lists with commas between."""

import re
from typing import Annotated

from pydantic import Field, SecretStr

SECRET_MIN_LENGTH = 16
OFF = "off"
PLACEHOLDERS = {"{code}", "{minutes}"}  # of a message's text or template

Seconds = Annotated[int, Field(ge=1)]


def listed(value: object) -> object:
    """The parts of a string with commas between; anything else as it is."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def placeholders(template: str) -> set[str]:
    """What stands in braces, and braces that are left alone: `{code}`, `{minutes}`, `{`."""
    return set(re.findall(r"\{[^{}]*\}|[{}]", template))


def long_enough(secret: SecretStr) -> bool:
    """Whether a secret is missing or as long as one of ours should be."""
    return not secret.get_secret_value() or len(secret.get_secret_value()) >= SECRET_MIN_LENGTH
