"""Who shares an address: what limits and throttles count by."""

from __future__ import annotations

import ipaddress


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
