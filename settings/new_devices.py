"""Whether people are told of logins from a device that is new to them."""

from pydantic import BaseModel, Field


class NewDeviceSettings(BaseModel):
    """NOTIFY_NEW_DEVICE, and its templates where a sender takes no text."""

    notify_new_device: bool = Field(
        default=False,
        description="tell people by SMS of a login from a device that is new to them, where the app sends "
        "`X-Device-Id`",
    )
    aliyun_template_code_new_device: str = Field(
        "", description="approved template of Alibaba Cloud for it, without parameters; empty: not told"
    )
    tencent_template_id_new_device: str = Field(
        "", description="approved template of Tencent Cloud for it, without parameters; empty: not told"
    )
