"""WEBHOOK_URLS and what goes with it: what is refused at the start, and what it is told with."""

import base64

import pytest

from config import SettingsError, load
from settings.webhooks import OUTBOX_MAX

PEPPER = "a pepper for the tests alone"
KEY, OTHER_KEY = b"k" * 24, b"o" * 64
SECRET, OTHER = (f"whsec_{base64.b64encode(key).decode()}" for key in (KEY, OTHER_KEY))
URL = "https://crm.example.com/latch"


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.setenv("CODE_PEPPER", PEPPER)


def complaint(monkeypatch: pytest.MonkeyPatch, **values: str) -> str:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load()
    return str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example.com/latch",
        "http://192.168.1.7/",
        "http://localhost.example.com/",
        "http://127.0.0.1.example.com/",
        "ftp://crm.example.com/",
        "crm.example.com/latch",
        "//crm.example.com/",
        "https://",
        "https:///latch",
        "https://ada:hunter2@crm.example.com/",
        "https://hunter2@crm.example.com/",
        "https://crm.example.com/#part",
        "https://crm.example.com/latch#",
        "https://crm.example.com:0/",
        "https://crm.example.com:65536/",
        "https://crm.example.com:/",
        "https://crm.example.com/a b",
        "https://crm.example.com\\@evil.example.com/",
        "https://crm.exämple.com/",
        "javascript:alert(1)",
        f"{URL},{URL}",
    ],
)
def test_a_url_that_is_not_https_outside_loopback_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    told = complaint(monkeypatch, WEBHOOK_URLS=url, WEBHOOK_SECRET=SECRET)
    assert told.startswith("WEBHOOK_URLS: should be https addresses like ")
    assert "\n" not in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "https://crm.example.com",
        "https://crm.example.com:8443/a/b?token=1&x=%20",
        "https://[2001:db8::1]:8443/",
        "https://10.0.0.7/",  # where it leads to is judged when sending
        "http://127.0.0.1:9000/hook",
        "http://127.9.9.9/",
        "http://[::1]:9000/",
        "http://localhost/",
        "http://crm.localhost:8080/",
    ],
)
def test_https_addresses_are_taken_and_http_on_this_machine(url: str) -> None:
    assert load(webhook_urls=url, webhook_secret=SECRET).webhook_urls == (url,)


def test_several_urls_have_commas_between() -> None:
    assert load(webhook_urls=f" {URL} , https://b.example.com/,", webhook_secret=SECRET).webhook_urls == (
        URL,
        "https://b.example.com/",
    )


@pytest.mark.parametrize("secret", ["", ","])
def test_addresses_without_a_key_are_refused(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    told = complaint(monkeypatch, WEBHOOK_URLS=URL, WEBHOOK_SECRET=secret)
    assert told.startswith("WEBHOOK_SECRET: should be ")
    assert "openssl rand -base64 32" in told


@pytest.mark.parametrize(
    "secret",
    [
        "hunter2",
        "whsec_hunter2",
        f"whsec_{base64.b64encode(b'x' * 23).decode()}",
        f"whsec_{base64.b64encode(b'x' * 65).decode()}",
        SECRET.removeprefix("whsec_"),
        f"whpk_{SECRET.removeprefix('whsec_')}",
        f"{SECRET},hunter2",
        f"{SECRET},{SECRET}",
    ],
)
def test_a_key_that_is_none_of_standard_webhooks_is_refused_and_not_printed(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    told = complaint(monkeypatch, WEBHOOK_URLS=URL, WEBHOOK_SECRET=secret)
    assert told.startswith("WEBHOOK_SECRET: should be whsec_ and 24 to 64 random bytes in base64")
    assert not [part for part in secret.split(",") if part in told]


def test_each_of_several_keys_signs_in_their_order() -> None:
    settings = load(webhook_secret=f"{OTHER}, {SECRET.rstrip('=')}")
    assert settings.webhook_keys == (OTHER_KEY, KEY)
    assert SECRET not in repr(settings)
    assert OTHER not in repr(settings)


@pytest.mark.parametrize(
    "place", ["10.0.0.1/8", "10.0.0.0/33", "crm internal", "https://crm.internal", "crm.internal/24", "10.0.0.256", "*"]
)
def test_what_is_no_host_address_or_network_is_not_allowed(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    told = complaint(monkeypatch, WEBHOOK_ALLOW=place)
    assert told.startswith("WEBHOOK_ALLOW: should be hosts, addresses or networks like ")


def test_hosts_addresses_and_networks_are_allowed() -> None:
    places = "CRM.internal, crm_1, 10.1.2.3, 10.0.0.0/8, fd00::/8, ::1"
    allowed = ("crm.internal", "crm_1", "10.1.2.3", "10.0.0.0/8", "fd00::/8", "::1")
    assert load(webhook_allow=places).webhook_allow == allowed


def test_no_event_is_written_unless_somebody_wants_it() -> None:
    assert load().outbox_limit == 0
    assert load(webhook_urls=URL, webhook_secret=SECRET).outbox_limit == OUTBOX_MAX
    assert load(webhook_urls=URL, webhook_secret=SECRET, outbox_max=500).outbox_limit == 500
    assert load(outbox_max=500).outbox_limit == 500


def test_addresses_to_which_nothing_could_be_sent_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    told = complaint(monkeypatch, WEBHOOK_URLS=URL, WEBHOOK_SECRET=SECRET, OUTBOX_MAX="0")
    assert told.startswith("OUTBOX_MAX: should be 1 or more")


@pytest.mark.parametrize("most", ["-1", "10000001", "many"])
def test_a_bad_number_of_events_is_refused(monkeypatch: pytest.MonkeyPatch, most: str) -> None:
    assert complaint(monkeypatch, OUTBOX_MAX=most).startswith("OUTBOX_MAX: ")
