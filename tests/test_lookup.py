"""What a text that somebody has pasted is taken for."""

import pytest

from service.entities import By
from service.lookup import Lookup


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("", By.NOTHING),
        ("13800138000", By.NUMBER),
        ("tel:+86 138-0013-8000", By.NUMBER),
        ("8613800138000", By.NUMBER),
        ("42", By.USER_ID),
        ("12800138000", By.USER_ID),  # no number of ours
        ("9223372036854775807", By.USER_ID),
        ("9223372036854775808", By.NAME),  # of more bits than an id has
        ("0", By.NAME),
        ("b1946ac92492d234", By.SESSION_ID),
        ("1234567890123456", By.SESSION_ID),
        ("session:{42}:b1946ac92492d234", By.SESSION_ID),
        ("token:{42}:b1946ac92492d234:AbC", By.SESSION_ID),
        ("sessions:{42}", By.NAME),
        ("x" * 64, By.TOKEN),
        ("-_" * 32, By.TOKEN),
        ("x" * 63, By.NAME),
        ("x" * 63 + "=", By.NAME),
        ("Ada", By.NAME),
        ("\u5c0f\u660e", By.NAME),
    ],
)
def test_a_text_is_taken_for_what_it_looks_like(text: str, by: By) -> None:
    assert Lookup.by(text) is by


def test_whoever_merely_looks_tries_out_neither_ids_nor_names() -> None:
    assert {by for by in By if not by.is_whole} == {By.USER_ID, By.SESSION_ID, By.NAME}
