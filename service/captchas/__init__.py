"""How a captcha is verified. Knows neither HTTP routes nor stores."""

from typing import Protocol

from config import Settings
from service.captchas.altcha import Altcha, Spend
from service.captchas.siteverify import SiteVerify
from service.captchas.tokens import FIELD
from service.entities import Clock

__all__ = ["FIELD", "Altcha", "Captcha", "chosen"]

OFF, ALTCHA = "off", "altcha"


class Captcha(Protocol):
    """Says whether a token proves that a captcha was solved."""

    def problem(self, token: str) -> str | None:
        """What is wrong with a token at first sight, in words for its sender."""

    async def verify(self, token: str, ip: str) -> None:
        """Return if it does. Raises InvalidRequest where the token is at fault, ServiceUnavailable for no verdict."""

    async def close(self) -> None:
        """Close what is open."""


def chosen(settings: Settings, spend: Spend, clock: Clock) -> Captcha | None:
    """The captcha of the settings, or None where it is off. Built in a running event loop, closed by its owner."""
    if settings.captcha == OFF:
        return None
    return Altcha(settings, spend, clock) if settings.captcha == ALTCHA else SiteVerify(settings)
