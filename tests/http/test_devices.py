"""What a device is called."""

from urllib.parse import quote

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

ARKWEB = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 ArkWeb/6.0.0.130"
FAMILY = "👨\u200d👩\u200d👧\u200d👦"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        (IPHONE, "Mobile Safari on iPhone"),
        (ANDROID, "Chrome Mobile on Samsung SM-S918B"),
        (WINDOWS, "Edge on Windows"),
        ("okhttp/4.9.3", "okhttp"),
        ("MyApp/1 CFNetwork/1474 Darwin/23.0.0", "MyApp on iOS-Device"),
        ("%E5%BE%AE%E4%BF%A1/8.0.1 CFNetwork/1474 Darwin/23.0.0", "微信 on iOS-Device"),
        ("Dart/3.1 (dart:io)", "Dart/3.1 (dart:io)"),
        (f"Mozilla/5.0 (Phone; OpenHarmony 5.0) {ARKWEB} Mobile", "Chrome on HarmonyOS phone"),
        (f"Mozilla/5.0 (Phone; OpenHarmony5.0) {ARKWEB} Mobile", "Chrome on HarmonyOS phone"),
        (f"Mozilla/5.0 (Tablet; OpenHarmony 5.1) {ARKWEB}", "Chrome on HarmonyOS tablet"),
        (f"Mozilla/5.0 (PC; OpenHarmony 6.0) {ARKWEB}", "Chrome on HarmonyOS PC"),
        (
            f"Mozilla/5.0 (Phone; OpenHarmony 6.0; Android 10) {ARKWEB} Mobile HuaweiBrowser/5.1.12.351",
            "Huawei Browser on HarmonyOS phone",
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; HarmonyOS; TET-AN00; HMSCore 6.3.0.327) HuaweiBrowser/12.0.4.301 Mobile",
            "Huawei Browser on HarmonyOS",
        ),
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


@pytest.mark.parametrize("given", ["张三的小米14", "Zoë's phone", "50% off & more", "Redmi Note 13 Pro+", FAMILY])
def test_a_percent_encoded_name_is_decoded(given: str) -> None:
    assert devices.name(quote(given, safe=""), "") == given


@pytest.mark.parametrize("given", ["100% mine", "100%", "%zz", "%E5%BC", "%FF phone", "张三 %41", "a+b", "%"])
def test_a_name_that_is_no_percent_encoded_text_stays_as_it_came(given: str) -> None:
    assert devices.name(given, "") == given


@pytest.mark.parametrize(
    "given", [FAMILY, ENGLAND, "👍🏽", "🇨🇳🇬🇧", "1\ufe0f\u20e3", "❤\ufe0f\u200d🔥", "\U0001fadc", "می\u200cخواهم"]
)
def test_joined_emoji_and_letters_stay_whole(given: str) -> None:
    assert devices.name(given, "") == given


@pytest.mark.parametrize("joined", [FAMILY, ENGLAND, "👍🏽", "🇨🇳", "1\ufe0f\u20e3", "❤\ufe0f\u200d🔥", "x\u0301\u0302"])
def test_a_joined_emoji_is_kept_whole_or_cut_off_whole(joined: str) -> None:
    for place in range(devices.NAME_LENGTH - len(joined) - 1, devices.NAME_LENGTH + 1):
        given = "-" * place + joined + "-" * devices.NAME_LENGTH
        fits = place + len(joined) <= devices.NAME_LENGTH
        assert devices.name(given, "") == (given[: devices.NAME_LENGTH] if fits else "-" * place)


def test_of_many_flags_whole_ones_are_kept() -> None:
    assert devices.name("-" + "🇨🇳" * 40, "") == "-" + "🇨🇳" * 31


def test_a_letter_under_more_marks_than_fit_is_cut_all_the_same() -> None:
    assert devices.name("a" + "\u0334" * 100, "") == "a" + "\u0334" * 63


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("\u202egnp.exe", "gnp.exe"),
        ("\u2066Ada\u2069", "Ada"),
        ("\ufeffAda\u200b", "Ada"),
        ("Ada\u200d", "Ada"),
        ("\u200d", "unknown"),
        ("Ada\U000e0041\U000e0042", "Ada"),
        ("%E2%80%AEAda%00%0A", "Ada"),
    ],
)
def test_what_is_not_seen_and_joins_nothing_is_left_out(given: str, expected: str) -> None:
    assert devices.name(given, "") == expected
