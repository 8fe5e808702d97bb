"""From a region and a note to the numbers that the kernel plays."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.generation.composer.sampler import kernel, modulators
from services.generation.composer.sampler.generators import (
    Generator,
    centibels_to_gain,
    clamp,
    timecents_to_seconds,
)
from services.generation.composer.sampler.samples import Playback
from services.generation.composer.sampler.soundfont import Region

Vector = NDArray[np.float64]

# E-mu's hardware, which fonts are voiced for, applies this much of a region's stated attenuation; so does every player
# since.
_ATTENUATION_SCALE = 0.4
_HUNDRED_DB_NEPERS = 5.0 * math.log(10.0)
# Steeper edges are audible as clicks.
_MIN_ATTACK_SECONDS = 0.001
_MIN_RELEASE_SECONDS = 0.04
CHOKE_SECONDS = 0.06
"""Time in which a choked voice (exclusive class, stolen voice) falls by 100 dB."""
_OPEN_CUTOFF_CENTS = 13_500.0
_BUTTERWORTH_Q_DB = -3.0103
_COARSE = 32_768
_LOOPED, _LOOPED_UNTIL_RELEASE = 1, 3


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """Everything about one region under one key and velocity that does not depend on the note's length.

    `parameters` is the kernel's vector without the sample's loop points and without release and choke times. `reach`
    bounds the frames of the sample that the voice reads for each frame that it plays.
    """

    playback: Playback
    parameters: Vector
    exclusive_class: int
    reach: float


class _Values:
    """A region's generators for one key, with what its modulators add to them, clamped, in natural units."""

    __slots__ = ("_generators", "key", "moved", "rate_hz")

    def __init__(self, region: Region, rate_hz: int, key: int, moved: Mapping[int, float]) -> None:
        self._generators = region.generators
        self.rate_hz = rate_hz
        self.key = key
        self.moved = moved

    def __getitem__(self, generator: Generator) -> float:
        return clamp(generator, self._generators[generator] + self.moved.get(generator, 0.0))

    def frames(self, generator: Generator, key_scale: Generator | None = None) -> float:
        """A time in output frames; `key_scale` shortens it towards high keys (generators 31, 32, 39 and 40)."""
        timecents = self[generator]
        if key_scale is not None:
            timecents += (60 - self.key) * self[key_scale]
        return timecents_to_seconds(min(timecents, 8_000.0)) * self.rate_hz

    def falling(self, generator: Generator, key_scale: Generator | None = None) -> float:
        """A time in which the volume falls by 100 dB, as nepers per output frame."""
        return _HUNDRED_DB_NEPERS / max(self.frames(generator, key_scale), _MIN_RELEASE_SECONDS * self.rate_hz)

    def cycles_per_frame(self, generator: Generator) -> float:
        """An oscillator's frequency."""
        return 8.175798915643707 * math.pow(2.0, self[generator] / 1200.0) / self.rate_hz


class VoiceMaker:
    """Makes the settings of one region's voices (SoundFont 2.04, sections 8.1 and 9).

    Notes differ in little: what neither the key nor the velocity moves is computed once.
    """

    def __init__(self, region: Region, rate_hz: int) -> None:
        self._region = region
        self._rate_hz = rate_hz
        self._playback = _playback(region)
        self._keyed = [each for scale, each in _BY_KEY.items() if region.generators[scale]]
        self._resting = [0.0] * kernel.PARAMETERS
        self._resting[kernel.RATE] = rate_hz
        self._resting[kernel.WHEEL_CENTS] = modulators.wheel_vibrato_cents(
            (*region.modulators, *region.preset_modulators)
        )
        self._resting[kernel.CHOKE_RATE] = _HUNDRED_DB_NEPERS / (CHOKE_SECONDS * rate_hz)
        self._resting[kernel.CHOKE_AGE] = math.inf
        at_rest = _Values(region, rate_hz, 60, {})
        for parameter in _PARAMETERS.values():
            parameter(self._resting, at_rest)

    def settings(self, key: int, velocity: int) -> VoiceSettings:
        """The settings of one note's voice."""
        region = self._region
        forced_key, forced_velocity = region.generators[Generator.KEY_NUMBER], region.generators[Generator.VELOCITY]
        key = forced_key if 0 <= forced_key <= 127 else key
        velocity = forced_velocity if 0 <= forced_velocity <= 127 else velocity
        moved = modulators.values(region.modulators, region.preset_modulators, key, velocity)
        values = _Values(region, self._rate_hz, key, moved)
        p = self._resting.copy()
        for generator, by in moved.items():
            if by and generator in _PARAMETERS:
                _PARAMETERS[generator](p, values)
        for parameter in self._keyed:
            parameter(p, values)
        _set_pitch(p, values, region)
        _set_gain_and_filter(p, values, region)
        moving = (kernel.MOD_LFO_CENTS, kernel.VIB_LFO_CENTS, kernel.WHEEL_CENTS, kernel.MOD_ENV_CENTS)
        highest = p[kernel.CENTS] + sum(abs(p[index]) for index in moving) + kernel.MAX_BEND_CENTS
        return VoiceSettings(
            playback=self._playback,
            parameters=np.array(p, np.float64),
            exclusive_class=int(region.generators[Generator.EXCLUSIVE_CLASS]),
            reach=2.0 ** (min(highest, kernel.MAX_STEP_CENTS) / 1200.0),
        )


def _set_pitch(p: list[float], values: _Values, region: Region) -> None:
    own_root = region.generators[Generator.ROOT_KEY]
    root = own_root if 0 <= own_root <= 127 else region.sample.root_key
    p[kernel.CENTS] = (
        (values.key - root) * values[Generator.SCALE_TUNING]
        + values[Generator.COARSE_TUNE] * 100.0
        + values[Generator.FINE_TUNE]
        + region.sample.correction_cents
        + 1200.0 * math.log2(region.sample.rate_hz / p[kernel.RATE])
    )


def _set_gain_and_filter(p: list[float], values: _Values, region: Region) -> None:
    stated = clamp(Generator.ATTENUATION, region.generators[Generator.ATTENUATION])
    attenuation = stated * _ATTENUATION_SCALE + values.moved.get(Generator.ATTENUATION, 0.0)
    p[kernel.GAIN] = centibels_to_gain(min(max(attenuation, 0.0), 1_440.0))
    cutoff = values[Generator.FILTER_CUTOFF]
    # Section 8.1.3 counts Q in decibels above the DC gain; zero is the maximally flat response.
    q_db = values[Generator.FILTER_Q] / 10.0 + _BUTTERWORTH_Q_DB
    p[kernel.CUTOFF_CENTS] = cutoff
    p[kernel.DAMPING] = math.pow(10.0, -q_db / 20.0)
    moving = p[kernel.MOD_LFO_FILTER] != 0.0 or p[kernel.MOD_ENV_FILTER] != 0.0
    if moving:
        p[kernel.FILTER] = 2.0
    elif cutoff < _OPEN_CUTOFF_CENTS or q_db > _BUTTERWORTH_Q_DB:
        p[kernel.FILTER] = 1.0
    if p[kernel.FILTER]:
        # Half of a resonance's height is taken off the whole band, so that a resonant sound is no louder.
        p[kernel.GAIN] *= math.pow(10.0, -(q_db - _BUTTERWORTH_Q_DB) / 40.0)


def _set_pan(p: list[float], values: _Values) -> None:
    angle = (values[Generator.PAN] + 500.0) / 1_000.0 * math.pi / 2.0
    p[kernel.PAN_LEFT], p[kernel.PAN_RIGHT] = math.cos(angle), math.sin(angle)


_Parameter = Callable[[list[float], _Values], None]


def _parameter(index: int, read: Callable[[_Values], float]) -> _Parameter:
    def put(p: list[float], values: _Values) -> None:
        p[index] = read(values)

    return put


_HOLD = _parameter(kernel.HOLD, lambda v: v.frames(Generator.VOL_ENV_HOLD, Generator.KEY_TO_VOL_ENV_HOLD))
_DECAY = _parameter(kernel.DECAY_RATE, lambda v: v.falling(Generator.VOL_ENV_DECAY, Generator.KEY_TO_VOL_ENV_DECAY))
_MOD_HOLD = _parameter(kernel.MOD_HOLD, lambda v: v.frames(Generator.MOD_ENV_HOLD, Generator.KEY_TO_MOD_ENV_HOLD))
_MOD_DECAY = _parameter(
    kernel.MOD_DECAY, lambda v: 1.0 / max(v.frames(Generator.MOD_ENV_DECAY, Generator.KEY_TO_MOD_ENV_DECAY), 1.0)
)
# What changes with the key where the region says how much.
_BY_KEY: dict[int, _Parameter] = {
    Generator.KEY_TO_VOL_ENV_HOLD: _HOLD,
    Generator.KEY_TO_VOL_ENV_DECAY: _DECAY,
    Generator.KEY_TO_MOD_ENV_HOLD: _MOD_HOLD,
    Generator.KEY_TO_MOD_ENV_DECAY: _MOD_DECAY,
}
# What follows from each generator, beside pitch, level and filter, which every note has of its own.
_PARAMETERS: dict[int, _Parameter] = {
    **_BY_KEY,
    Generator.PAN: _set_pan,
    Generator.VOL_ENV_DELAY: _parameter(kernel.DELAY, lambda v: v.frames(Generator.VOL_ENV_DELAY)),
    Generator.VOL_ENV_ATTACK: _parameter(
        kernel.ATTACK, lambda v: max(v.frames(Generator.VOL_ENV_ATTACK), _MIN_ATTACK_SECONDS * v.rate_hz)
    ),
    Generator.VOL_ENV_HOLD: _HOLD,
    Generator.VOL_ENV_DECAY: _DECAY,
    Generator.VOL_ENV_SUSTAIN: _parameter(kernel.SUSTAIN, lambda v: centibels_to_gain(v[Generator.VOL_ENV_SUSTAIN])),
    Generator.VOL_ENV_RELEASE: _parameter(kernel.RELEASE_RATE, lambda v: v.falling(Generator.VOL_ENV_RELEASE)),
    Generator.MOD_ENV_DELAY: _parameter(kernel.MOD_DELAY, lambda v: v.frames(Generator.MOD_ENV_DELAY)),
    Generator.MOD_ENV_ATTACK: _parameter(kernel.MOD_ATTACK, lambda v: v.frames(Generator.MOD_ENV_ATTACK)),
    Generator.MOD_ENV_HOLD: _MOD_HOLD,
    Generator.MOD_ENV_DECAY: _MOD_DECAY,
    Generator.MOD_ENV_SUSTAIN: _parameter(kernel.MOD_SUSTAIN, lambda v: 1.0 - v[Generator.MOD_ENV_SUSTAIN] / 1_000.0),
    Generator.MOD_ENV_RELEASE: _parameter(
        kernel.MOD_RELEASE, lambda v: 1.0 / max(v.frames(Generator.MOD_ENV_RELEASE), 1.0)
    ),
    Generator.MOD_ENV_TO_PITCH: _parameter(kernel.MOD_ENV_CENTS, lambda v: v[Generator.MOD_ENV_TO_PITCH]),
    Generator.MOD_ENV_TO_FILTER: _parameter(kernel.MOD_ENV_FILTER, lambda v: v[Generator.MOD_ENV_TO_FILTER]),
    Generator.MOD_LFO_DELAY: _parameter(kernel.MOD_LFO_DELAY, lambda v: v.frames(Generator.MOD_LFO_DELAY)),
    Generator.MOD_LFO_FREQUENCY: _parameter(
        kernel.MOD_LFO_STEP, lambda v: v.cycles_per_frame(Generator.MOD_LFO_FREQUENCY)
    ),
    Generator.MOD_LFO_TO_PITCH: _parameter(kernel.MOD_LFO_CENTS, lambda v: v[Generator.MOD_LFO_TO_PITCH]),
    Generator.MOD_LFO_TO_FILTER: _parameter(kernel.MOD_LFO_FILTER, lambda v: v[Generator.MOD_LFO_TO_FILTER]),
    Generator.MOD_LFO_TO_VOLUME: _parameter(
        kernel.MOD_LFO_GAIN, lambda v: v[Generator.MOD_LFO_TO_VOLUME] * math.log(10.0) / 200.0
    ),
    Generator.VIB_LFO_DELAY: _parameter(kernel.VIB_LFO_DELAY, lambda v: v.frames(Generator.VIB_LFO_DELAY)),
    Generator.VIB_LFO_FREQUENCY: _parameter(
        kernel.VIB_LFO_STEP, lambda v: v.cycles_per_frame(Generator.VIB_LFO_FREQUENCY)
    ),
    Generator.VIB_LFO_TO_PITCH: _parameter(kernel.VIB_LFO_CENTS, lambda v: v[Generator.VIB_LFO_TO_PITCH]),
}


def _playback(region: Region) -> Playback:
    generators, sample = region.generators, region.sample

    def offset(fine: Generator, coarse: Generator) -> int:
        return generators[fine] + _COARSE * generators[coarse]

    mode = generators[Generator.SAMPLE_MODES] & 3
    end = offset(Generator.END_OFFSET, Generator.END_COARSE_OFFSET)
    # A compressed sample's length is known to its decoder only, so an earlier end can be asked of plain samples alone.
    length = (sample.end - sample.start) // 2
    return Playback(
        sample=sample,
        start=offset(Generator.START_OFFSET, Generator.START_COARSE_OFFSET),
        end=None if sample.vorbis or end >= 0 else max(length + end, 1),
        loop_start=sample.loop_start + offset(Generator.LOOP_START_OFFSET, Generator.LOOP_START_COARSE_OFFSET),
        loop_end=sample.loop_end + offset(Generator.LOOP_END_OFFSET, Generator.LOOP_END_COARSE_OFFSET),
        looped=mode in (_LOOPED, _LOOPED_UNTIL_RELEASE),
        through=mode == _LOOPED_UNTIL_RELEASE,
    )
