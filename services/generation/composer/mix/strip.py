"""A channel strip: one part on its way from the sampler to its stem."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.generation.composer.mix.biquad import FilterChain, bell, high_cut, high_shelf, low_cut
from services.generation.composer.mix.dynamics import Compressor
from services.generation.composer.mix.panorama import Widener, pan_gains
from services.generation.composer.mix.saturation import BitCrusher, Saturator
from services.generation.composer.mix.tone import PRESENCE, REFERENCE_LUFS, TONES, Tone

Float32 = NDArray[np.float32]

_OPEN_HIGH_CUT_HZ = 18_000.0
_AIR_HZ = 2_500.0
# Peaks of a part at the reference loudness stand about this far above it.
_CREST_DB = 12.0
_NOMINAL_PEAK = math.pow(10.0, (REFERENCE_LUFS + _CREST_DB) / 20.0)


@dataclass(frozen=True, slots=True)
class StripSettings:
    """How one part is treated; `score.Part` explains the levels. `bit_depth` 0 leaves the waveform alone."""

    stem: str
    gain_db: float = 0.0
    pan: float = 0.0
    width: float = 0.0
    low_cut_hz: float = 0.0
    high_cut_hz: float = 20_000.0
    bit_depth: int = 0
    air_db: float = 0.0


@dataclass(frozen=True, slots=True)
class Match:
    """How one part is brought into line, in dB: gain before its strip, presence, and gain behind the strip."""

    before_db: float = 0.0
    presence_db: float = 0.0
    behind_db: float = 0.0


class Strip:
    """Level match, equaliser, compressor, colour, fader, width and pan of one part.

    All state is inside, so blocks may have any length.
    """

    def __init__(self, settings: StripSettings, match: Match, rate_hz: int) -> None:
        tone = TONES.get(settings.stem, TONES["other"])
        self._match = np.float32(math.pow(10.0, match.before_db / 20.0))
        self._filters = equaliser(settings, tone, match.presence_db, rate_hz)
        self._compressor = Compressor(tone.compressor, rate_hz) if tone.compressor else None
        self._colour = [] if tone.drive_db is None else [Saturator(tone.drive_db, _NOMINAL_PEAK)]
        self._crusher = BitCrusher(settings.bit_depth, _NOMINAL_PEAK) if settings.bit_depth else None
        width = max(settings.width, tone.width)
        self._widener = Widener(width, rate_hz) if width > 0.0 else None
        fader = math.pow(10.0, (settings.gain_db + match.behind_db) / 20.0)
        self._gains = np.array([[gain * fader] for gain in pan_gains(settings.pan)], np.float32)

    def rest(self, frames: int) -> None:
        """Let time pass in silence, once nothing comes out any more."""
        self._filters.reset()
        if self._compressor:
            self._compressor.rest(frames)
        if self._widener:
            self._widener.reset()

    def process(self, audio: Float32) -> None:
        """Treat the next block `[2, n]` in place."""
        audio *= self._match
        self._filters.process(audio)
        if self._compressor:
            audio *= self._compressor.curve(audio)
        for stage in self._colour:
            stage.process(audio)
        if self._crusher:
            self._crusher.process(audio)
        if self._widener:
            self._widener.process(audio)
        audio *= self._gains


def equaliser(settings: StripSettings, tone: Tone, presence_db: float, rate_hz: int) -> FilterChain:
    """The filters of a part: its own cuts, the bells of its kind, and its presence."""
    sections = [low_cut(max(settings.low_cut_hz, tone.low_cut_hz), rate_hz)]
    sections += [bell(band.frequency_hz, band.gain_db, band.q, rate_hz) for band in tone.bells]
    if presence_db:
        sections.append(bell(PRESENCE.frequency_hz, presence_db, PRESENCE.q, rate_hz))
    if tone.shelf_db:
        sections.append(high_shelf(tone.shelf_hz, tone.shelf_db, rate_hz))
    if settings.air_db:
        sections.append(high_shelf(_AIR_HZ, settings.air_db, rate_hz))
    if settings.high_cut_hz < _OPEN_HIGH_CUT_HZ:
        sections.append(high_cut(settings.high_cut_hz, rate_hz))
    return FilterChain(sections)
