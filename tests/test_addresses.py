"""Client addresses: how they are read, and what counts as one."""

import pytest

from service import addresses


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:0DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:4711", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_an_address_is_read_however_a_proxy_writes_it(written: str, read: str) -> None:
    assert addresses.parse(written) == read


@pytest.mark.parametrize(
    "written", ["", "unknown", "_hidden", "192.0.2.256", "192.0.2.1:x", "[192.0.2.1", "1.2.3", "٣.1.1.1"]
)
def test_what_is_no_address_is_none(written: str) -> None:
    assert addresses.parse(written) is None


def test_an_ipv6_site_counts_as_one_and_an_ipv4_address_as_itself() -> None:
    assert addresses.counted("2001:db8:0:1::1") == addresses.counted("2001:db8:0:1:ffff:ffff:ffff:ffff")
    assert addresses.counted("2001:db8:0:1::1") != addresses.counted("2001:db8:0:2::1")
    assert addresses.counted("192.0.2.1") == "192.0.2.1"
    assert addresses.counted("unknown") == "unknown"
