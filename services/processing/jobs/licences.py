"""What may be done with a track that was made from others: the strictest of their terms, and all their names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from services.processing.jobs.kind import LicenceTerms

# What a piece gets that was made from nothing of others.
UNSTATED: Final = LicenceTerms("", commercial_use=False)


def merged(terms: Iterable[LicenceTerms]) -> LicenceTerms:
    """The terms that keep all of `terms`: names joined by AND (SPDX expressions, annex D), sold only if each may be."""
    found = list(dict.fromkeys(terms))
    if len(found) < 2:
        return found[0] if found else UNSTATED
    names = dict.fromkeys(term.name for term in found if term.name)
    return LicenceTerms(
        name=" AND ".join(_grouped(name, alone=len(names) == 1) for name in names),
        commercial_use=all(term.commercial_use for term in found),
        attributions=tuple(dict.fromkeys(name for term in found for name in term.attributions)),
    )


def _grouped(name: str, *, alone: bool) -> str:
    return f"({name})" if " OR " in name and not alone else name
