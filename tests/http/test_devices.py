"""What a device is called."""

import pytest

from service.http import devices

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.4 Mobile/15E148 Safari/604.1"
)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 13; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Mobile Safari/537.36"
)
WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 "
    "Safari/537.36 Edg/120.0"
)


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        (IPHONE, "Mobile Safari on iPhone"),
        (ANDROID, "Chrome Mobile on Samsung SM-S918B"),
        (WINDOWS, "Edge on Windows"),
        ("okhttp/4.9.3", "okhttp"),
        ("MyApp/1 CFNetwork/1474 Darwin/23.0.0", "MyApp on iOS-Device"),
        ("Dart/3.1 (dart:io)", "Dart/3.1 (dart:io)"),
        ("", "unknown"),
        ("\x01\x02", "unknown"),
        ("x" * 5000, "x" * 64),
    ],
)
def test_a_device_without_a_name_is_called_by_its_user_agent(user_agent: str, expected: str) -> None:
    assert devices.name("", user_agent) == expected


def test_the_name_that_the_app_gives_wins() -> None:
    assert devices.name(" Ada's phone\n", IPHONE) == "Ada's phone"


def test_odd_bytes_are_left_out() -> None:
    given = b"Zo\xc3\xab's\x01 phone\xff".decode(errors="surrogateescape")
    assert devices.name(given, "") == "Zoë's phone\ufffd"
