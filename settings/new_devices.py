"""Whether people are told of logins from a device that is new to them, and what."""

from pydantic import BaseModel, Field, field_validator

from settings.fields import placeholders


class NewDeviceSettings(BaseModel):
    """NOTIFY_NEW_DEVICE, its text, and its templates where a sender takes no text."""

    notify_new_device: bool = Field(
        default=False,
        description="tell people by SMS of a login from a device that is new to them, where the app sends "
        "`X-Device-Id`",
    )
    sms_text_new_device: str = Field(
        "Your account was just logged in to on a new device. If that was not you, log it out in the app.",
        min_length=1,
        description="what they are told, where the sender takes a text",
    )
    aliyun_template_code_new_device: str = Field(
        "", description="approved template of Alibaba Cloud for it, without parameters; empty: not told"
    )
    tencent_template_id_new_device: str = Field(
        "", description="approved template of Tencent Cloud for it, without parameters; empty: not told"
    )

    @field_validator("sms_text_new_device")
    @classmethod
    def _check_new_device_text(cls, text: str) -> str:
        if placeholders(text):
            raise ValueError("should hold no braces: it carries no code")
        return text
