"""The templates in one language of the providers that take no text. Those for all languages: `providers.py`."""

from typing import Self

from pydantic import BaseModel, Field, model_validator

from settings.sms_kinds import KINDS, LANGUAGES, for_all, for_one

# Where the approved template stands of those that take no text; of other kinds than a login's it may be left empty.
TEMPLATES = {"aliyun": "aliyun_template_code", "tencent": "tencent_template_id"}


class SmsTemplateSettings(BaseModel):
    """Each is empty where the template for all languages does. So a kind has one in all languages, or in none."""

    aliyun_template_code_en: str = Field("", description="the same in English")
    aliyun_template_code_zh_cn: str = Field("", description="the same in Chinese")
    aliyun_template_code_change_en: str = Field("", description="the same in English")
    aliyun_template_code_change_zh_cn: str = Field("", description="the same in Chinese")
    aliyun_template_code_erase_en: str = Field("", description="the same in English")
    aliyun_template_code_erase_zh_cn: str = Field("", description="the same in Chinese")
    aliyun_template_code_notice_en: str = Field("", description="the same in English")
    aliyun_template_code_notice_zh_cn: str = Field("", description="the same in Chinese")
    aliyun_template_code_new_device_en: str = Field("", description="the same in English")
    aliyun_template_code_new_device_zh_cn: str = Field("", description="the same in Chinese")

    tencent_template_id_en: str = Field("", description="the same in English")
    tencent_template_id_zh_cn: str = Field("", description="the same in Chinese")
    tencent_template_id_change_en: str = Field("", description="the same in English")
    tencent_template_id_change_zh_cn: str = Field("", description="the same in Chinese")
    tencent_template_id_erase_en: str = Field("", description="the same in English")
    tencent_template_id_erase_zh_cn: str = Field("", description="the same in Chinese")
    tencent_template_id_notice_en: str = Field("", description="the same in English")
    tencent_template_id_notice_zh_cn: str = Field("", description="the same in Chinese")
    tencent_template_id_new_device_en: str = Field("", description="the same in English")
    tencent_template_id_new_device_zh_cn: str = Field("", description="the same in Chinese")

    @model_validator(mode="after")
    def _check_templates(self) -> Self:
        missing = [
            f"{for_all(stem, kind).upper()}: should be set when {for_one(stem, kind, language).upper()} is: "
            "it is for all other languages"
            for stem in TEMPLATES.values()
            for kind in KINDS
            for language in LANGUAGES
            if getattr(self, for_one(stem, kind, language)) and not getattr(self, for_all(stem, kind))
        ]
        if missing:
            raise ValueError("\n".join(missing))
        return self

    def template(self, sender: str, kind: str, language: str = "") -> str | None:
        """The approved template of a sender for a kind of message, empty where it has none; None: it takes a text.

        That of a language is the one for all where it has none of its own.
        """
        if sender not in TEMPLATES:
            return None
        stem = TEMPLATES[sender]
        own = str(getattr(self, for_one(stem, kind, language))) if language else ""
        return own or str(getattr(self, for_all(stem, kind)))
