"""Which addresses a webhook may be sent to: no private ones, and no cloud's metadata service (SSRF). Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

METADATA = {
    ip_address(address)
    for address in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254")
}
AZURE = ip_address("168.63.129.16")  # global by its number, and yet the machine's own host
NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


class Allowed:
    """What WEBHOOK_ALLOW names: hosts, addresses and networks."""

    def __init__(self, places: Iterable[str]) -> None:
        self._hosts: set[str] = set()
        self._networks = []
        for place in places:
            try:
                self._networks.append(ip_network(place, strict=False))
            except ValueError:
                self._hosts.add(place.lower().rstrip("."))

    def takes(self, host: str, address: str) -> bool:
        """Whether a connection may go to an address that this host's name leads to.

        Loopback is right for a host that says so itself: it can only be meant.
        """
        parsed = ip_address(address.partition("%")[0])
        if host.lower().rstrip(".") in self._hosts or self._is_named(parsed):
            return True
        if parsed.is_loopback:
            return is_loopback(host)
        return all(map(_is_public, _meant(parsed)))

    def _is_named(self, address: Address) -> bool:
        return any(one in network for one in (address, *_embedded(address)) for network in self._networks)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast and address not in METADATA and address != AZURE


def _meant(address: Address) -> list[Address]:
    """The address, and the IPv4 one that it stands for; of a mapped one that alone."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return [address.ipv4_mapped]
    return [address, *_embedded(address)]


def _embedded(address: Address) -> list[Address]:
    """IPv4 addresses inside an IPv6 one: what a gateway on the way would make of it."""
    if isinstance(address, IPv4Address):
        return []
    found: list[Address] = [one for one in (address.ipv4_mapped, address.sixtofour) if one]
    if address.teredo:
        found += address.teredo
    if any(address in network for network in NAT64):
        found.append(IPv4Address(address.packed[-4:]))
    if not int(address) >> 32 and int(address) > 1:  # ::a.b.c.d, deprecated
        found.append(IPv4Address(address.packed[-4:]))
    return found
