"""How a code reaches a phone, and what keeps the SMS bill small."""

from typing import Self

from pydantic import BaseModel, Field, field_validator, model_validator

from settings.fields import Listed
from settings.providers import REQUIRED, ProviderSettings
from settings.sms_templates import SmsTemplateSettings
from settings.sms_texts import SmsTextSettings


class SmsSettings(SmsTextSettings, SmsTemplateSettings, ProviderSettings, BaseModel):
    """Senders, and guards against SMS pumping."""

    sms_sender: Listed[str] = Field(
        ("console",),
        description="how a code reaches a phone; several, with commas between, are tried in turn: "
        + ", ".join(f"`{name}`" for name in REQUIRED),
    )
    sms_timeout: float = Field(5.0, gt=0, le=60, description="seconds to wait for each sender")
    sms_domain: str = Field(
        "",
        pattern=r"^$|^[a-z0-9-]+(\.[a-z0-9-]+)+$",
        description="site that browsers may fill the code in for (WebOTP)",
    )
    sms_app_hash: str = Field(
        "", pattern=r"^$|^[A-Za-z0-9+/]{11}$", description="hash of the Android app that may read the code"
    )
    sms_allow_prefixes: Listed[str] = Field(
        (), description="first digits of the numbers that get codes, with commas between; empty: all"
    )
    sms_block_prefixes: Listed[str] = Field(
        (), description="first digits of the numbers that get no codes, with commas between"
    )
    sms_min_conversion: float = Field(
        0.2, ge=0, le=1, description="least part of an hour's codes that must be used; below, sending stops; 0: off"
    )
    sms_conversion_min_sent: int = Field(
        100, ge=1, description="codes sent within an hour before `SMS_MIN_CONVERSION` is asked for"
    )

    @field_validator("sms_sender")
    @classmethod
    def _check_senders(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names or set(names) - set(REQUIRED) or len(set(names)) < len(names):
            raise ValueError(f"should be one or more of {', '.join(REQUIRED)}, with commas between, each once")
        return names

    @field_validator("sms_allow_prefixes", "sms_block_prefixes")
    @classmethod
    def _check_prefixes(cls, prefixes: tuple[str, ...]) -> tuple[str, ...]:
        for prefix in prefixes:
            if not (prefix.isascii() and prefix.isdigit() and prefix.startswith("1") and len(prefix) <= 11):  # noqa: PLR2004 - the digits of a whole number
                raise ValueError("should be first digits like 170,1380013, with commas between")
        return prefixes

    def may_message(self, mobile: str) -> bool:
        """Whether numbers like this one get messages (SMS_ALLOW_PREFIXES, SMS_BLOCK_PREFIXES)."""
        return mobile.startswith(self.sms_allow_prefixes or "") and not mobile.startswith(self.sms_block_prefixes)

    @model_validator(mode="after")
    def _check_providers(self) -> Self:
        missing = [
            f"{name.upper()}: should be set when SMS_SENDER names {sender}"
            for sender in self.sms_sender
            for name in REQUIRED[sender]
            if not self.value(name)
        ]
        if missing:
            raise ValueError("\n".join(missing))
        return self
