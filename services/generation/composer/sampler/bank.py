"""The sounds of one SoundFont, shared by every song of the process."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from services.generation.composer.sampler.interpolation import interpolation_table
from services.generation.composer.sampler.samples import Sample, SampleCache
from services.generation.composer.sampler.soundfont import Preset, Region, SoundFont
from services.generation.composer.sampler.voice import VoiceMaker, VoiceSettings

CACHE_BYTES = 192 * 2**20
"""Default bound of decoded audio kept between notes and songs."""

_SETTINGS_CACHED = 4_096


class Instrument:
    """One preset, ready to be played at one sample rate."""

    def __init__(self, preset: Preset, samples: SampleCache, rate_hz: int) -> None:
        self.preset = preset
        self.rate_hz = rate_hz
        self.table = interpolation_table()
        self._samples = samples
        self._settings = lru_cache(maxsize=_SETTINGS_CACHED)(self._build)
        # By the region's id: the preset keeps it.
        self._makers: dict[int, VoiceMaker] = {}

    def settings(self, key: int, velocity: int) -> tuple[VoiceSettings, ...]:
        """What one note sounds: a voice for each region that answers, none outside the instrument's range."""
        return self._settings(key, velocity)

    def sample(self, settings: VoiceSettings) -> Sample:
        """The sample that a voice reads."""
        return self._samples.get(settings.playback)

    def ensure(self, sample: Sample, position: float) -> None:
        """Decode a sample as far as `position` if nobody has yet."""
        self._samples.ensure(sample, position)

    def preload(self, keys: Iterable[int], velocity: int, seconds: float) -> None:
        """Decode the beginning of what some keys sound."""
        for key in keys:
            for settings in self.settings(key, velocity):
                self.ensure(self.sample(settings), settings.reach * seconds * self.rate_hz)

    def _build(self, key: int, velocity: int) -> tuple[VoiceSettings, ...]:
        regions = self.preset.regions_at(key, velocity)
        return tuple(self._maker(region).settings(key, velocity) for region in regions)

    def _maker(self, region: Region) -> VoiceMaker:
        maker = self._makers.get(id(region))
        if maker is None:
            maker = self._makers[id(region)] = VoiceMaker(region, self.rate_hz)
        return maker


class SoundBank:
    """An open SoundFont with its decoded samples and its instruments. Safe to use from several threads."""

    def __init__(self, path: Path, rate_hz: int, cache_bytes: int = CACHE_BYTES) -> None:
        self.font = SoundFont(path)
        self.samples = SampleCache(self.font.data, cache_bytes)
        self.rate_hz = rate_hz
        self._instruments: dict[tuple[int, int], Instrument] = {}
        self._lock = threading.Lock()

    def instrument(self, bank: int, program: int) -> Instrument:
        """The instrument of a General MIDI program; see `SoundFont.preset` for what a missing one becomes."""
        with self._lock:
            instrument = self._instruments.get((bank, program))
            if instrument is None:
                instrument = Instrument(self.font.preset(bank, program), self.samples, self.rate_hz)
                self._instruments[bank, program] = instrument
        return instrument
