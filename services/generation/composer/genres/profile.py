"""The shape of a genre profile: everything that makes one style differ from another, as data.

Patterns are strings over one bar (several bars are separated by "|"; spaces only help the eye). The number of steps
sets the resolution: 16 steps in 4/4 are sixteenths, 12 are eighth-note triplets. Patterns are written for 4/4 and
fitted to other meters by whole beats; "3:" in front means written for 3/4, "6:" for 6/8.

Drum lanes:   X accent · x hit · o soft · g ghost · ? now and then · . rest
Chord layers: X accented chord · x chord · o soft chord · d/u strum down/up · b bass root · f bass fifth
              0–9 one voice (from the lowest; beyond the top an octave higher) · t upper voices only · - hold · . rest
Bass layers:  1 3 5 7 chord degree · 8 octave · a approach to the next chord · g ghost · - hold · . rest
              "w" alone: a walking line
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.generation.composer.score import MixHints

DRUM_PITCHES: dict[str, int] = {
    "kick": 36,
    "kick2": 35,
    "rim": 37,
    "snare": 38,
    "clap": 39,
    "snare2": 40,
    "hat": 42,
    "pedal": 44,
    "open": 46,
    "crash": 49,
    "ride": 51,
    "china": 52,
    "bell": 53,
    "tambourine": 54,
    "splash": 55,
    "cowbell": 56,
    "tom1": 50,
    "tom2": 48,
    "tom3": 45,
    "tom4": 43,
    "tom5": 41,
    "bongo": 60,
    "bongo_low": 61,
    "conga_mute": 62,
    "conga": 63,
    "conga_low": 64,
    "timbale": 65,
    "timbale_low": 66,
    "agogo": 67,
    "agogo_low": 68,
    "cabasa": 69,
    "maracas": 70,
    "guiro": 73,
    "claves": 75,
    "woodblock": 76,
    "triangle": 81,
    "shaker": 82,
}
"""General MIDI percussion keys by lane name."""


@dataclass(frozen=True, slots=True)
class Tempo:
    """Beats a minute that the genre lives in."""

    low: int
    typical: int
    high: int


@dataclass(frozen=True, slots=True)
class Swing:
    """Where the second of two equal notes falls: 0.5 straight, 0.667 triplets. `unit_ticks` is the note that swings."""

    unit_ticks: int = 240
    ratio: float = 0.5


@dataclass(frozen=True, slots=True)
class Harmony:
    """Progressions for one kind of mode; bars are separated by "|", chords within a bar by spaces."""

    verse: tuple[str, ...]
    chorus: tuple[str, ...]
    bridge: tuple[str, ...]
    turnarounds: tuple[str, ...] = ("V7",)
    cadences: tuple[str, ...] = ("IV V",)
    finals: tuple[str, ...] = ("I",)


@dataclass(frozen=True, slots=True)
class Groove:
    """A drum pattern for sections of this energy; among those of equal energy the seed chooses."""

    low: float
    high: float
    lanes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Drums:
    """The drummer: kit, grooves and fills. A fill is as long as its pattern at sixteenths and ends the bar."""

    kits: tuple[int, ...]
    grooves: tuple[Groove, ...]
    fills: tuple[Mapping[str, str], ...] = ()
    enters: float = 0.3
    skip: frozenset[str] = frozenset({"breakdown"})
    """Kinds of sections without drums."""
    crash: str = "crash"
    """Lane that marks a new section; empty: none."""
    timing_ms: float = 8.0
    velocity_sd: float = 8.0
    late_ms: Mapping[str, float] = field(default_factory=dict)
    """How far single lanes lie behind the beat."""
    feel: str = "rock"
    """Whose accents and microtiming a drummer has (`learned.groove.STYLES`); machines (tight timing) have none."""
    gain_db: float = 0.0
    reverb_db: float = -24.0
    high_cut_hz: float = 20_000.0
    low_cut_hz: float = 25.0


@dataclass(frozen=True, slots=True)
class Layer:
    """One instrument's part in the arrangement.

    `role` says who writes it: "bass", "chords", "pad", "melody", "double" (the melody again, a third or an octave
    away) or "counter" (a slow line of guide tones) or "riser" (one swell into a louder section). `patterns` go from
    calm to busy; each level holds alternatives. It plays where the section's energy lies in `enters`…`leaves`, unless
    `only` or `skip` name the section's kind.
    """

    name: str
    stem: str
    role: str
    programs: tuple[int, ...]
    patterns: tuple[tuple[str, ...], ...] = ()
    low: int = 48
    high: int = 72
    velocity: int = 78
    voices: int = 4
    style: str = "close"
    """Voicing: "close", "open" (spread), "rootless", "power", "shell"."""
    enters: float = 0.0
    leaves: float = 1.01
    only: frozenset[str] = frozenset()
    skip: frozenset[str] = frozenset()
    chance: int = 100
    gate: float = 0.92
    ring: bool = False
    """Notes sound on until the chord changes (pedal down)."""
    strum_ms: float = 0.0
    timing_ms: float = 6.0
    velocity_sd: float = 6.0
    late_ms: float = 0.0
    octave: int = 0
    gain_db: float = -4.0
    pan: float = 0.0
    reverb_db: float = -18.0
    delay_db: float = -120.0
    low_cut_hz: float = 90.0
    high_cut_hz: float = 18_000.0
    sidechain: bool = False
    width: float = 0.0
    air_db: float = 0.0


@dataclass(frozen=True, slots=True)
class MelodyStyle:
    """How the tune moves. `cells` names a family of rhythm cells; percentages steer chance."""

    cells: str = "lyrical"
    sections: frozenset[str] = frozenset(
        {"verse", "chorus", "bridge", "solo", "drop", "head", "theme", "contrast", "climax", "hook", "prechorus"}
    )
    pentatonic: int = 0
    """How strongly the fourth and seventh degrees are avoided (0–100)."""
    leaps: int = 30
    """How freely it leaps (0–100)."""
    breath: int = 20
    """How often a bar inside a phrase stays silent."""
    ornament: int = 6
    """How often a note gets a grace note or a turn."""
    leaning: int = 27
    """How often a strong beat takes a dissonance that resolves by step: chord tones alone sound like exercises."""
    legato: float = 0.94
    solo_cells: str = ""
    """Cells of solos; empty: the same as elsewhere."""
    sung_again: int = 0
    """How often the second line of three is the first one again over its own chords, as in the blues (0–100)."""


@dataclass(frozen=True, slots=True)
class Genre:
    """A style of music."""

    id: str
    title: str
    tempo: Tempo
    modes: tuple[tuple[str, int], ...]
    form: str
    harmony: Mapping[str, Harmony]
    """By mode; other modes are served by `genres.modal`."""
    layers: tuple[Layer, ...]
    melody: MelodyStyle
    drums: Drums | None = None
    meters: tuple[tuple[str, int], ...] = (("4/4", 1),)
    swing: Swing = field(default_factory=Swing)
    tonics: tuple[int, ...] = (0, 2, 3, 4, 5, 7, 9, 10)
    energy: float = 0.6
    ring_seconds: tuple[float, float, float] = (1.4, 2.4, 4.2)
    """Shortest, preferred and longest ring-out of the final chord."""
    ritardando: float = 0.0
    """How much longer the last bar before the final chord is (0: not at all)."""
    mix: MixHints = field(default_factory=MixHints)
    vinyl_noise_db: float | None = None
    tags: tuple[str, ...] = ()
    section_contrast_db: float = 5.0
    """How much softer the mix is in the calmest section than in the loudest, beside what the players do themselves.
    Little where they already go from one instrument to all of them: the loudness range should stay below 12 LU."""
    harmonic_rhythm: int = 1
    """Bars per written bar of a progression: 2 makes chords twice as slow."""


TUNEFUL = frozenset({"verse", "chorus", "bridge", "solo", "theme", "contrast", "climax", "prechorus", "outro"})
"""Sections that carry the tune in styles whose endings sing on."""

BASS_GAIN_DB = -5.0
"""Bass under a loudness match: K-weighting under-counts lows, so equal LUFS would let it dominate."""
