"""What addresses stand for: who shares one, and whether one is on the open internet."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final


@lru_cache(4_096)
def network_of(address: str) -> str:
    """The network of one subscriber: an IPv4 address, an IPv6 /64 (RFC 6177); "unknown" for what is no address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


@lru_cache(4_096)
def site_of(address: str) -> str | None:
    """The IPv6 /48 around an address, which is what one customer may be given (RFC 6177); None where there is none."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    if not isinstance(found, ipaddress.IPv6Address) or found.ipv4_mapped is not None:
        return None
    return str(ipaddress.ip_network((found, 48), strict=False))


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Beside what Python calls not global: translations that could lead back inside, and what its tables leave open.
_REFUSED: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",
        "::ffff:0:0/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)


def is_public(address: str) -> bool:
    """Whether an address is on the open internet (IANA's special-purpose registries say what is not), and so one that
    strangers may have a server call; False for what is no address.

    Whoever may name another could read what only the server reaches: its own loopback, its neighbours, a cloud's
    metadata service (OWASP: server-side request forgery).
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if any(found in network for network in _REFUSED if network.version == found.version):
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def is_inner(address: str) -> bool:
    """Whether the address is this machine's or a private network's: what an operator may open on purpose.

    Never link-local: cloud machines hand out their credentials there (169.254.169.254).
    """
    found = _parsed(address)
    if found is None or found.is_link_local or found.is_unspecified or found.is_multicast:
        return False
    return found.is_loopback or found.is_private


def _parsed(address: str) -> _Address | None:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found
