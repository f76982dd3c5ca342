"""What devices are called in Redis."""

from service.device_names import DeviceNames

NAMES = DeviceNames(b"the key of the tests")
DEVICE = "5f0c2f9e-a-phone"


def test_a_device_always_has_the_same_name_with_one_user_and_key() -> None:
    assert NAMES.of(42, DEVICE) == DeviceNames(b"the key of the tests").of(42, DEVICE)
    assert len(NAMES.of(42, DEVICE)) == 32
    assert int(NAMES.of(42, DEVICE), 16)


def test_nobody_is_known_by_a_device_who_is_somebody_else() -> None:
    others = {NAMES.of(4, f"2:{DEVICE}"), NAMES.of(43, DEVICE), DeviceNames(b"another").of(42, DEVICE)}
    assert len(others | {NAMES.of(42, DEVICE)}) == 4


def test_what_has_no_id_has_no_name() -> None:
    assert NAMES.of(42, "") == ""
