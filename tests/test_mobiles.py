"""Mobile numbers (section 1.2 of the contract): the one normal form, and the form that may be logged."""

import sys
import unicodedata
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service import mobiles

NUMBERS = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)


@pytest.mark.parametrize(
    "text",
    [
        "13800138000",
        "+8613800138000",
        "+86 138 0013 8000",
        "+86-138-0013-8000",
        "+ 86 138-0013-8000",
        "138 0013 8000",
        " 13800138000 ",
        "-138--0013-8000-",
        "8613800138000",
        "008613800138000",
        "0086 138 0013 8000",
        "86-13800138000",
        "(+86)13800138000",
        "(+86) 138-0013-8000",
        "（+86）13800138000",
        "\uff0b8613800138000",
        "[86] 13800138000",
        "【138】0013〔8000〕",
        "tel:+86-138-0013-8000",
        "TEL: 13800138000",
        "13800138000\r\n",
        "\n13800138000",
        "138\t0013\t8000",
        "138\u00a00013\u202f8000\u3000",
        "138\u20110013\u20138000",
        "138\u22120013\uff0d8000",
        "\ufeff\u202a+86 138 0013 8000\u202c",
        "\u2068138\u200b0013\u00ad8000\u2069",
    ],
)
def test_a_number_as_people_and_phones_write_it_becomes_eleven_digits(text: str) -> None:
    assert mobiles.normalise(text) == "13800138000"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("+86", id="the prefix alone"),
        pytest.param("1380013800", id="ten digits"),
        pytest.param("138001380000", id="twelve digits"),
        pytest.param("12800138000", id="12x is no mobile network"),
        pytest.param("10086", id="a service number"),
        pytest.param("23800138000", id="does not start with 1"),
        pytest.param("+86+8613800138000", id="the prefix twice"),
        pytest.param("+86 +86 13800138000", id="the prefix twice, with spaces"),
        pytest.param("868613800138000", id="the prefix twice, without its plus"),
        pytest.param("00 86 86 13800138000", id="the prefix twice, as dialled"),
        pytest.param("+008613800138000", id="two prefixes in one"),
        pytest.param("086 13800138000", id="half of the prefix as dialled"),
        pytest.param("tel:tel:13800138000", id="tel: twice"),
        pytest.param("13800138000tel:", id="tel: at the end"),
        pytest.param("sms:13800138000", id="another scheme"),
        pytest.param("86138001380", id="the prefix, and nine digits"),
        pytest.param("138.0013.8000", id="dots"),
        pytest.param("138/0013/8000", id="slashes"),
        pytest.param("13800138000+86", id="the prefix at the end"),
        pytest.param("+8513800138000", id="another country"),
        pytest.param("13800138000\x00", id="a NUL at the end"),
        pytest.param("1380013800o", id="a letter"),
        pytest.param("１３８００１３８０００", id="full-width digits"),
        pytest.param("1380013800\u0660", id="an Arabic-Indic digit"),
        pytest.param("1\u0969800138000", id="a Devanagari digit"),
        pytest.param("1380013800²", id="a superscript digit"),
    ],
)
def test_anything_else_is_no_number(text: str) -> None:
    assert mobiles.normalise(text) is None


@cache
def marks_of_unicode() -> list[str]:
    """Every space, hyphen and invisible mark."""
    dropped = {"Zs", "Zl", "Zp", "Pd", "Cf"}
    return [letter for letter in map(chr, range(sys.maxunicode)) if unicodedata.category(letter) in dropped]


# Not st.characters(categories=...), which in a fresh checkout reads the whole of Unicode for seconds first.
DROPPED = st.deferred(lambda: st.sampled_from(marks_of_unicode())) | st.sampled_from("\t\r\n()（）[]\u2212")
PREFIXES = st.sampled_from(["", "+86", "0086", "86", "tel:", "tel:+86", "Tel:86"])


@settings(deadline=None)
@given(NUMBERS, PREFIXES, st.lists(st.tuples(st.integers(0, 17), DROPPED)))
def test_what_people_paste_and_one_prefix_change_nothing(
    number: str, prefix: str, marks: list[tuple[int, str]]
) -> None:
    written = prefix + number
    for place, mark in marks:
        written = written[:place] + mark + written[place:]
    assert mobiles.normalise(written) == number


def test_every_space_hyphen_and_invisible_mark_of_unicode_is_dropped() -> None:
    marks = marks_of_unicode()
    assert mobiles.without_marks("".join(marks)) == ""
    assert len(marks) > 200


def test_no_letter_and_no_digit_is_dropped() -> None:
    kept = [letter for letter in map(chr, range(0x20000)) if unicodedata.category(letter)[0] in "LNM"]
    assert mobiles.without_marks("".join(kept)) == "".join(kept)


@settings(deadline=None)
@given(st.text())
def test_whatever_comes_in_only_a_normal_form_comes_out(text: str) -> None:
    number = mobiles.normalise(text)
    assert number is None or mobiles.normalise(number) == number


def test_a_masked_number_keeps_its_ends_alone() -> None:
    assert mobiles.mask("13800138000") == "138****8000"
