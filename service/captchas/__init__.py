"""How a captcha is verified. Knows neither HTTP routes nor stores."""

from config import Settings
from service.captchas.altcha import Altcha, Spend
from service.captchas.siteverify import SiteVerify
from service.captchas.tokens import FIELD
from service.entities import Clock

__all__ = ["FIELD", "Altcha", "Captcha", "chosen"]

OFF, ALTCHA = "off", "altcha"
Captcha = Altcha | SiteVerify


def chosen(settings: Settings, spend: Spend, clock: Clock) -> Captcha | None:
    """The captcha of the settings, or None where it is off. Built in a running event loop, closed by its owner."""
    if settings.captcha == OFF:
        return None
    return Altcha(settings, spend, clock) if settings.captcha == ALTCHA else SiteVerify(settings)
