"""Settings of limits, codes, senders and of Redis behind many servers: what is taken, and what is complained about."""

from collections.abc import Callable

import pytest

from config import load
from service.commands import check
from service.commands.findings import Level
from settings import redis_url
from settings.providers import REQUIRED
from settings.redis_url import Servers
from tests.test_config import complaints

__all__ = ["complaints"]

Complaints = Callable[..., dict[str, str]]
PEPPER = "a pepper of the right length"


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        (
            "redis+sentinel://one:26379,[::1]:26380/latch/2",
            Servers("redis+sentinel", (("one", 26379), ("::1", 26380)), service="latch", db=2),
        ),
        (
            "redis+sentinel://:p%40ss@one:26379/latch?sentinel_password=other",
            Servers("redis+sentinel", (("one", 26379),), None, "p@ss", "latch", 0, None, "other"),
        ),
        (
            "redis+cluster://me:pass@one:7000,two:7001",
            Servers("redis+cluster", (("one", 7000), ("two", 7001)), "me", "pass"),
        ),
        (
            f"rediss+cluster://one:7000?ssl_ca_certs={__file__}",
            Servers(
                "redis+cluster",
                (("one", 7000),),
                tls={"ssl": True, "ssl_check_hostname": True, "ssl_ca_certs": __file__},
            ),
        ),
        (
            "rediss+sentinel://one:26379/latch?sentinel_password=other&ssl_check_hostname=false",
            Servers(
                "redis+sentinel",
                (("one", 26379),),
                service="latch",
                sentinel_password="other",
                tls={"ssl": True, "ssl_check_hostname": False},
            ),
        ),
        ("redis://one", Servers("redis", (("one", 6379),))),
        ("redis://[::1]:6380/3", Servers("redis", (("::1", 6380),), db=3)),
        (
            "redis://:p%40ss@one/?db=3&client_name=me",
            Servers("redis", (("one", 6379),), None, "p@ss", db=3, client_name="me"),
        ),
        ("redis://one/1?username=me&password=pass", Servers("redis", (("one", 6379),), "me", "pass", db=1)),
        (
            "rediss://me:pass@one:6380/0?ssl_cert_reqs=none&ssl_check_hostname=False",
            Servers(
                "redis",
                (("one", 6380),),
                "me",
                "pass",
                tls={"ssl": True, "ssl_check_hostname": False, "ssl_cert_reqs": "none"},
            ),
        ),
        ("unix:///run/a%20b.sock?db=2", Servers("unix", (), db=2, path="/run/a b.sock")),
        ("unix://me:pass@/run/redis.sock", Servers("unix", (), "me", "pass", path="/run/redis.sock")),
    ],
)
def test_a_url_is_taken_apart(url: str, servers: Servers) -> None:
    assert redis_url.parse(url) == servers
    assert load(redis_url=url, code_pepper=PEPPER).redis_location == url
    assert "pass" not in repr(servers)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("REDIS_URL", "redis+sentinel://one:26379", "/service"),
        ("REDIS_URL", "redis+sentinel://one:26379/latch/first", "/service"),
        ("REDIS_URL", "redis+sentinel://one/latch", "host:port"),
        ("REDIS_URL", "redis+sentinel://one:26379,two:x/latch", "host:port"),
        ("REDIS_URL", "redis+sentinel://one:99999/latch", "host:port"),
        ("REDIS_URL", "redis+sentinel://one:26379/latch?sentinel=x", "sentinel_password"),
        ("REDIS_URL", "redis+cluster://one:7000/1", "no path"),
        ("REDIS_URL", "redis+cluster://:hunter#2@one:7000", "host:port"),
        ("REDIS_URL", f"redis+cluster://one:7000?ssl_ca_certs={__file__}", "no options"),
        ("REDIS_URL", "rediss+cluster://one:7000?ssl_cert_reqs=none", "ssl_ca_certs"),
        ("REDIS_URL", "rediss+cluster://one:7000?ssl_check_hostname=maybe", "true"),
        ("REDIS_URL", "rediss+sentinel://one:26379/latch?ssl_ca_certs=/nowhere/ca.pem", "files that are there"),
        ("REDIS_URL", "rediss://one:6380?ssl_keyfile=/nowhere/key.pem", "files that are there"),
        ("REDIS_URL", "redis://one/sessions", "number"),
        ("REDIS_URL", "redis://one/0/1", "number"),
        ("REDIS_URL", "redis://one/-1", "number"),
        ("REDIS_URL", "redis://one/\u00b2", "number"),
        ("REDIS_URL", "redis://one?db=first", "number"),
        ("REDIS_URL", "redis://one?db=", "number"),
        ("REDIS_URL", "redis://one/0?socket_timeout=5s", "no other options than client_name, db"),
        ("REDIS_URL", "redis://one?passwort=x", "no other options"),
        ("REDIS_URL", "redis://one?tls", "no other options"),
        ("REDIS_URL", "redis://one?ssl_check_hostname=false", "no other options"),
        ("REDIS_URL", "unix:///run/redis.sock?decode_responses=true", "no other options"),
        ("REDIS_URL", "unix://run/redis.sock", "unix:///path"),
        ("REDIS_URL", "rediss://one:6380?ssl_cert_reqs=CERT_NONE", "ssl_cert_reqs=none"),
        ("REDIS_URL", "rediss://one:6380?ssl_check_hostname=1", "ssl_check_hostname=true"),
        ("REDIS_URL", "redis://me@one", "password after the user name"),
        ("REDIS_URL", "redis+sentinel://me@one:26379/latch", "password after the user name"),
        ("REDIS_URL", "redis+sentinel://one:26379/latch?sentinel_username=me", "sentinel_password"),
        ("REDIS_URL", "redis+cluster://one:7000?db=1", "no options"),
        ("REDIS_URL", "redis://one:6379,two:6379/0", "redis+sentinel://"),
        ("REDIS_URL", "redis://one:99999", "host and a port"),
        ("LIMIT_CODES_PER_NUMBER", "many", "5/hour;10/day"),
        ("LIMIT_CODES_PER_NUMBER", "0/hour", "from 1 to"),
        ("LIMIT_CODES_PER_NUMBER", "99999999999999999999/hour", "1,000,000"),
        ("LIMIT_CODES_PER_NUMBER", "9/99999999999999 year", "a year at most"),
        ("LIMIT_LOGINS_PER_IP", "60/fortnight", "5/hour;10/day"),
        ("LIMIT_CODE_COOLDOWN", "60,,120", "60,60,120,300"),
        ("LIMIT_CODE_COOLDOWN", "0", "from 1 to 3600"),
        ("LIMIT_CODE_COOLDOWN", "3601", "from 1 to 3600"),
        ("TEST_CODES", "13800138000=12345", "13800138000=000000"),
        ("TEST_CODES", "12800138000=123456", "from 13 to 19"),
        ("TEST_CODES", "23800138000=123456", "from 13 to 19"),
        ("TEST_CODES", "13800138000", "13800138000=000000"),
        ("TEST_CODES", "13800138000=123456,13800138000=654321", "once"),
        ("SMS_SENDER", "console,console", "each once"),
        ("SMS_SENDER", ",", "one or more"),
        ("SMS_TEXT", "Your code is on its way", "{code}"),
        ("SMS_TEXT", "{code} {name}", "{code}"),
        ("SMS_TEXT", "{code", "{code}"),
        ("SMS_TEXT", "{code.__class__}", "{code}"),
        ("SMS_TEXT", "{code} {minutes:s}", "{code}"),
        ("SMS_TEXT", "{code} {minutes[0]}", "{code}"),
        ("LIMIT_CODES_PER_NUMBER", "5/hour;3/hour", "each window once"),
        ("SMS_DOMAIN", "https://app.example.com", "pattern"),
        ("SMS_APP_HASH", "short", "pattern"),
        ("SMS_ALLOW_PREFIXES", "138,2", "170,1380013"),
        ("SMS_BLOCK_PREFIXES", "138-0013", "170,1380013"),
        ("SMS_MIN_CONVERSION", "20", "less than or equal to 1"),
        ("CAPTCHA", "recaptcha", "'hcaptcha'"),
    ],
)
def test_a_bad_value_is_told_with_its_name_and_what_it_should_be(
    complaints: Complaints, name: str, value: str, wanted: str
) -> None:
    told = complaints(**{name: value, "CODE_PEPPER": PEPPER})
    assert set(told) == {name}
    assert wanted in told[name]
    assert "hunter" not in told[name]


def test_a_sender_says_which_of_its_settings_are_missing(complaints: Complaints) -> None:
    told = complaints(SMS_SENDER="twilio,webhook", TWILIO_ACCOUNT_SID="AC1", WEBHOOK_URL="https://sms.example.com")
    assert set(told) == {"TWILIO_AUTH_TOKEN", "TWILIO_FROM", "WEBHOOK_SECRET"}
    assert told["TWILIO_FROM"] == "should be set when SMS_SENDER names twilio"


def test_a_captcha_needs_its_secret(complaints: Complaints) -> None:
    assert set(complaints(CAPTCHA="turnstile")) == {"CAPTCHA_SECRET"}


def test_the_captcha_that_latch_checks_itself_needs_no_secret_and_takes_a_long_one(complaints: Complaints) -> None:
    assert load(captcha="altcha").captcha_secret.get_secret_value() == ""
    assert complaints(CAPTCHA="altcha", CAPTCHA_SECRET="short") == {
        "CAPTCHA_SECRET": "should be at least 16 characters, or empty"
    }


@pytest.mark.parametrize(("length", "most"), [(4, 1), (5, 10), (6, 100)])
def test_a_code_allows_no_more_than_one_guess_in_ten_thousand(complaints: Complaints, length: int, most: int) -> None:
    assert load(code_length=length, code_attempts=most).code_attempts == most
    if most < 100:  # the most that the setting takes
        told = complaints(CODE_LENGTH=str(length), CODE_ATTEMPTS=str(most + 1))
        assert set(told) == {"CODE_ATTEMPTS"}
        assert told["CODE_ATTEMPTS"].startswith(f"should be {most} at most where CODE_LENGTH is {length}")


def test_four_digits_need_fewer_attempts_than_the_default(complaints: Complaints) -> None:
    assert set(complaints(CODE_LENGTH="4")) == {"CODE_ATTEMPTS"}


@pytest.mark.parametrize("written", ["off", "OFF", " off "])
def test_a_limit_can_be_switched_off(written: str) -> None:
    settings = load(limit_codes_total=written, limit_code_cooldown=written)
    assert (settings.limit_codes_total, settings.cooldown_steps) == ("off", ())


def test_test_codes_are_read_as_pairs_and_never_printed() -> None:
    settings = load(test_codes=" 13800138000=246810, 13900139000=135791 ")
    assert settings.fixed_codes == {"13800138000": "246810", "13900139000": "135791"}
    assert "246810" not in repr(settings)


def warnings(**values: object) -> list[str]:
    settings = load(code_pepper=PEPPER, **values)
    return [finding.text for finding in check.of_settings(settings) if finding.level is Level.WARN]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"redis_url": "redis://one", "sms_sender": "file"}, "file shows login codes"),
        ({"redis_url": "redis://one", "sms_sender": "console"}, "console shows login codes"),
        ({"limit_codes_total": "off"}, "LIMIT_CODES_TOTAL: off"),
        ({"sms_text": "{code}" + "x" * 160}, "billed as 2 messages"),
        ({"test_codes": "13800138000=246810"}, "138****8000"),
        ({"captcha": "altcha", "captcha_when": "guarded", "sms_min_conversion": 0}, "CAPTCHA_WHEN: guarded asks"),
    ],
)
def test_settings_that_are_dangerous_are_warned_of(values: dict[str, object], told: str) -> None:
    [text] = warnings(**values)
    assert told in text
    assert "246810" not in text


def test_a_text_that_nobody_sends_is_not_warned_of() -> None:
    tencent = dict.fromkeys(REQUIRED["tencent"], "x")
    found = warnings(sms_sender="tencent", sms_text="{code}" + "x" * 160, **tencent)
    assert [text for text in found if "SMS_TEXT" in text] == []


def test_people_are_told_of_new_devices_only_where_a_sender_can(complaints: Complaints) -> None:
    tencent = dict.fromkeys(REQUIRED["tencent"], "x")
    wanted = {"sms_sender": "tencent", "notify_new_device": True, **tencent}
    assert [text for text in warnings(**wanted) if "nobody is told of a new device" in text]
    assert not [text for text in warnings(**wanted, tencent_template_id_new_device="x") if "new device" in text]
    assert not [text for text in warnings(sms_sender="tencent", **tencent) if "new device" in text]
    long = {**wanted, "sms_sender": "tencent,file", "sms_text_new_device": "x" * 161}
    assert [text for text in warnings(**long) if text.startswith("SMS_TEXT_NEW_DEVICE: with")]
    assert set(complaints(SMS_TEXT_NEW_DEVICE="{code}", CODE_PEPPER=PEPPER)) == {"SMS_TEXT_NEW_DEVICE"}


def test_purposes_that_no_sender_has_a_template_for_are_told() -> None:
    tencent = {**dict.fromkeys(REQUIRED["tencent"], "x"), "tencent_template_id_change": "x"}
    assert [text for text in warnings(sms_sender="tencent", **tencent) if "erase" in text]
    assert not [text for text in warnings(sms_sender="tencent", **tencent) if "change" in text]
    assert not [text for text in warnings(sms_sender="tencent,file", **tencent) if "erase" in text]
