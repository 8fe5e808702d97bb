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

# IPv6 ranges that stand for IPv4 addresses behind a translator: 6to4 (RFC 3056), Teredo (RFC 4380), NAT64 (RFC 6052,
# 8215). What they lead to is anybody's guess, so nothing there counts as public.
_TRANSLATED: Final = tuple(
    ipaddress.ip_network(text) for text in ("2002::/16", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48")
)
# Protocol assignments, benchmarks (RFC 6890, 2544) and IPv4-compatible IPv6, whatever Python's version says of them.
_SPECIAL: Final = tuple(ipaddress.ip_network(text) for text in ("192.0.0.0/24", "198.18.0.0/15", "::/96"))


def is_public(address: str) -> bool:
    """Whether it is an address of the open internet; False for private, local and reserved ones, and for no address."""
    found = _parsed(address)
    return (
        found is not None
        and found.is_global
        and not found.is_multicast
        and not found.is_reserved
        and not any(found in network for network in (*_TRANSLATED, *_SPECIAL))
    )


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
