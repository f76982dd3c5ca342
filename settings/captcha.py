"""The captcha that may stand before a code is sent: docs/abuse.md."""

from typing import Literal, Self

from pydantic import BaseModel, Field, SecretStr, model_validator

from settings.fields import OFF


class CaptchaSettings(BaseModel):
    """Which captcha, and how its tokens are verified."""

    captcha: Literal["off", "turnstile", "hcaptcha"] = Field(
        "off", description="captcha that must be solved before a code is sent"
    )
    captcha_secret: SecretStr = Field(SecretStr(""), description="secret key of the captcha's site")
    captcha_url: str = Field(
        "",
        pattern="^$|^https?://[^/]",
        description="where its tokens are verified; empty: at the provider of `CAPTCHA`",
    )
    captcha_timeout: float = Field(5.0, gt=0, le=20, description="seconds to wait for the captcha's provider")

    @model_validator(mode="after")
    def _check_captcha(self) -> Self:
        if self.captcha != OFF and not self.captcha_secret.get_secret_value():
            raise ValueError(f"CAPTCHA_SECRET: should be set when CAPTCHA is {self.captcha}")
        return self
