"""What numbers are called in Redis. Pure."""

import hashlib
import hmac
import re

from service.number_names import NumberNames

KEY = b"a key of the tests"
MOBILE = "13800138000"


def test_a_name_is_the_start_of_an_hmac_in_digits_that_need_no_quotes() -> None:
    name = NumberNames(KEY).of(MOBILE)
    assert name == hmac.digest(KEY, MOBILE.encode(), hashlib.sha256).hex()[:32]
    assert re.fullmatch("[0-9a-f]{32}", name)


def test_a_number_has_one_name_and_under_another_key_another() -> None:
    assert NumberNames(KEY).of(MOBILE) == NumberNames(KEY).of(MOBILE)
    assert NumberNames(KEY).of(MOBILE) != NumberNames(b"another key").of(MOBILE)


def test_the_numbers_of_a_block_have_as_many_names() -> None:
    names = NumberNames(KEY)
    assert len({names.of(f"1380013{n:04}") for n in range(10_000)}) == 10_000
