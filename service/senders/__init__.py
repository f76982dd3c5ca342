"""How a message reaches a phone. Knows neither HTTP routes nor stores.

A sender returns when its provider has accepted the message. It raises TooManyRequests where the provider says that this
number gets too many, and SmsUnavailable, with the provider's error code, where it refuses for any other reason.
`Failover` sets the time limits, and catches whatever else a provider's library may raise.
"""

import sys
from functools import partial
from importlib import import_module
from types import ModuleType

from config import Settings, SettingsError
from service.senders.console import ConsoleSender
from service.senders.failover import Closing, Failover, Observe, Sender
from service.senders.file import FileSender
from service.senders.webhook import WebhookSender

__all__ = ["Closing", "Failover", "Observe", "Sender", "check", "chosen", "close", "takes"]

# The senders that have a module to import only when they are chosen, with what must be installed for it.
PACKAGES = {
    "aliyun": ("alibabacloud-dysmsapi20170525>=4.1",),
    "tencent": ("tencentcloud-sdk-python-sms>=3.0.1000",),
    "twilio": ("twilio>=9.4",),
}


def chosen(settings: Settings, observe: Observe) -> Sender:
    """The senders that SMS_SENDER names, to be tried in turn. Raises SettingsError where an SDK is missing."""
    named = [(name, _made(name, settings)) for name in settings.sms_sender]
    return Failover(named, settings.sms_timeout, observe, partial(takes, settings))


def takes(settings: Settings, name: str, kind: str) -> bool:
    """Whether a sender has a text, or an approved template, for codes of this purpose, or for notices."""
    return settings.template(name, kind) != ""


def check(settings: Settings) -> None:
    """Raise SettingsError where the SDK of a chosen sender is missing."""
    for name in settings.sms_sender:
        if name in PACKAGES:
            _module(name)


async def close(sender: Sender) -> None:
    """Close the connections of a sender that holds any."""
    if isinstance(sender, Closing):
        await sender.close()


def _made(name: str, settings: Settings) -> Sender:
    if name == "console":
        return ConsoleSender()
    if name == "file":
        return FileSender(settings.data_dir / "sms.jsonl")
    if name == "webhook":
        return WebhookSender(settings)
    made: Sender = getattr(_module(name), f"{name.capitalize()}Sender")(settings)
    return made


def _module(name: str) -> ModuleType:
    try:
        return import_module(f"service.senders.{name}")
    except ImportError as error:
        if error.name and error.name.partition(".")[0] == "service":
            raise
        packages = " ".join(f'"{package}"' for package in PACKAGES[name])
        raise SettingsError(
            f"SMS_SENDER: {name} needs a package that cannot be imported ({error.name}); "
            f"type: {sys.executable} -m pip install {packages}"
        ) from None
