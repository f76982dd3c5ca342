"""Login codes: their length, life and number of tries, and the fixed ones for app-store review."""

import re
from typing import Self

from pydantic import BaseModel, Field, SecretStr, model_validator

from settings.fields import listed_secrets

MOBILE = re.compile(r"1[3-9][0-9]{9}", re.ASCII)
ODDS = 10_000  # of so many codes, guessers may get one right at most


class CodeSettings(BaseModel):
    """Section 4 of the contract."""

    code_length: int = Field(6, ge=4, le=10, description="digits of a login code")
    code_ttl: int = Field(
        300, ge=1, le=600, description="life of a login code, seconds (NIST SP 800-63B-4: 10 min at most)"
    )
    code_attempts: int = Field(5, ge=1, le=100, description="wrong tries that end a code")
    test_codes: SecretStr = Field(
        SecretStr(""),
        description="fixed codes for app-store review, `13800138000=246810,...`; good at any time, nothing is sent",
    )

    @model_validator(mode="after")
    def _check_attempts(self) -> Self:
        most = 10**self.code_length // ODDS
        if self.code_attempts > most:
            raise ValueError(
                f"CODE_ATTEMPTS: should be {most} at most where CODE_LENGTH is {self.code_length}, "
                f"so that nobody guesses more than one code in {ODDS:,}"
            )
        return self

    @model_validator(mode="after")
    def _check_test_codes(self) -> Self:
        numbers = []
        for pair in listed_secrets(self.test_codes):
            mobile, _, code = pair.partition("=")
            numbers.append(mobile)
            if not (MOBILE.fullmatch(mobile) and _is_digits(code, self.code_length)):
                raise ValueError(
                    f"TEST_CODES: should be like 13800138000={'0' * self.code_length}, with commas between: "
                    f"11 digits from 13 to 19 on, and a code of CODE_LENGTH digits"
                )
        if len(set(numbers)) < len(numbers):
            raise ValueError("TEST_CODES: should name each number once")
        return self

    @property
    def fixed_codes(self) -> dict[str, str]:
        """The code of each number in TEST_CODES."""
        return dict(pair.split("=") for pair in listed_secrets(self.test_codes))


def _is_digits(text: str, length: int) -> bool:
    return len(text) == length and text.isascii() and text.isdigit()
