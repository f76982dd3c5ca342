"""The captcha that may stand before a code is sent: docs/captcha.md."""

from typing import Literal, Self

from pydantic import BaseModel, Field, SecretStr, model_validator

from settings.fields import OFF, SECRET_MIN_LENGTH, long_enough


class CaptchaSettings(BaseModel):
    """Which captcha, when it is asked for, and how its tokens are verified."""

    captcha: Literal["off", "altcha", "turnstile", "hcaptcha"] = Field(
        "off",
        description="captcha that must be solved before a code is sent",
    )
    captcha_when: Literal["always", "guarded"] = Field(
        "always", description="when it is asked for; `guarded`: while the conversion guard is closed"
    )
    captcha_secret: SecretStr = Field(
        SecretStr(""),
        description="secret key of the captcha's site; of `altcha` the signing key, from `CODE_PEPPER` where empty",
    )
    captcha_url: str = Field(
        "",
        pattern="^$|^https?://[^/]",
        description="where its tokens are verified; empty: at the provider of `CAPTCHA`",
    )
    captcha_timeout: float = Field(5.0, gt=0, le=20, description="seconds to wait for the captcha's provider")
    captcha_cost: int = Field(
        5_000,
        ge=100,
        le=1_000_000,
        description="work of an `altcha` challenge: rounds of a try, of which one in 256 fits",
    )

    @model_validator(mode="after")
    def _check_captcha(self) -> Self:
        if self.captcha == "altcha":
            if not long_enough(self.captcha_secret):
                raise ValueError(f"CAPTCHA_SECRET: should be at least {SECRET_MIN_LENGTH} characters, or empty")
        elif self.captcha != OFF and not self.captcha_secret.get_secret_value():
            raise ValueError(f"CAPTCHA_SECRET: should be set when CAPTCHA is {self.captcha}")
        return self
