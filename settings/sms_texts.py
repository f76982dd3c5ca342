"""What the messages say, where a sender takes a text: for all languages, and for each."""

from pydantic import BaseModel, Field, field_validator

from settings.fields import PLACEHOLDERS, placeholders
from settings.sms_kinds import CODES, LANGUAGES, NOTICES, for_all, for_one

TEXT = "sms_text"


def _named(*kinds: str) -> list[str]:
    return [for_all(TEXT, kind) for kind in kinds] + [for_one(TEXT, kind, tag) for kind in kinds for tag in LANGUAGES]


class SmsTextSettings(BaseModel):
    """Each is empty where Latch's own text does, which `service/sms_text.py` has in every language."""

    sms_text: str = Field(
        "", description="text of a login code, in every language that has none of its own; empty: Latch's own, in each"
    )
    sms_text_en: str = Field("", description="the same in English")
    sms_text_zh_cn: str = Field("", description="the same in Chinese")
    sms_text_change: str = Field("", description="text of a code that changes a number, as `SMS_TEXT`")
    sms_text_change_en: str = Field("", description="the same in English")
    sms_text_change_zh_cn: str = Field("", description="the same in Chinese")
    sms_text_erase: str = Field("", description="text of a code that erases an account, as `SMS_TEXT`")
    sms_text_erase_en: str = Field("", description="the same in English")
    sms_text_erase_zh_cn: str = Field("", description="the same in Chinese")
    sms_text_notice: str = Field(
        "",
        description="what the old number is told where an operator has changed it, in `DEFAULT_LANGUAGE`",
    )
    sms_text_notice_en: str = Field("", description="the same in English")
    sms_text_notice_zh_cn: str = Field("", description="the same in Chinese")
    sms_text_new_device: str = Field(
        "", description="what people are told of a new device (`NOTIFY_NEW_DEVICE`), in `DEFAULT_LANGUAGE`"
    )
    sms_text_new_device_en: str = Field("", description="the same in English")
    sms_text_new_device_zh_cn: str = Field("", description="the same in Chinese")

    @field_validator(*_named(*CODES))
    @classmethod
    def _check_text(cls, text: str) -> str:
        if text and ("{code}" not in text or placeholders(text) - PLACEHOLDERS):
            raise ValueError("should hold {code}, and may hold {minutes}; no other braces")
        return text

    @field_validator(*_named(*NOTICES))
    @classmethod
    def _check_notice(cls, text: str) -> str:
        if placeholders(text):
            raise ValueError("should hold no braces: it carries no code")
        return text

    def sms_text_in(self, kind: str, language: str) -> tuple[str, str]:
        """The setting that says what a message of this kind is in a language, and the text, empty where none is set."""
        own, general = for_one(TEXT, kind, language), for_all(TEXT, kind)
        name = own if getattr(self, own) or not getattr(self, general) else general
        return name.upper(), getattr(self, name)
