"""The secret keys of codes, tokens and numbers. None logs anybody out when it is changed."""

import hmac

from pydantic import BaseModel, Field, SecretStr, field_validator

from settings.fields import SECRET_MIN_LENGTH, listed_secrets

# What a key is derived for, so that each has one purpose.
FOR_TOKENS = b"latch: the key of the tags in tokens"
FOR_NUMBERS = b"latch: the key of the names of numbers"
FOR_DEVICES = b"latch: the key of the names of devices"


class KeySettings(BaseModel):
    """CODE_PEPPER and TOKEN_KEY: the first of several makes what is new, all are good for checking.

    NUMBER_KEY is one, and stays: a name is looked up, and so must be the same on every machine and tomorrow.
    """

    code_pepper: SecretStr = Field(
        SecretStr(""),
        description=(
            "secret key of the codes, made and kept in `DATA_DIR` when Redis is embedded; several, with commas "
            "between: the first makes codes, all are good for checking"
        ),
    )
    token_key: SecretStr = Field(
        SecretStr(""),
        description=(
            "secret key of the tags in tokens, by which a stolen refresh token is told from a made-up one, and of the "
            "tokens of logins that can be repeated; several, as "
            "with `CODE_PEPPER`, from which it is derived where it is empty"
        ),
    )
    number_key: SecretStr = Field(
        SecretStr(""),
        description=(
            "secret key of the names that numbers and devices have in Redis; one, which is not changed with the "
            "others, the last `CODE_PEPPER` where it is empty"
        ),
    )

    @field_validator("code_pepper", "token_key", "number_key")
    @classmethod
    def _check_lengths(cls, keys: SecretStr) -> SecretStr:
        parts = listed_secrets(keys)
        if (keys.get_secret_value() and not parts) or not all(len(key) >= SECRET_MIN_LENGTH for key in parts):
            raise ValueError(f"should be at least {SECRET_MIN_LENGTH} characters, from a good generator")
        return keys

    @field_validator("number_key")
    @classmethod
    def _check_one(cls, key: SecretStr) -> SecretStr:
        if "," in key.get_secret_value():
            raise ValueError("should be one key, without a comma: with another one numbers would have other names")
        return key

    @property
    def code_peppers(self) -> tuple[bytes, ...]:
        """The keys of the codes, the one that makes them first."""
        return _keys(self.code_pepper)

    @property
    def token_keys(self) -> tuple[bytes, ...]:
        """The keys of the tags in tokens, the one that makes them first."""
        derived = (hmac.digest(pepper, FOR_TOKENS, "sha256") for pepper in self.code_peppers)
        return _keys(self.token_key) if self.token_key.get_secret_value() else tuple(derived)

    @property
    def number_name_key(self) -> bytes:
        """The key of the names of numbers. NUMBER_KEY set to what the last pepper was keeps them as they are."""
        return self._derived(FOR_NUMBERS)

    @property
    def device_name_key(self) -> bytes:
        """The key of the names of devices; it stays as long as that one."""
        return self._derived(FOR_DEVICES)

    def _derived(self, purpose: bytes) -> bytes:
        return hmac.digest(_keys(self.number_key)[0] or self.code_peppers[-1], purpose, "sha256")


def _keys(secret: SecretStr) -> tuple[bytes, ...]:
    return tuple(key.encode() for key in listed_secrets(secret)) or (b"",)
