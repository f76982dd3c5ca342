"""Mobile numbers (section 1.2 of the contract): the one normal form, and the form that may be logged."""

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
        pytest.param("8613800138000", id="the prefix without its plus"),
        pytest.param("008613800138000", id="the prefix as dialled"),
        pytest.param("13800138000+86", id="the prefix at the end"),
        pytest.param("+8513800138000", id="another country"),
        pytest.param("13800138000\n", id="a newline at the end"),
        pytest.param("\n13800138000", id="a newline before"),
        pytest.param("138\t0013\t8000", id="tabs"),
        pytest.param("138\u00a00013\u00a08000", id="no-break spaces"),
        pytest.param("138\u20130013\u20138000", id="en dashes"),
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


@settings(deadline=None)
@given(NUMBERS, st.lists(st.tuples(st.integers(0, 11), st.sampled_from(" -"))), st.booleans())
def test_spaces_hyphens_and_one_prefix_change_nothing(
    number: str,
    separators: list[tuple[int, str]],
    prefixed: bool,  # noqa: FBT001
) -> None:
    written = number
    for place, separator in separators:
        written = written[:place] + separator + written[place:]
    assert mobiles.normalise("+86" * prefixed + written) == number


@settings(deadline=None)
@given(st.text())
def test_whatever_comes_in_only_a_normal_form_comes_out(text: str) -> None:
    number = mobiles.normalise(text)
    assert number is None or mobiles.normalise(number) == number


def test_a_masked_number_keeps_its_ends_alone() -> None:
    assert mobiles.mask("13800138000") == "138****8000"
