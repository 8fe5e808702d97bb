"""Modulators of the SoundFont 2.04 specification (sections 8.2–8.4, 9.5), evaluated once when a key goes down.

What moves while a note sounds (modulation wheel, expression, pitch bend) reaches the voice through `controls.py`, so
those sources stand at rest here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.generation.composer.sampler.generators import Generator

_VELOCITY = 2
_KEY = 3
_PITCH_WHEEL = 14
_PITCH_WHEEL_RANGE = 16
_MODULATION_WHEEL = 1
_ABSOLUTE_TRANSFORM = 2
_MAX_MODULATORS = 64


@dataclass(frozen=True, slots=True)
class Source:
    """Where a modulator reads: a MIDI controller (`is_controller`) or a general controller of section 8.2.1."""

    index: int
    is_controller: bool
    descending: bool
    bipolar: bool
    curve: int

    @classmethod
    def from_bits(cls, bits: int) -> Source:
        """Decode the 16-bit source enumerator (section 8.2)."""
        return cls(bits & 0x7F, bool(bits & 0x80), bool(bits & 0x100), bool(bits & 0x200), bits >> 10)

    def value(self, key: int, velocity: int) -> float:
        """The mapped source value: 0…1, or −1…1 when bipolar."""
        raw = self._raw(key, velocity)
        if self.descending:
            raw = 1.0 - raw
        if self.curve == 0:
            return 2.0 * raw - 1.0 if self.bipolar else raw
        if self.curve == 3:
            high = raw >= 0.5
            return (1.0 if high else -1.0) if self.bipolar else float(high)
        shape = _concave if self.curve == 1 else _convex
        if not self.bipolar:
            return shape(raw)
        return shape(2.0 * raw - 1.0) if raw >= 0.5 else -shape(1.0 - 2.0 * raw)

    def _raw(self, key: int, velocity: int) -> float:
        if self.is_controller:
            return _RESTING_CONTROLLERS.get(self.index, 0.0)
        if self.index == _VELOCITY:
            return velocity / 127.0
        if self.index == _KEY:
            return key / 127.0
        if self.index == _PITCH_WHEEL:
            return 0.5
        if self.index == _PITCH_WHEEL_RANGE:
            return 2.0 / 127.0
        # "No controller" reads as full scale; pressures rest at zero.
        return 1.0 if self.index == 0 else 0.0


# Volume, breath and expression stand fully open (the mix has its own faders), pan in the middle, and the sound
# controllers 70–79 at the centre that General MIDI 2 gives them.
_RESTING_CONTROLLERS = {2: 1.0, 7: 1.0, 10: 0.5, 11: 1.0, **dict.fromkeys(range(70, 80), 0.5)}


def _concave(x: float) -> float:
    """Section 9.5.3 (figure of the concave curve): 0 → 0, 1 → 1 over 96 dB."""
    return 1.0 if x >= 1.0 else min(1.0, max(0.0, -(40.0 / 96.0) * math.log10(1.0 - x)))


def _convex(x: float) -> float:
    return 1.0 - _concave(1.0 - x)


@dataclass(frozen=True, slots=True)
class Modulator:
    """One modulator: `amount` of the destination's unit at full source value."""

    source: Source
    destination: int
    amount: int
    amount_source: Source
    transform: int

    @property
    def identity(self) -> tuple[Source, int, Source, int]:
        """What makes two modulators the same one (section 9.5.1)."""
        return (self.source, self.destination, self.amount_source, self.transform)

    def value(self, key: int, velocity: int) -> float:
        """What this modulator adds to its destination for a key and velocity."""
        value = self.amount * self.source.value(key, velocity) * self.amount_source.value(key, velocity)
        return abs(value) if self.transform == _ABSOLUTE_TRANSFORM else value


_NONE = Source.from_bits(0)

DEFAULTS: tuple[Modulator, ...] = (
    # Section 8.4.1: velocity to attenuation. 8.4.2 (velocity to filter cutoff) is optional since 2.04, and fonts of the
    # last twenty years are voiced without it.
    Modulator(Source.from_bits(0x0502), Generator.ATTENUATION, 960, _NONE, 0),
    # Section 8.4.4: modulation wheel to vibrato.
    Modulator(Source.from_bits(0x0081), Generator.VIB_LFO_TO_PITCH, 50, _NONE, 0),
)


def override(base: Sequence[Modulator], changes: Iterable[Modulator]) -> tuple[Modulator, ...]:
    """`base` with `changes` put in place of identical modulators (instrument level, section 9.5)."""
    merged = {modulator.identity: modulator for modulator in base}
    merged.update((modulator.identity, modulator) for modulator in changes)
    return tuple(merged.values())[:_MAX_MODULATORS]


def values(instrument: Sequence[Modulator], preset: Sequence[Modulator], key: int, velocity: int) -> dict[int, float]:
    """Sum of all modulators by destination; those of the preset add to those of the instrument."""
    sums: dict[int, float] = {}
    for modulator in (*instrument, *preset):
        sums[modulator.destination] = sums.get(modulator.destination, 0.0) + modulator.value(key, velocity)
    return sums


def wheel_vibrato_cents(modulators: Iterable[Modulator]) -> float:
    """Vibrato depth at a fully raised modulation wheel."""
    return float(
        sum(
            modulator.amount
            for modulator in modulators
            if modulator.destination == Generator.VIB_LFO_TO_PITCH
            and modulator.source.is_controller
            and modulator.source.index == _MODULATION_WHEEL
        )
    )
