"""Which encodings of a body a client takes (RFC 9110 §12.5.3)."""

from __future__ import annotations

import re

_NEVER = re.compile(r"0(\.0{0,3})?")


def takes(accepted: str, encoding: str) -> bool:
    """Whether the header `Accept-Encoding` allows `encoding`; without one nothing is."""
    taken = {}
    for item in accepted.lower().split(","):
        name, _, parameters = item.partition(";")
        quality = parameters.strip().removeprefix("q=") if parameters else "1"
        taken[name.strip()] = _NEVER.fullmatch(quality) is None
    return taken.get(encoding, taken.get("*", False))
