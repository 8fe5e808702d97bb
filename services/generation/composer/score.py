"""The score: a song as notes, parts, sections and mix hints; what the composer hands to the renderer and to `midi.py`.

Pure data: no numpy, no I/O, cheap to import. A beat is a quarter note, and the tempo is constant, so
`seconds = beats * 60 / bpm`. Note times already hold swing and human timing; they lie on a grid of `TICKS_PER_BEAT`, so
that equal seeds give equal MIDI bytes on every platform.
"""

from __future__ import annotations

from dataclasses import dataclass, field

TICKS_PER_BEAT = 960
"""Resolution of every time in a score: beats are whole multiples of 1/960."""

STEMS = ("drums", "bass", "chords", "melody", "other")
"""Every stem that a part may belong to, in the order in which they are shown."""

DRUM_BANK = 128
"""SoundFont bank of percussion presets."""


@dataclass(frozen=True, slots=True)
class Note:
    """One sounding note: MIDI `pitch` 0–127 (General MIDI drum map on drum parts), `velocity` 1–127."""

    start_beats: float
    duration_beats: float
    pitch: int
    velocity: int

    @property
    def end_beats(self) -> float:
        """Where the note is released."""
        return self.start_beats + self.duration_beats


@dataclass(frozen=True, slots=True)
class ControlChange:
    """A MIDI controller's new value (0–127) at a time: 1 modulation, 7 volume, 10 pan, 11 expression, 64 pedal."""

    start_beats: float
    controller: int
    value: int


@dataclass(frozen=True, slots=True)
class PitchBend:
    """The channel's bend from here on, in semitones (−2…2)."""

    start_beats: float
    semitones: float


@dataclass(frozen=True, slots=True)
class Part:
    """One instrument's notes and its place in the mix. Names are unique in a score; several parts may share a stem.

    `program` is a General MIDI program (0-based), `bank` a SoundFont bank (`DRUM_BANK` for drums). Levels are hints
    relative to stems matched by loudness: `gain_db` is added after that, sends are relative to the dry part (−120 dB:
    none). `pan` is −1 (left) to 1. `low_cut_hz` and `high_cut_hz` bound the part's spectrum (0 and 20,000: open).
    `sidechain` parts are ducked by the kick.
    """

    name: str
    stem: str
    program: int
    bank: int
    drums: bool
    notes: tuple[Note, ...]
    gain_db: float = 0.0
    pan: float = 0.0
    reverb_send_db: float = -120.0
    delay_send_db: float = -120.0
    low_cut_hz: float = 0.0
    high_cut_hz: float = 20_000.0
    sidechain: bool = False
    controls: tuple[ControlChange, ...] = ()
    bends: tuple[PitchBend, ...] = ()
    width: float = 0.0
    """Stereo spread of the part (0: as the SoundFont gives it, 1: wide)."""
    air_db: float = 0.0
    """What a shelf above 2.5 kHz adds: some sampled instruments are darker than recorded ones."""


@dataclass(frozen=True, slots=True)
class SectionSpan:
    """A section of the form. `energy` (0–1) already drives the notes; `gain_db` is the section's level in the mix.

    `swell_db` is how much louder than at its beginning the section is at its end.
    """

    name: str
    start_bar: int
    bars: int
    energy: float
    gain_db: float = 0.0
    swell_db: float = 0.0

    @property
    def end_bar(self) -> int:
        """The first bar after the section."""
        return self.start_bar + self.bars


@dataclass(frozen=True, slots=True)
class MixHints:
    """How the genre wants its mix; every field has a neutral default, so a renderer may ignore what it cannot do."""

    reverb_seconds: float = 1.4
    """Decay time (RT60) of the reverb bus."""
    reverb_dark_hz: float = 6_000.0
    """High cut of the reverb bus."""
    delay_beats: float = 0.75
    delay_feedback: float = 0.3
    sidechain_db: float = 0.0
    """How deep the kick ducks parts marked `sidechain` (positive: decibels of ducking)."""
    sidechain_release_beats: float = 0.5
    drive_db: float = 0.0
    """Soft saturation of the mix bus (0: none; 6: audible warmth)."""
    master_low_cut_hz: float = 25.0
    weight_db: float = 0.0
    """What a shelf below 110 Hz adds to the whole (negative: takes away)."""
    body_db: float = 0.0
    """What a broad bell around 300 Hz adds to the whole."""
    width_db: float = 0.0
    """How much louder the difference of both channels is than it would be (negative: softer)."""
    master_high_cut_hz: float = 20_000.0
    wow_cents: float = 0.0
    """Slow tape-like pitch drift (0: none)."""
    bit_depth: int = 0
    """Chiptune-like quantisation of the melodic parts (0: none)."""
    target_lufs: float = -14.0


@dataclass(frozen=True, slots=True)
class Score:
    """A finished composition. `duration_seconds` is the asked length, exact; the last bar holds the final chord.

    The ring-out of that chord may be longer or shorter than its bar; no note lasts beyond `duration_seconds`.
    """

    title: str
    bpm: float
    beats_per_bar: int
    key: str
    bars: int
    sections: tuple[SectionSpan, ...]
    parts: tuple[Part, ...]
    duration_seconds: float
    vinyl_noise_db: float | None = None
    tags: tuple[str, ...] = ()
    genre: str = ""
    time_signature: tuple[int, int] = (4, 4)
    mix: MixHints = field(default_factory=MixHints)
    seed: int = 0
    spec: dict[str, object] = field(default_factory=dict)
    """What was understood, in the API's terms; the job's result shows it."""

    @property
    def seconds_per_beat(self) -> float:
        """Length of one quarter note."""
        return 60.0 / self.bpm

    @property
    def total_beats(self) -> float:
        """Where the last bar ends; `duration_seconds` may lie before or after it."""
        return float(self.bars * self.beats_per_bar)

    def section_at(self, beat: float) -> SectionSpan:
        """The section that sounds at a beat; the last one after the end."""
        for section in self.sections:
            if beat < section.end_bar * self.beats_per_bar:
                return section
        return self.sections[-1]
