"""What the SMS says, in what order its lines stand, and what it costs."""

import pytest

from service import sms_text
from service.sms_text import Template

HASH, DOMAIN = "FA+9qCX9VSu", "login.example.com"


def test_the_text_is_filled_in() -> None:
    assert Template("{code} for {minutes} min").filled("012345", 5) == "012345 for 5 min"


def test_the_domain_is_the_last_line_and_the_hash_stands_before_it() -> None:
    filled = Template("Code {code}.", DOMAIN, HASH).filled("012345", 5)
    assert filled.split("\n") == ["Code 012345.", HASH, f"@{DOMAIN} #012345"]


def test_each_line_is_there_only_when_it_is_wanted() -> None:
    assert Template("{code}", DOMAIN).filled("1234", 5) == f"1234\n@{DOMAIN} #1234"
    assert Template("{code}", app_hash=HASH).filled("1234", 5) == f"1234\n{HASH}"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("x" * 306, 2),
        ("x" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("x" * 158 + "€", 1),
        ("x" * 159 + "€", 2),
        ("码" * 70, 1),
        ("码" * 71, 2),
        ("x" * 69 + "码", 1),
        ("x" * 70 + "码", 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("码" * 134, 2),
        ("码" * 135, 3),
    ],
)
def test_a_text_is_billed_as_so_many_messages(text: str, count: int) -> None:
    assert sms_text.segments(text) == count


@pytest.mark.parametrize(("life", "minutes"), [(0.5, 1), (59, 1), (60, 1), (119.9, 1), (120, 2), (600, 10)])
def test_minutes_are_rounded_down_and_never_none(life: float, minutes: int) -> None:
    assert sms_text.minutes(life) == minutes


def test_a_text_of_one_message_is_not_warned_of() -> None:
    assert Template("{code}" + "x" * 154).warnings("012345", 5) == []


def test_a_text_of_two_messages_is_warned_of() -> None:
    [warning] = Template("{code}" + "码" * 65).warnings("012345", 5)
    assert warning == "SMS_TEXT: with all its lines the message is 71 characters, billed as 2 messages"


@pytest.mark.parametrize(("length", "count"), [(122, 0), (123, 1)])
def test_a_text_with_a_hash_is_warned_of_when_android_would_not_look_at_it(length: int, count: int) -> None:
    found = Template("{code}" + "x" * length, app_hash=HASH).warnings("012345", 5)
    assert len(found) == count
    assert all("141 bytes" in warning for warning in found)
