"""Masters for a purpose: level, ceiling, tone, density and stereo image as numbers that can be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

PresetName = Literal["streaming", "loud", "club", "broadcast", "podcast", "vinyl"]
FilterKind = Literal["low_cut", "low_shelf", "bell", "high_shelf", "high_cut"]


@dataclass(frozen=True, slots=True)
class Filter:
    """One second-order filter of the tone stage. `gain_db` is without meaning for cuts."""

    kind: FilterKind
    frequency_hz: float
    gain_db: float = 0.0
    quality: float = 0.7071


@dataclass(frozen=True, slots=True)
class Glue:
    """The bus compressor. `threshold_lu` is against the song's own loudness, so that a quiet mix is treated alike."""

    ratio: float
    threshold_lu: float
    attack_ms: float
    release_ms: float
    knee_db: float = 6.0


@dataclass(frozen=True, slots=True)
class Preset:
    """How to master for one purpose.

    `target_lufs` and `ceiling_dbtp` are met whatever comes in; `width` scales the side (1: as it is); below
    `mono_below_hz` the sides are folded into the middle (0: nowhere); `release_ms` is the limiter's. `clips` rounds
    drum heads before the limiter from the start; other presets do so only where their target cannot be met otherwise.
    """

    name: PresetName
    title: str
    description: str
    target_lufs: float
    ceiling_dbtp: float
    tone: tuple[Filter, ...]
    glue: Glue | None
    width: float = 1.0
    mono_below_hz: float = 0.0
    release_ms: float = 120.0
    clips: bool = False


_RUMBLE: Final = Filter("low_cut", 22.0)

PRESETS: Final[dict[PresetName, Preset]] = {
    preset.name: preset
    for preset in (
        Preset(
            name="streaming",
            title="Streaming",
            description="-14 LUFS as the large services play it: open, with gentle glue and all its dynamics.",
            target_lufs=-14.0,
            ceiling_dbtp=-1.0,
            tone=(_RUMBLE, Filter("high_shelf", 10_000.0, 0.7)),
            glue=Glue(ratio=1.5, threshold_lu=1.0, attack_ms=30.0, release_ms=250.0),
        ),
        Preset(
            name="loud",
            title="Loud",
            description="-9 LUFS, dense and forward, for playlists that are not levelled.",
            target_lufs=-9.0,
            ceiling_dbtp=-1.0,
            tone=(_RUMBLE, Filter("bell", 250.0, -0.8, 0.8), Filter("high_shelf", 8_000.0, 1.0)),
            glue=Glue(ratio=2.0, threshold_lu=-2.0, attack_ms=15.0, release_ms=150.0),
            release_ms=70.0,
            clips=True,
        ),
        Preset(
            name="club",
            title="Club",
            description="-8 LUFS with a firm low end in mono, for large systems.",
            target_lufs=-8.0,
            ceiling_dbtp=-1.0,
            tone=(Filter("low_cut", 28.0), Filter("low_shelf", 90.0, 1.0), Filter("high_shelf", 9_000.0, 0.8)),
            glue=Glue(ratio=2.0, threshold_lu=-2.0, attack_ms=20.0, release_ms=120.0),
            mono_below_hz=110.0,
            release_ms=60.0,
            clips=True,
        ),
        Preset(
            name="broadcast",
            title="Broadcast",
            description="-23 LUFS after EBU R 128, dynamics untouched.",
            target_lufs=-23.0,
            ceiling_dbtp=-1.0,
            tone=(_RUMBLE,),
            glue=None,
        ),
        Preset(
            name="podcast",
            title="Podcast",
            description="-16 LUFS, voices clear and even, rumble taken out.",
            target_lufs=-16.0,
            ceiling_dbtp=-1.0,
            tone=(Filter("low_cut", 70.0), Filter("bell", 200.0, -1.0, 0.9), Filter("bell", 3_500.0, 1.2, 0.8)),
            glue=Glue(ratio=3.0, threshold_lu=-3.0, attack_ms=8.0, release_ms=180.0, knee_db=8.0),
        ),
        Preset(
            name="vinyl",
            title="Vinyl-safe",
            description="-16 LUFS below -3 dBTP, lows in mono and soft highs: what a cutting lathe can follow.",
            target_lufs=-16.0,
            ceiling_dbtp=-3.0,
            tone=(Filter("low_cut", 30.0), Filter("high_shelf", 11_000.0, -1.5), Filter("high_cut", 17_000.0)),
            glue=Glue(ratio=1.5, threshold_lu=0.0, attack_ms=25.0, release_ms=250.0),
            width=0.95,
            mono_below_hz=150.0,
        ),
    )
}

DEFAULT: Final[PresetName] = get_args(PresetName)[0]


def preset_list() -> list[dict[str, Any]]:
    """Every preset as the API shows it: name, title, description and its numbers with units in their names."""
    return [
        {
            "name": preset.name,
            "title": preset.title,
            "description": preset.description,
            "target_lufs": preset.target_lufs,
            "true_peak_dbtp": preset.ceiling_dbtp,
            "tone": [
                {"kind": item.kind, "frequency_hz": item.frequency_hz, "gain_db": item.gain_db, "quality": item.quality}
                for item in preset.tone
            ],
            "compression": None
            if preset.glue is None
            else {
                "ratio": preset.glue.ratio,
                "threshold_lu": preset.glue.threshold_lu,
                "attack_ms": preset.glue.attack_ms,
                "release_ms": preset.glue.release_ms,
                "knee_db": preset.glue.knee_db,
            },
            "width": preset.width,
            "mono_below_hz": preset.mono_below_hz,
            "limiter_release_ms": preset.release_ms,
            "default": preset.name == DEFAULT,
        }
        for preset in PRESETS.values()
    ]
