"""Tokens (section 2 of the contract): opaque, 64 characters, and their key names follow from the token alone."""

import base64
import hashlib
import hmac
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from service import tokens
from service.tokens import Kind, Token, TokenKeys

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
ADDRESS_CHARACTERS = 22  # those that carry bits of the 16 bytes of the address; the others are secret alone

KEYS = TokenKeys([b"the key of the tests"])
TOKENS = st.builds(
    Token,
    st.integers(0, 2**64 - 1),
    st.binary(min_size=8, max_size=8).map(bytes.hex),
    st.binary(min_size=32, max_size=32),
)


def parsed(text: str) -> Token:
    token = tokens.parse(text)
    assert token is not None
    return token


def shared_run(one: str, other: str) -> int:
    """The length of the longest run of characters that both have in the same place."""
    same = "".join("=" if a == b else " " for a, b in zip(one, other, strict=True))
    return max(len(run) for run in same.split(" "))


@settings(deadline=None)
@given(TOKENS)
def test_a_token_survives_its_text(token: Token) -> None:
    assert tokens.parse(token.text) == token


@settings(deadline=None)
@given(TOKENS)
def test_a_token_is_64_characters_of_base64url(token: Token) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{64}", token.text)


def test_a_token_is_laid_out_as_the_contract_says() -> None:
    secret = bytes(range(32))
    raw = base64.urlsafe_b64decode(Token(42, "0123456789abcdef", secret).text)
    pad = hashlib.sha256(b"address" + secret).digest()[:16]
    assert raw[16:] == secret
    assert bytes(a ^ b for a, b in zip(raw[:16], pad, strict=True)) == (42).to_bytes(8, "big") + bytes.fromhex(
        "0123456789abcdef"
    )


@settings(deadline=None)
@given(st.text(ALPHABET, min_size=64, max_size=64))
def test_well_formed_junk_is_a_token_of_nobody_and_says_so_in_its_own_text(text: str) -> None:
    assert parsed(text).text == text


def test_nothing_repeats_from_token_to_token_of_one_session() -> None:
    texts = [KEYS.mint(Kind.ACCESS, 42, "0123456789abcdef").text for _ in range(100)]
    assert len(set(texts)) == 100
    assert all(shared_run(one, other) < 8 for one in texts for other in texts if one is not other)


def test_what_a_token_addresses_cannot_be_read_in_it() -> None:
    token = KEYS.mint(Kind.ACCESS, 42, tokens.SessionSecrets.generate().session_id)
    raw = base64.urlsafe_b64decode(token.text)
    assert bytes.fromhex(token.session_id) not in raw
    assert (42).to_bytes(8, "big") not in raw


@settings(deadline=None)
@given(TOKENS, st.integers(0, 63), st.sampled_from(ALPHABET))
def test_one_character_changed_addresses_another_session(token: Token, place: int, character: str) -> None:
    text = token.text[:place] + character + token.text[place + 1 :]
    assume(text != token.text)
    damaged = parsed(text)
    assert (damaged.user_id, damaged.session_id) != (token.user_id, token.session_id)


@settings(deadline=None)
@given(TOKENS, st.integers(ADDRESS_CHARACTERS, 63), st.sampled_from(ALPHABET))
def test_one_character_of_the_secret_changed_leads_to_another_user_and_session(
    token: Token, place: int, character: str
) -> None:
    text = token.text[:place] + character + token.text[place + 1 :]
    assume(text != token.text)
    damaged = parsed(text)
    assert abs(damaged.user_id - token.user_id) > 2**16
    assert damaged.session_id != token.session_id
    assert tokens.key_suffix(tokens.digest(damaged.secret)) != tokens.key_suffix(tokens.digest(token.secret))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("A" * 63, id="one character short"),
        pytest.param("A" * 65, id="one character long"),
        pytest.param("A" * 60 + "====", id="padding"),
        pytest.param("A" * 63 + "+", id="standard base64, plus"),
        pytest.param("A" * 63 + "/", id="standard base64, slash"),
        pytest.param("A" * 63 + "é", id="a letter beyond ASCII"),
        pytest.param("A" * 63 + "４", id="a full-width digit"),
        pytest.param("A" * 64 + "\n", id="a newline at the end"),
        pytest.param("A" * 63 + "\n", id="a newline as the last"),
        pytest.param(" " + "A" * 64, id="a space before"),
        pytest.param("A" * 32 + "\x00" + "A" * 31, id="a NUL within"),
        pytest.param("A" * 63 + "\udcff", id="a lone surrogate"),
    ],
)
def test_another_form_is_no_token(text: str) -> None:
    assert tokens.parse(text) is None


@settings(deadline=None)
@given(TOKENS)
def test_the_digest_is_of_the_secret_and_nothing_of_it_is_in_the_token(token: Token) -> None:
    digest = tokens.digest(token.secret)
    assert re.fullmatch(r"[0-9a-f]{64}", digest)
    in_text = base64.urlsafe_b64encode(bytes.fromhex(digest)).decode()
    for length in (16, 8):
        assert digest[:length] not in token.text
        assert in_text[:length] not in token.text
    assert digest not in base64.urlsafe_b64decode(token.text).hex()


@settings(deadline=None)
@given(TOKENS)
def test_the_digest_is_made_under_a_prefix_of_its_own(token: Token) -> None:
    pad = hashlib.sha256(b"address" + token.secret).hexdigest()
    plain = hashlib.sha256(token.secret).hexdigest()
    assert tokens.digest(token.secret) not in {pad, plain}


@settings(deadline=None)
@given(TOKENS)
def test_the_serial_follows_from_the_token_alone(token: Token) -> None:
    suffix = tokens.key_suffix(tokens.digest(parsed(token.text).secret))
    assert suffix == tokens.key_suffix(tokens.digest(token.secret))
    assert re.fullmatch(r"[0-9a-f]{16}", suffix)


def test_digests_are_the_same_only_when_every_digit_is() -> None:
    digest = tokens.digest(b"secret")
    assert tokens.equal(digest, tokens.digest(b"secret"))
    assert not tokens.equal(digest, tokens.digest(b"other"))
    assert not tokens.equal(digest, digest[:-1])


def test_a_printed_token_shows_its_address_and_not_its_secret() -> None:
    token = KEYS.mint(Kind.ACCESS, 42, "0123456789abcdef")
    for printed in (repr(token), str(token), f"{token}"):
        assert "42" in printed
        assert "0123456789abcdef" in printed
        assert token.text not in printed
        assert token.secret.hex() not in printed
        assert repr(token.secret) not in printed


def test_session_ids_are_sixteen_hexadecimal_digits_and_do_not_repeat() -> None:
    ids = {tokens.SessionSecrets.generate().session_id for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"[0-9a-f]{16}", session_id) for session_id in ids)


def test_what_a_session_draws_is_long_enough_never_repeats_and_is_not_printed() -> None:
    drawn = [tokens.SessionSecrets.generate() for _ in range(1000)]
    secrets = {secret for one in drawn for secret in (one.access, one.refresh)}
    assert len(secrets) == 2000
    assert {len(secret) for secret in secrets} == {tokens.RANDOM_BYTES}
    assert not any(one.session_id in secret.hex() for one in drawn for secret in (one.access, one.refresh))
    printed = repr(drawn[0])
    assert drawn[0].access.hex() not in printed
    assert repr(drawn[0].refresh) not in printed


# --- The tag --------------------------------------------------------------------------------------------------------

OLD, NEW = b"the key of yesterday", b"the key of today"
SESSION = "0123456789abcdef"


@settings(deadline=None)
@given(st.sampled_from(Kind), st.integers(0, 2**63 - 1), st.binary(min_size=24, max_size=24))
def test_a_secret_is_24_random_bytes_and_the_tag_of_the_contract(kind: Kind, user_id: int, random: bytes) -> None:
    token = TokenKeys([NEW, OLD]).mint(kind, user_id, SESSION, random)
    signed = kind + user_id.to_bytes(8, "big") + bytes.fromhex(SESSION) + random
    assert token.secret == random + hmac.digest(NEW, signed, "sha256")[:8]
    assert parsed(token.text) == token


@settings(deadline=None)
@given(TOKENS)
def test_a_made_up_token_bears_no_tag(token: Token) -> None:
    assert not any(KEYS.have_made(kind, token) for kind in Kind)


def test_a_tag_is_for_one_kind_one_user_and_one_session() -> None:
    token = KEYS.mint(Kind.REFRESH, 42, SESSION)
    assert KEYS.have_made(Kind.REFRESH, token)
    assert not KEYS.have_made(Kind.ACCESS, token)
    assert not KEYS.have_made(Kind.REFRESH, token._replace(user_id=43))
    assert not KEYS.have_made(Kind.REFRESH, token._replace(session_id="f" * 16))


@settings(deadline=None)
@given(st.integers(0, 255))
def test_one_bit_of_the_secret_changed_is_no_tag_of_ours(bit: int) -> None:
    token = KEYS.mint(Kind.REFRESH, 42, SESSION)
    secret = (int.from_bytes(token.secret, "big") ^ 1 << bit).to_bytes(32, "big")
    assert not KEYS.have_made(Kind.REFRESH, token._replace(secret=secret))


def test_the_first_key_makes_tags_and_all_are_good_for_checking() -> None:
    before, both, after = TokenKeys([OLD]), TokenKeys([NEW, OLD]), TokenKeys([NEW])
    old, new = before.mint(Kind.REFRESH, 42, SESSION), both.mint(Kind.REFRESH, 42, SESSION)
    assert both.have_made(Kind.REFRESH, old)
    assert after.have_made(Kind.REFRESH, new)
    assert not before.have_made(Kind.REFRESH, new)
    assert not after.have_made(Kind.REFRESH, old)
