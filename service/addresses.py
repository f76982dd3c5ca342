"""Client addresses as they are written, and as they are counted. Pure."""

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

UNKNOWN = "unknown"  # where there is none: a client on a Unix socket
IPV6_SITE = 64  # bits: what one customer gets at the least (RFC 6177), so one customer may use all of it
# As some proxies write them: 192.0.2.1:4711, [2001:db8::1], [2001:db8::1]:4711.
_WITH_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?", re.ASCII)
# In its normal form already.
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(?:\.(?!$)|$)){4}", re.ASCII)
LONGEST = 128  # characters; an IPv6 address with a long zone and a port stays below


def parse(text: str) -> str | None:
    """The address in its normal form, or None. An IPv4 address that is mapped into IPv6 is IPv4."""
    if _IPV4.fullmatch(text):
        return text
    return _parsed(text) if len(text) <= LONGEST else None


@lru_cache(maxsize=4096)  # a backend asks thousands of times a second, from one address
def _parsed(text: str) -> str | None:
    found = _WITH_PORT.fullmatch(text)
    try:
        address = ip_address((found[1] or found[2]) if found else text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or IPv6Address(int(address))  # without a zone (%eth0), which anybody may make up
    return str(address)


def counted(address: str) -> str:
    """What a limit counts an address as: itself, or the /64 of an IPv6 address. What is no address counts as it is."""
    if ":" not in address:
        return address
    try:
        parsed = IPv6Address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, IPV6_SITE), strict=False))
