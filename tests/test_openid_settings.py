"""Settings of the company's OpenID provider: what is taken, and what is complained about."""

from collections.abc import Callable

import pytest

from config import load
from settings.openid import Rule
from tests.test_config import complaints

__all__ = ["complaints"]

Complaints = Callable[..., dict[str, str]]
WHOLE = {
    "oidc_issuer": "https://login.example.com/realms/staff",
    "oidc_client_id": "latch",
    "oidc_client_secret": "secret",
    "oidc_roles": "@example.com=look",
}


def test_without_a_provider_there_are_no_rules() -> None:
    settings = load()
    assert (settings.oidc_issuer, settings.oidc_rules) == ("", ())


@pytest.mark.parametrize(
    "issuer",
    [
        "https://login.example.com",
        "https://tenant.eu.auth0.com/",
        "http://localhost:8080/realms/staff",
        "http://[::1]:80",
    ],
)
def test_an_issuer_stays_as_it_is(issuer: str) -> None:
    assert load(**WHOLE | {"oidc_issuer": issuer}).oidc_issuer == issuer


@pytest.mark.parametrize(
    "issuer",
    ["http://login.example.com", "login.example.com", "https://a.example.com/?q=1", "https://a.example.com/#f"],
)
def test_an_issuer_that_anybody_could_play_is_refused(complaints: Complaints, issuer: str) -> None:
    assert complaints(**WHOLE | {"oidc_issuer": issuer})["OIDC_ISSUER"].startswith("should be an https address")


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_one_without_the_others_is_named(complaints: Complaints, name: str) -> None:
    found = complaints(**{**WHOLE, name: ""})
    assert list(found) == [name.upper()]
    assert found[name.upper()].startswith("should be set where another of OIDC_ISSUER, ")


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_one_alone_is_not_enough(complaints: Complaints, name: str) -> None:
    [missing] = complaints(**{name: WHOLE[name]})
    assert missing != name.upper()


def test_rules_are_read_in_lower_case_but_for_groups() -> None:
    rules = "Ada@Example.com=owner, @EXAMPLE.com=look,group:On Call=act,group:a=b=look,group:\u7ec4=act,a+b=c@d=look"
    assert load(**WHOLE | {"oidc_roles": rules}).oidc_rules == (
        Rule("ada@example.com", "owner"),
        Rule("@example.com", "look"),
        Rule("group:On Call", "act"),
        Rule("group:a=b", "look"),
        Rule("group:\u7ec4", "act"),
        Rule("a+b=c@d", "look"),
    )


@pytest.mark.parametrize(
    "rule",
    [
        "ada=owner",
        "ada@example.com",
        "ada@example.com=admin",
        "ada@example.com=Owner",
        "ada@=look",
        "@=look",
        "*@example.com=look",
        "ada@exa mple.com=look",
        "group:=look",
        "=look",
        "\u212aai@example.com=look",
        "@\u212a.com=look",
    ],
)
def test_what_is_no_rule_is_refused(complaints: Complaints, rule: str) -> None:
    found = complaints(**WHOLE | {"oidc_roles": f"@example.com=look,{rule}"})
    assert found["OIDC_ROLES"].startswith("should be ada@example.com=owner, ")


def test_the_secret_is_not_printed() -> None:
    assert "a-secret-of-ours" not in repr(load(**WHOLE | {"oidc_client_secret": "a-secret-of-ours"}))
