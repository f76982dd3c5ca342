"""What the SMS says: its text with the placeholders filled in, lines that let phones fill the code in, its size. Pure.

`@domain #code` must be the last line: WebOTP and iOS look for it there (https://wicg.github.io/sms-one-time-codes/).
Android's SMS Retriever finds the app's hash anywhere in a message of 140 bytes at most, so the hash stands before it
(https://developers.google.com/identity/sms-retriever/verify).
"""

import math
from dataclasses import dataclass

from config import Settings
from service.entities import Purpose
from service.languages import N_, Language, translated
from settings.sms_kinds import NEW_DEVICE, NOTICE, NOTICES

GSM_7 = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_EXTENDED = set("^{}\\[~]|€\f")  # two septets each (3GPP TS 23.038)
GSM_7_ALONE, GSM_7_PART = 160, 153  # septets in a message of one segment, and in each of several
UCS_2_ALONE, UCS_2_PART = 70, 67  # UTF-16 units
RETRIEVER_BYTES = 140
SECONDS_PER_MINUTE = 60
# Latch's own text for each kind of message. A translation should fit into one message, too, with a signature.
TEXTS = {
    Purpose.LOGIN.value: N_("{code} is your login code. It is good for {minutes} min. Give it to nobody."),
    Purpose.CHANGE.value: N_(
        "{code} is your code to change the number of your account. It is good for {minutes} min. Give it to nobody."
    ),
    Purpose.ERASE.value: N_(
        "{code} is your code to ERASE your account for good. It is good for {minutes} min. Give it to nobody."
    ),
    NOTICE: N_("The phone number of your account was changed by support. If you did not ask for that, call us."),
    NEW_DEVICE: N_("Your account was just logged in to on a new device. If that was not you, log it out in the app."),
}


@dataclass(frozen=True, slots=True)
class Template:
    """The text of a setting with what SMS_APP_HASH and SMS_DOMAIN add to it."""

    text: str
    domain: str = ""
    app_hash: str = ""
    setting: str = "SMS_TEXT"

    def filled(self, code: str, minutes: int) -> str:
        """The whole message."""
        lines = [self.text.replace("{code}", code).replace("{minutes}", str(minutes))]
        if self.app_hash:
            lines.append(self.app_hash)
        if self.domain:
            lines.append(f"@{self.domain} #{code}")
        return "\n".join(lines)

    def warnings(self, code: str, minutes: int) -> list[str]:
        """What a sender of this text should know: it costs more than one message, or Android will not look at it."""
        text, found = self.filled(code, minutes), []
        if (count := segments(text)) > 1:
            found.append(f"{len(text)} characters, billed as {count} messages")
        if self.app_hash and (size := len(text.encode())) > RETRIEVER_BYTES:
            found.append(f"{size} bytes; Android's SMS Retriever looks at {RETRIEVER_BYTES} at most")
        return [f"{self.setting}: with all its lines the message is {what}" for what in found]


def template(settings: Settings, kind: str, language: Language) -> Template:
    """What a message of this kind says in a language: as it is set, or else Latch's own text."""
    setting, text = settings.sms_text_in(kind, language)
    text = text or translated(TEXTS[kind], language)
    if kind in NOTICES:  # no code, so no lines that tell of one
        return Template(text, setting=setting)
    return Template(text, settings.sms_domain, settings.sms_app_hash, setting)


def minutes(life: float) -> int:
    """Seconds as whole minutes, rounded down, and never less than 1."""
    return max(1, math.floor(life / SECONDS_PER_MINUTE))


def segments(text: str) -> int:
    """How many messages a text is billed as."""
    if set(text) <= GSM_7 | GSM_7_EXTENDED:
        size = sum(2 if character in GSM_7_EXTENDED else 1 for character in text)
        alone, part = GSM_7_ALONE, GSM_7_PART
    else:
        size = len(text.encode("utf-16-be")) // 2
        alone, part = UCS_2_ALONE, UCS_2_PART
    return 1 if size <= alone else math.ceil(size / part)
