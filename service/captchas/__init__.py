"""How a captcha is verified. Knows neither HTTP routes nor stores."""

from service.captchas.siteverify import Captcha

__all__ = ["Captcha"]
