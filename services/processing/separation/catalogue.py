"""The separators that can be asked for: what each yields, what it needs, under which terms. Pure data; no tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

VOCALS: Final = "vocals"
ACCOMPANIMENT: Final = "accompaniment"
OTHER: Final = "other"
# What no stem of the model holds: the mix less all of them.
RESIDUAL: Final = "residual"

DEFAULT_MODEL: Final = "spleeter-2stems"
HYBRID: Final = "hybrid"
ROFORMERS: Final = ("roformer-vocals", "roformer-4stems")

_FOUR: Final = ("drums", "bass", OTHER, VOCALS)


@dataclass(frozen=True, slots=True)
class SeparatorInfo:
    """One separator. `stems` are in the model's order; `licence` is that of its weights, an SPDX id or a plain name.

    `assets` are names in `configs/assets.yaml`, fetched when they are first needed; a separator without any is put into
    `<models_dir>/separation/` by an operator, or is made of `members`, and of `guests` where their weights are given.
    """

    id: str
    title: str
    stems: tuple[str, ...]
    licence: str
    commercial_use: bool
    assets: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()

    @property
    def rest(self) -> str:
        """The stem that takes what no other holds, empty when the model has none."""
        return next((stem for stem in (ACCOMPANIMENT, OTHER) if stem in self.stems), "")


SEPARATORS: Final[dict[str, SeparatorInfo]] = {
    info.id: info
    for info in (
        SeparatorInfo(
            id=DEFAULT_MODEL,
            title="Spleeter: vocals and accompaniment",
            stems=(VOCALS, ACCOMPANIMENT),
            licence="MIT",
            commercial_use=True,
            assets=("separator.spleeter-vocals", "separator.spleeter-accompaniment"),
        ),
        SeparatorInfo(
            id="htdemucs",
            title="Hybrid Transformer Demucs",
            stems=_FOUR,
            licence="MIT",
            commercial_use=True,
        ),
        SeparatorInfo(
            id="htdemucs_ft",
            title="Hybrid Transformer Demucs, one network tuned for each stem",
            stems=_FOUR,
            licence="MIT",
            commercial_use=True,
        ),
        SeparatorInfo(
            id="htdemucs_6s",
            title="Hybrid Transformer Demucs with guitar and piano",
            stems=(*_FOUR, "guitar", "piano"),
            licence="MIT",
            commercial_use=True,
        ),
        SeparatorInfo(
            id=ROFORMERS[0],
            title="RoFormer: vocals and accompaniment, a checkpoint of yours",
            stems=(VOCALS, ACCOMPANIMENT),
            licence="a checkpoint of unknown licence",
            commercial_use=False,
        ),
        SeparatorInfo(
            id=ROFORMERS[1],
            title="RoFormer: four stems, a checkpoint of yours",
            stems=_FOUR,
            licence="a checkpoint of unknown licence",
            commercial_use=False,
        ),
        SeparatorInfo(
            id=HYBRID,
            title="Spleeter and Demucs together, refined",
            stems=_FOUR,
            licence="MIT",
            commercial_use=True,
            members=(DEFAULT_MODEL, "htdemucs"),
            guests=ROFORMERS,
        ),
    )
}


def ensemble(weights: Mapping[str, Mapping[str, float]] | None) -> tuple[str, ...]:
    """The members of the hybrid that count for a stem: the usual ones for stems without weights of their own."""
    info, named = SEPARATORS[HYBRID], weights or {}
    usual = set(info.stems) - set(named)
    return tuple(
        member
        for member in (*info.members, *info.guests)
        if any(by_member.get(member, 0.0) > 0 for by_member in named.values())
        or (member in info.members and usual & set(SEPARATORS[member].stems))
    )


STEMS: Final = tuple(dict.fromkeys(stem for info in SEPARATORS.values() for stem in info.stems))
