"""Settings of the backends that introspect: keys with names, and the public address."""

from collections.abc import Callable

import pytest

from config import load
from tests.test_config import complaints

__all__ = ["complaints"]

Complaints = Callable[..., dict[str, str]]
KEY = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("setting", "name", "key"),
    [
        (f"orders={KEY}", "orders", KEY),
        (f"o-2={KEY}", "o-2", KEY),
        (f"{'a' * 32}={KEY}=", "a" * 32, f"{KEY}="),
        (KEY, "", KEY),
        (f"orders={KEY[1:]}", "", f"orders={KEY[1:]}"),
        (f"Orders={KEY}", "", f"Orders={KEY}"),
        (f"{'a' * 33}={KEY}", "", f"{'a' * 33}={KEY}"),
        (f"2nd={KEY}", "", f"2nd={KEY}"),
        (f"={KEY}", "", f"={KEY}"),
        ("c2l4dGVlbiBieXRlcyEhISE=", "", "c2l4dGVlbiBieXRlcyEhISE="),
    ],
)
def test_a_name_stands_before_a_key_of_32_characters_or_more_or_there_is_none(
    setting: str, name: str, key: str
) -> None:
    assert load(service_keys=setting).named_service_keys == ((name, key.encode()),)


def test_several_keys_may_have_one_name() -> None:
    settings = load(service_keys=f"orders={KEY}, orders={KEY[::-1]}")
    assert [name for name, _ in settings.named_service_keys] == ["orders", "orders"]


def test_a_short_key_is_refused_and_not_repeated(complaints: Complaints) -> None:
    said = complaints(SERVICE_KEYS=f"{KEY},orders=short")["SERVICE_KEYS"]
    assert "at least 16 characters" in said
    assert "short" not in said


@pytest.mark.parametrize(
    ("setting", "kept"),
    [
        ("https://login.example.com", "https://login.example.com"),
        ("https://login.example.com/", "https://login.example.com"),
        ("https://example.com:8443/latch/v2/", "https://example.com:8443/latch/v2"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("", ""),
    ],
)
def test_the_public_address_is_kept_without_a_slash_at_its_end(setting: str, kept: str) -> None:
    assert load(public_url=setting).public_url == kept


@pytest.mark.parametrize(
    "setting",
    [
        "login.example.com",
        "http://login.example.com",
        "http://10.0.0.1",
        "http://localhost.example.com",
        "ftp://login.example.com",
        "https://",
        "https:///path",
        "https://login.example.com?x=1",
        "https://login.example.com?",
        "https://login.example.com#x",
        "https://me:secret@login.example.com",
        "https://login.example.com//",
        "https://login.example.com/a b",
        "https://login.example.com\n",
        "https://login.example.com/app\u0440",
        "//login.example.com",
    ],
)
def test_another_public_address_is_refused(complaints: Complaints, setting: str) -> None:
    assert "https address" in complaints(PUBLIC_URL=setting)["PUBLIC_URL"]
