"""What the settings are made of: types with bounds, and lists with commas between."""

import re
from ipaddress import ip_address
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

SECRET_MIN_LENGTH = 16
OFF = "off"
PLACEHOLDERS = {"{code}", "{minutes}"}  # of a message's text or template

_WEB_ADDRESS = re.compile(
    r"(https?)://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?((?:/[A-Za-z0-9._~-]+)*)/?", re.ASCII
)

Part = TypeVar("Part")


def listed(text: str) -> tuple[str, ...]:
    """The parts of a text with commas between."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def listed_secrets(secret: SecretStr) -> tuple[str, ...]:
    """The same of a secret."""
    return listed(secret.get_secret_value())


def _listed_if_text(value: object) -> object:
    return listed(value) if isinstance(value, str) else value


Seconds = Annotated[int, Field(ge=1)]
Listed = Annotated[tuple[Part, ...], NoDecode, BeforeValidator(_listed_if_text)]  # typed with commas between


def placeholders(template: str) -> set[str]:
    """What stands in braces, and braces that are left alone: `{code}`, `{minutes}`, `{`."""
    return set(re.findall(r"\{[^{}]*\}|[{}]", template))


def long_enough(secret: SecretStr) -> bool:
    """Whether a secret is missing or as long as one of ours should be."""
    return not secret.get_secret_value() or len(secret.get_secret_value()) >= SECRET_MIN_LENGTH


def _checked_web_address(url: str) -> str:
    found = _WEB_ADDRESS.fullmatch(url)
    if url and not (found and (found[1] == "https" or is_loopback(found[2].strip("[]")))):
        raise ValueError(
            "should be an https address like https://login.example.com, with neither query nor fragment; http only "
            "on localhost"
        )
    return url


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")


WebAddress = Annotated[str, AfterValidator(_checked_web_address)]  # https, but on this machine; empty: none
