"""What each SMS provider needs: addresses, keys, templates. docs/sms.md tells where they come from."""

import json

from pydantic import BaseModel, Field, SecretStr, field_validator

from settings.fields import PLACEHOLDERS, placeholders

# The settings that a sender cannot do without. The keys are the names that SMS_SENDER takes.
REQUIRED: dict[str, tuple[str, ...]] = {
    "console": (),
    "file": (),
    "webhook": ("webhook_url", "webhook_secret"),
    "aliyun": ("aliyun_access_key_id", "aliyun_access_key_secret", "aliyun_sign_name", "aliyun_template_code"),
    "tencent": (
        "tencent_secret_id",
        "tencent_secret_key",
        "tencent_sdk_app_id",
        "tencent_sign_name",
        "tencent_template_id",
    ),
    "twilio": ("twilio_account_sid", "twilio_auth_token", "twilio_from"),
}
HOST = r"^[A-Za-z0-9.-]+(:[0-9]+)?$"
SAMPLE_CODE, SAMPLE_MINUTES = "012345", "10"  # to try a template with: a bare 012345 is no JSON


class ProviderSettings(BaseModel):
    """Settings that only the chosen providers read."""

    webhook_url: str = Field(
        "",
        pattern="^$|^https?://[^/]",
        description="where the `webhook` sender posts each message, signed with `WEBHOOK_SECRET`",
    )

    aliyun_access_key_id: str = Field("", description="AccessKey ID of a RAM user that may call `dysms:SendSms`")
    aliyun_access_key_secret: SecretStr = Field(SecretStr(""), description="its AccessKey Secret")
    aliyun_sign_name: str = Field("", description="approved SMS signature")
    aliyun_template_code: str = Field("", description="approved template, `SMS_...`")
    aliyun_template_code_change: str = Field(
        "", description="template for codes that change a number; empty: none sent"
    )
    aliyun_template_code_erase: str = Field(
        "", description="template for codes that erase an account; empty: none sent"
    )
    aliyun_template_code_notice: str = Field(
        "", description="template, without parameters, for what tells of a change of number; empty: not told"
    )
    aliyun_template_param: str = Field('{"code":"{code}"}', description="the template's parameters, as JSON")
    aliyun_endpoint: str = Field("dysmsapi.aliyuncs.com", pattern=HOST, description="host of the API")

    tencent_secret_id: str = Field("", description="SecretId of a CAM user that may call `sms:SendSms`")
    tencent_secret_key: SecretStr = Field(SecretStr(""), description="its SecretKey")
    tencent_sdk_app_id: str = Field("", description="SdkAppId of the SMS application")
    tencent_sign_name: str = Field("", description="approved SMS signature")
    tencent_template_id: str = Field("", description="approved template")
    tencent_template_id_change: str = Field("", description="template for codes that change a number; empty: none sent")
    tencent_template_id_erase: str = Field("", description="template for codes that erase an account; empty: none sent")
    tencent_template_id_notice: str = Field(
        "", description="template, without parameters, for what tells of a change of number; empty: not told"
    )
    tencent_template_params: str = Field("{code}", description="the template's parameters in order, commas between")
    tencent_region: str = Field("ap-guangzhou", description="region of the API")
    tencent_endpoint: str = Field("sms.tencentcloudapi.com", pattern=HOST, description="host of the API")

    twilio_account_sid: str = Field("", description="Account SID, `AC...`")
    twilio_auth_token: SecretStr = Field(SecretStr(""), description="Auth Token")
    twilio_from: str = Field("", description="sending number `+...`, or Messaging Service SID `MG...`")

    @field_validator("aliyun_template_param")
    @classmethod
    def _check_aliyun_param(cls, param: str) -> str:
        try:
            filled = json.loads(param.replace("{code}", SAMPLE_CODE).replace("{minutes}", SAMPLE_MINUTES))
        except ValueError:
            filled = None
        texts = filled.values() if isinstance(filled, dict) else ()
        if not any(SAMPLE_CODE in str(text) for text in texts) or not all(isinstance(text, str) for text in texts):
            raise ValueError('should be a JSON object of strings that holds {code}, like {"code":"{code}"}')
        return param

    @field_validator("tencent_template_params")
    @classmethod
    def _check_tencent_params(cls, params: str) -> str:
        if "{code}" not in params or placeholders(params) - PLACEHOLDERS:
            raise ValueError("should hold {code}, and may hold {minutes}, with commas between: {code},{minutes}")
        return params

    def value(self, name: str) -> str:
        """The text of a setting, a secret one or not."""
        found = getattr(self, name)
        return str(found.get_secret_value() if isinstance(found, SecretStr) else found)
