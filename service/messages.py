"""What is sent to a phone: a code, or a notice. Pure."""

from dataclasses import dataclass

from service.entities import Purpose
from service.languages import Language


@dataclass(frozen=True, slots=True)
class TextMessage:
    """One SMS, as a sender gets it. The parts are apart, for providers that take a template and its parameters.

    The language is that of the text. `minutes` is how long the code is good for, rounded down, and never less than 1.
    """

    mobile: str
    code: str
    text: str
    minutes: int
    purpose: Purpose = Purpose.LOGIN
    language: Language = Language.ENGLISH

    @property
    def kind(self) -> str:
        """What its templates are named after."""
        return self.purpose


@dataclass(frozen=True, slots=True)
class Notice:
    """One SMS that tells something and carries no code. Providers that take no text have a template for it."""

    mobile: str
    text: str
    language: Language = Language.ENGLISH
    kind: str = "notice"  # what its templates are named after


Message = TextMessage | Notice
