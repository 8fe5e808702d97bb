"""Generators of the SoundFont 2.04 specification (section 8.1): numbers, defaults, ranges and units."""

from __future__ import annotations

import math
from enum import IntEnum


class Generator(IntEnum):
    """Generator numbers that the sampler knows (section 8.1.2)."""

    START_OFFSET = 0
    END_OFFSET = 1
    LOOP_START_OFFSET = 2
    LOOP_END_OFFSET = 3
    START_COARSE_OFFSET = 4
    MOD_LFO_TO_PITCH = 5
    VIB_LFO_TO_PITCH = 6
    MOD_ENV_TO_PITCH = 7
    FILTER_CUTOFF = 8
    FILTER_Q = 9
    MOD_LFO_TO_FILTER = 10
    MOD_ENV_TO_FILTER = 11
    END_COARSE_OFFSET = 12
    MOD_LFO_TO_VOLUME = 13
    CHORUS_SEND = 15
    REVERB_SEND = 16
    PAN = 17
    MOD_LFO_DELAY = 21
    MOD_LFO_FREQUENCY = 22
    VIB_LFO_DELAY = 23
    VIB_LFO_FREQUENCY = 24
    MOD_ENV_DELAY = 25
    MOD_ENV_ATTACK = 26
    MOD_ENV_HOLD = 27
    MOD_ENV_DECAY = 28
    MOD_ENV_SUSTAIN = 29
    MOD_ENV_RELEASE = 30
    KEY_TO_MOD_ENV_HOLD = 31
    KEY_TO_MOD_ENV_DECAY = 32
    VOL_ENV_DELAY = 33
    VOL_ENV_ATTACK = 34
    VOL_ENV_HOLD = 35
    VOL_ENV_DECAY = 36
    VOL_ENV_SUSTAIN = 37
    VOL_ENV_RELEASE = 38
    KEY_TO_VOL_ENV_HOLD = 39
    KEY_TO_VOL_ENV_DECAY = 40
    INSTRUMENT = 41
    KEY_RANGE = 43
    VELOCITY_RANGE = 44
    LOOP_START_COARSE_OFFSET = 45
    KEY_NUMBER = 46
    VELOCITY = 47
    ATTENUATION = 48
    LOOP_END_COARSE_OFFSET = 50
    COARSE_TUNE = 51
    FINE_TUNE = 52
    SAMPLE_ID = 53
    SAMPLE_MODES = 54
    SCALE_TUNING = 56
    EXCLUSIVE_CLASS = 57
    ROOT_KEY = 58


GENERATOR_COUNT = 61

# Section 8.1.3; every other default is zero.
_DEFAULTS = {
    Generator.FILTER_CUTOFF: 13_500,
    Generator.MOD_LFO_DELAY: -12_000,
    Generator.VIB_LFO_DELAY: -12_000,
    Generator.MOD_ENV_DELAY: -12_000,
    Generator.MOD_ENV_ATTACK: -12_000,
    Generator.MOD_ENV_HOLD: -12_000,
    Generator.MOD_ENV_DECAY: -12_000,
    Generator.MOD_ENV_RELEASE: -12_000,
    Generator.VOL_ENV_DELAY: -12_000,
    Generator.VOL_ENV_ATTACK: -12_000,
    Generator.VOL_ENV_HOLD: -12_000,
    Generator.VOL_ENV_DECAY: -12_000,
    Generator.VOL_ENV_RELEASE: -12_000,
    Generator.KEY_NUMBER: -1,
    Generator.VELOCITY: -1,
    Generator.SCALE_TUNING: 100,
    Generator.ROOT_KEY: -1,
}

_DEFAULT_VALUES = [0] * GENERATOR_COUNT
for _generator, _value in _DEFAULTS.items():
    _DEFAULT_VALUES[_generator] = _value

# Section 8.1.3, "min" and "max"; generators that are not named here keep 16 bits.
_RANGES = {
    Generator.MOD_LFO_TO_PITCH: (-12_000, 12_000),
    Generator.VIB_LFO_TO_PITCH: (-12_000, 12_000),
    Generator.MOD_ENV_TO_PITCH: (-12_000, 12_000),
    Generator.FILTER_CUTOFF: (1_500, 13_500),
    Generator.FILTER_Q: (0, 960),
    Generator.MOD_LFO_TO_FILTER: (-12_000, 12_000),
    Generator.MOD_ENV_TO_FILTER: (-12_000, 12_000),
    Generator.MOD_LFO_TO_VOLUME: (-960, 960),
    Generator.PAN: (-500, 500),
    Generator.MOD_LFO_DELAY: (-12_000, 5_000),
    Generator.MOD_LFO_FREQUENCY: (-16_000, 4_500),
    Generator.VIB_LFO_DELAY: (-12_000, 5_000),
    Generator.VIB_LFO_FREQUENCY: (-16_000, 4_500),
    Generator.MOD_ENV_DELAY: (-12_000, 5_000),
    Generator.MOD_ENV_ATTACK: (-12_000, 8_000),
    Generator.MOD_ENV_HOLD: (-12_000, 5_000),
    Generator.MOD_ENV_DECAY: (-12_000, 8_000),
    Generator.MOD_ENV_SUSTAIN: (0, 1_000),
    Generator.MOD_ENV_RELEASE: (-12_000, 8_000),
    Generator.KEY_TO_MOD_ENV_HOLD: (-1_200, 1_200),
    Generator.KEY_TO_MOD_ENV_DECAY: (-1_200, 1_200),
    Generator.VOL_ENV_DELAY: (-12_000, 5_000),
    Generator.VOL_ENV_ATTACK: (-12_000, 8_000),
    Generator.VOL_ENV_HOLD: (-12_000, 5_000),
    Generator.VOL_ENV_DECAY: (-12_000, 8_000),
    Generator.VOL_ENV_SUSTAIN: (0, 1_440),
    Generator.VOL_ENV_RELEASE: (-12_000, 8_000),
    Generator.KEY_TO_VOL_ENV_HOLD: (-1_200, 1_200),
    Generator.KEY_TO_VOL_ENV_DECAY: (-1_200, 1_200),
    Generator.KEY_NUMBER: (-1, 127),
    Generator.VELOCITY: (-1, 127),
    Generator.ATTENUATION: (0, 1_440),
    Generator.COARSE_TUNE: (-120, 120),
    Generator.FINE_TUNE: (-99, 99),
    Generator.SCALE_TUNING: (0, 1_200),
    Generator.EXCLUSIVE_CLASS: (0, 127),
    Generator.ROOT_KEY: (-1, 127),
}

INSTRUMENT_ONLY = frozenset(
    {
        Generator.START_OFFSET,
        Generator.END_OFFSET,
        Generator.LOOP_START_OFFSET,
        Generator.LOOP_END_OFFSET,
        Generator.START_COARSE_OFFSET,
        Generator.END_COARSE_OFFSET,
        Generator.LOOP_START_COARSE_OFFSET,
        Generator.LOOP_END_COARSE_OFFSET,
        Generator.KEY_NUMBER,
        Generator.VELOCITY,
        Generator.SAMPLE_MODES,
        Generator.EXCLUSIVE_CLASS,
        Generator.ROOT_KEY,
    }
)
"""Generators that a preset zone must not set (section 8.5)."""


def default_values() -> list[int]:
    """A fresh list of every generator's default, indexed by generator number."""
    return _DEFAULT_VALUES.copy()


def clamp(generator: Generator, value: float) -> float:
    """A value within the range that the specification allows for its generator."""
    low, high = _RANGES.get(generator, (-32_768, 32_767))
    return min(max(value, low), high)


def timecents_to_seconds(timecents: float) -> float:
    """Timecents as seconds; −12,000 and below is an instant (section 9.3)."""
    return 0.0 if timecents <= -12_000 else math.pow(2.0, timecents / 1200.0)


def cents_to_hz(cents: float) -> float:
    """Absolute cents as a frequency: 0 is 8.176 Hz (MIDI key 0)."""
    return 8.175798915643707 * math.pow(2.0, cents / 1200.0)


def centibels_to_gain(centibels: float) -> float:
    """Attenuation in centibels as an amplitude factor."""
    return math.pow(10.0, -centibels / 200.0)
