"""The secret keys of codes and tokens, each of which can be changed while people are logged in."""

import hmac

from pydantic import BaseModel, Field, SecretStr, field_validator

from settings.fields import SECRET_MIN_LENGTH, listed

FOR_TOKENS = b"latch: the key of the tags in tokens"  # what one is derived for, so that each key has one purpose


class KeySettings(BaseModel):
    """CODE_PEPPER and TOKEN_KEY: the first of several makes what is new, all are good for checking."""

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

    @field_validator("code_pepper", "token_key")
    @classmethod
    def _check_lengths(cls, keys: SecretStr) -> SecretStr:
        parts = _parts(keys)
        if (keys.get_secret_value() and not parts) or not all(len(key) >= SECRET_MIN_LENGTH for key in parts):
            raise ValueError(f"should be at least {SECRET_MIN_LENGTH} characters, from a good generator")
        return keys

    @property
    def code_peppers(self) -> tuple[bytes, ...]:
        """The keys of the codes, the one that makes them first."""
        return _keys(self.code_pepper)

    @property
    def token_keys(self) -> tuple[bytes, ...]:
        """The keys of the tags in tokens, the one that makes them first."""
        derived = (hmac.digest(pepper, FOR_TOKENS, "sha256") for pepper in self.code_peppers)
        return _keys(self.token_key) if self.token_key.get_secret_value() else tuple(derived)


def _keys(secret: SecretStr) -> tuple[bytes, ...]:
    return tuple(key.encode() for key in _parts(secret)) or (b"",)


def _parts(secret: SecretStr) -> tuple[str, ...]:
    return tuple(str(part) for part in listed(secret.get_secret_value()))  # type: ignore[attr-defined]
