"""The company's OpenID provider, by which operators may log in, and who of those that it knows may do what."""

import re
from typing import NamedTuple, Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from settings.fields import Listed, WebAddress

ROLES = ("look", "act", "owner")
TOGETHER = ("oidc_issuer", "oidc_client_id", "oidc_client_secret", "oidc_roles")
GROUP = "group:"
_DOMAIN = r"@[a-z0-9-]+(?:\.[a-z0-9-]+)*"
ADDRESS = re.compile(rf"[a-z0-9._+'&=~-]{{1,64}}{_DOMAIN}", re.ASCII)  # of a person, in lower case
DOMAIN = re.compile(_DOMAIN, re.ASCII)


class Rule(NamedTuple):
    """Who has a role: `ada@example.com`, `@example.com` or `group:<name>`."""

    who: str
    role: str


class OpenIdSettings(BaseModel):
    """OIDC_ISSUER and what goes with it: all of it, or none."""

    oidc_issuer: WebAddress = Field(  # as it is, with a slash at its end or without: it is compared letter by letter
        "",
        description="issuer of the company's OpenID provider, exactly as its discovery document has it, like "
        "`https://login.example.com/realms/staff`; empty: operators log in with passkeys alone",
    )
    oidc_client_id: str = Field(
        "", description="what Latch is registered as there, with `<CONSOLE_URL>/openid/callback`"
    )
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="its secret")
    oidc_roles: Listed[str] = Field(
        (),
        description="who comes in by it as what, with commas between: `ada@example.com=owner`, `@example.com=look`, "
        "`group:support=act`; the highest role that fits counts, and nobody else comes in",
    )
    oidc_groups_claim: str = Field("groups", min_length=1, description="claim that tells the groups of a person")
    oidc_verified_claim: str = Field(
        "email_verified",
        min_length=1,
        description="claim that tells that a person's address is theirs; of Microsoft Entra ID `xms_edov`",
    )

    @field_validator("oidc_roles")
    @classmethod
    def _check_roles(cls, rules: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(_rule, rules)):
            raise ValueError(
                "should be ada@example.com=owner, @example.com=look or group:support=act, with commas between, "
                f"and each with one of {', '.join(ROLES)}"
            )
        return rules

    @model_validator(mode="after")
    def _all_or_none(self) -> Self:
        values = [getattr(self, name) for name in TOGETHER]
        missing = [
            name.upper()
            for name, value in zip(TOGETHER, values, strict=True)
            if not (value.get_secret_value() if isinstance(value, SecretStr) else value)
        ]
        if missing and len(missing) < len(TOGETHER):
            raise ValueError(f"{missing[0]}: should be set where another of {', '.join(map(str.upper, TOGETHER))} is")
        return self

    @property
    def oidc_rules(self) -> tuple[Rule, ...]:
        """The rules of OIDC_ROLES; addresses and domains are in lower case."""
        return tuple(filter(None, map(_rule, self.oidc_roles)))


def _rule(setting: str) -> Rule | None:
    """The rule, or None where it is none. Only ASCII is lowered: letters of other scripts may become ours."""
    who, _, role = setting.rpartition("=")
    if not who.startswith(GROUP):
        who = who.lower() if who.isascii() else who
    fits = len(who) > len(GROUP) if who.startswith(GROUP) else ADDRESS.fullmatch(who) or DOMAIN.fullmatch(who)
    return Rule(who, role) if fits and role in ROLES else None
