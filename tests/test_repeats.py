"""What a login that names its request is known by, and what its tokens are made of. Pure."""

import hmac
import re

from service.entities import PastLogin
from service.repeats import HASH, NamedLogin
from service.stores import login_records

MOBILE, CODE, REQUEST = "13800138000", "246810", "0f8fad5b-d9cb-469f"
NONCE, OTHER_NONCE = "00" * 16, "01" * 16


def key(secret: bytes = b"a key of the tests") -> hmac.HMAC:
    return hmac.new(secret, digestmod=HASH)


def login(mobile: str = MOBILE, code: str = CODE, request_id: str = REQUEST) -> NamedLogin:
    return NamedLogin([key()], mobile, code, request_id)


def test_the_same_login_has_the_same_marks_and_secrets() -> None:
    assert login().marks == login().marks
    assert login().secrets(NONCE) == login().secrets(NONCE)


def test_another_number_code_request_nonce_or_key_makes_other_secrets() -> None:
    others = [
        login(mobile="13900139000").secrets(NONCE),
        login(code="246811").secrets(NONCE),
        login(request_id="0f8fad5b-d9cb-4690").secrets(NONCE),
        login().secrets(OTHER_NONCE),
        NamedLogin([key(b"another key")], MOBILE, CODE, REQUEST).secrets(NONCE),
    ]
    every = [login().secrets(NONCE), *others]
    for one in zip(*every, strict=True):  # session ids, then access tokens, then refresh tokens
        assert len(set(one)) == len(every)


def test_secrets_have_the_sizes_that_a_session_needs_and_nothing_in_common() -> None:
    drawn = login().secrets(NONCE)
    assert re.fullmatch("[0-9a-f]{16}", drawn.session_id)
    assert (len(drawn.access), len(drawn.refresh)) == (24, 24)
    assert drawn.access != drawn.refresh
    marks = "".join(part for mark in login().marks for part in mark)
    assert not [part for part in (drawn.session_id, drawn.access.hex(), drawn.refresh.hex()) if part in marks]


def test_the_name_follows_from_number_and_request_alone_and_the_digest_from_the_code_too() -> None:
    [mark], [guess] = login().marks, login(code="000000").marks
    assert mark.name == guess.name
    assert mark.digest != guess.digest
    for other in (login(mobile="13900139000"), login(request_id="0f8fad5b-d9cb-4690")):
        assert other.marks[0].name != mark.name


def test_after_a_change_of_keys_a_login_is_known_by_the_old_one() -> None:
    old, new = key(b"the old key"), key(b"the new key")
    before, after = NamedLogin([old], MOBILE, CODE, REQUEST), NamedLogin([new, old], MOBILE, CODE, REQUEST)
    past = PastLogin(before.marks[0].digest, NONCE, 1, is_new=False)
    assert after.key_of(past) == 1
    assert after.secrets(NONCE, after.key_of(past)) == before.secrets(NONCE)
    assert after.secrets(NONCE) != before.secrets(NONCE)


def test_a_record_is_read_as_it_was_written_and_tells_neither_number_nor_code_nor_request() -> None:
    [mark] = login().marks
    for past in (PastLogin(mark.digest, NONCE, 1, is_new=True), PastLogin(mark.digest, NONCE, 2**53, is_new=False)):
        record = login_records.dump(past)
        assert login_records.load(record.encode()) == past
        assert not [part for part in (MOBILE, CODE, REQUEST) if part in record + login_records.key("{n}", mark)]


def test_what_is_no_record_is_none() -> None:
    record = login_records.dump(PastLogin(login().marks[0].digest, NONCE, 1, is_new=True)).encode()
    for value in (b"", record[:-1], record + b" ", record.replace(b" 1 ", b" 01 "), record[:64], b"\xff" + record[1:]):
        assert login_records.load(value) is None
