"""How a track came from its parent: what the tree of versions says beside each branch."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from services.user_management.library.track import Track


class Relation(StrEnum):
    """What a track is to the one that it was made from."""

    NONE = ""
    REMIX = "remix"
    VARIATION = "variation"
    CONTINUATION = "continuation"
    MELODY = "melody"
    STYLE = "style"
    STEM = "stem"
    MIX = "mix"
    MASTER = "master"


_BY_KIND: Final = {"separate": Relation.STEM, "mix": Relation.MIX, "master": Relation.MASTER}
# In the order in which one of several sources is the parent.
_BY_FIELD: Final = {
    "variation_of_id": Relation.VARIATION,
    "continue_from_id": Relation.CONTINUATION,
    "melody_id": Relation.MELODY,
    "style_id": Relation.STYLE,
}


def relation_of(kind: str, request: Mapping[str, Any], *, of_somebody_else: bool) -> Relation:
    """What a job of this kind and request makes of its source. A song after somebody else's is a remix."""
    if kind != "generate":
        return _BY_KIND.get(kind, Relation.NONE)
    if of_somebody_else:
        return Relation.REMIX
    return next((relation for field, relation in _BY_FIELD.items() if request.get(field)), Relation.MELODY)


def credit_of(track: Track) -> str:
    """How a track is named wherever somebody else made something of it."""
    quoted = f"\N{LEFT DOUBLE QUOTATION MARK}{track.content.title}\N{RIGHT DOUBLE QUOTATION MARK}"
    return f"{quoted} by {track.owner_username}"
