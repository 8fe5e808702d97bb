"""From a region and a note to the numbers that the kernel plays."""

from __future__ import annotations

import math
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
    """A region's generators with its modulators evaluated for one key and velocity, clamped, in natural units."""

    def __init__(self, region: Region, key: int, velocity: int, rate_hz: int) -> None:
        forced_key, forced_velocity = region.generators[Generator.KEY_NUMBER], region.generators[Generator.VELOCITY]
        self.key = forced_key if 0 <= forced_key <= 127 else key
        velocity = forced_velocity if 0 <= forced_velocity <= 127 else velocity
        self.region = region
        self.rate_hz = rate_hz
        self.moved = modulators.values(region.modulators, region.preset_modulators, self.key, velocity)

    def __getitem__(self, generator: Generator) -> float:
        return clamp(generator, self.region.generators[generator] + self.moved.get(generator, 0.0))

    def frames(self, generator: Generator, key_scale: Generator | None = None) -> float:
        """A time in output frames; `key_scale` shortens it towards high keys (generators 31, 32, 39 and 40)."""
        timecents = self[generator]
        if key_scale is not None:
            timecents += (60 - self.key) * self[key_scale]
        return timecents_to_seconds(min(timecents, 8_000.0)) * self.rate_hz

    def cycles_per_frame(self, generator: Generator) -> float:
        """An oscillator's frequency."""
        return 8.175798915643707 * math.pow(2.0, self[generator] / 1200.0) / self.rate_hz


def voice_settings(region: Region, key: int, velocity: int, rate_hz: int) -> VoiceSettings:
    """The settings of one region for one note (SoundFont 2.04, sections 8.1 and 9)."""
    values = _Values(region, key, velocity, rate_hz)
    p = np.zeros(kernel.PARAMETERS, np.float64)
    p[kernel.RATE] = rate_hz
    p[kernel.WHEEL_CENTS] = modulators.wheel_vibrato_cents((*region.modulators, *region.preset_modulators))
    _set_pitch(p, values)
    _set_volume(p, values)
    _set_modulation(p, values)
    _set_filter(p, values)
    moving = (kernel.MOD_LFO_CENTS, kernel.VIB_LFO_CENTS, kernel.WHEEL_CENTS, kernel.MOD_ENV_CENTS)
    highest = p[kernel.CENTS] + sum(abs(p[index]) for index in moving) + kernel.MAX_BEND_CENTS
    return VoiceSettings(
        playback=_playback(region),
        parameters=p,
        exclusive_class=int(region.generators[Generator.EXCLUSIVE_CLASS]),
        reach=2.0 ** (min(highest, kernel.MAX_STEP_CENTS) / 1200.0),
    )


def _set_pitch(p: Vector, values: _Values) -> None:
    region = values.region
    own_root = region.generators[Generator.ROOT_KEY]
    root = own_root if 0 <= own_root <= 127 else region.sample.root_key
    p[kernel.CENTS] = (
        (values.key - root) * values[Generator.SCALE_TUNING]
        + values[Generator.COARSE_TUNE] * 100.0
        + values[Generator.FINE_TUNE]
        + region.sample.correction_cents
        + 1200.0 * math.log2(region.sample.rate_hz / values.rate_hz)
    )


def _set_volume(p: Vector, values: _Values) -> None:
    stated = clamp(Generator.ATTENUATION, values.region.generators[Generator.ATTENUATION])
    attenuation = stated * _ATTENUATION_SCALE + values.moved.get(Generator.ATTENUATION, 0.0)
    p[kernel.GAIN] = centibels_to_gain(min(max(attenuation, 0.0), 1_440.0))
    angle = (values[Generator.PAN] + 500.0) / 1_000.0 * math.pi / 2.0
    p[kernel.PAN_LEFT], p[kernel.PAN_RIGHT] = math.cos(angle), math.sin(angle)
    p[kernel.DELAY] = values.frames(Generator.VOL_ENV_DELAY)
    p[kernel.ATTACK] = max(values.frames(Generator.VOL_ENV_ATTACK), _MIN_ATTACK_SECONDS * values.rate_hz)
    p[kernel.HOLD] = values.frames(Generator.VOL_ENV_HOLD, Generator.KEY_TO_VOL_ENV_HOLD)
    shortest = _MIN_RELEASE_SECONDS * values.rate_hz
    decay = max(values.frames(Generator.VOL_ENV_DECAY, Generator.KEY_TO_VOL_ENV_DECAY), shortest)
    p[kernel.DECAY_RATE] = _HUNDRED_DB_NEPERS / decay
    p[kernel.SUSTAIN] = centibels_to_gain(values[Generator.VOL_ENV_SUSTAIN])
    p[kernel.RELEASE_RATE] = _HUNDRED_DB_NEPERS / max(values.frames(Generator.VOL_ENV_RELEASE), shortest)
    p[kernel.CHOKE_RATE] = _HUNDRED_DB_NEPERS / (CHOKE_SECONDS * values.rate_hz)
    p[kernel.CHOKE_AGE] = math.inf


def _set_modulation(p: Vector, values: _Values) -> None:
    p[kernel.MOD_DELAY] = values.frames(Generator.MOD_ENV_DELAY)
    p[kernel.MOD_ATTACK] = values.frames(Generator.MOD_ENV_ATTACK)
    p[kernel.MOD_HOLD] = values.frames(Generator.MOD_ENV_HOLD, Generator.KEY_TO_MOD_ENV_HOLD)
    p[kernel.MOD_DECAY] = 1.0 / max(values.frames(Generator.MOD_ENV_DECAY, Generator.KEY_TO_MOD_ENV_DECAY), 1.0)
    p[kernel.MOD_SUSTAIN] = 1.0 - values[Generator.MOD_ENV_SUSTAIN] / 1_000.0
    p[kernel.MOD_RELEASE] = 1.0 / max(values.frames(Generator.MOD_ENV_RELEASE), 1.0)
    p[kernel.MOD_ENV_CENTS] = values[Generator.MOD_ENV_TO_PITCH]
    p[kernel.MOD_ENV_FILTER] = values[Generator.MOD_ENV_TO_FILTER]
    p[kernel.MOD_LFO_DELAY] = values.frames(Generator.MOD_LFO_DELAY)
    p[kernel.MOD_LFO_STEP] = values.cycles_per_frame(Generator.MOD_LFO_FREQUENCY)
    p[kernel.MOD_LFO_CENTS] = values[Generator.MOD_LFO_TO_PITCH]
    p[kernel.MOD_LFO_FILTER] = values[Generator.MOD_LFO_TO_FILTER]
    p[kernel.MOD_LFO_GAIN] = values[Generator.MOD_LFO_TO_VOLUME] * math.log(10.0) / 200.0
    p[kernel.VIB_LFO_DELAY] = values.frames(Generator.VIB_LFO_DELAY)
    p[kernel.VIB_LFO_STEP] = values.cycles_per_frame(Generator.VIB_LFO_FREQUENCY)
    p[kernel.VIB_LFO_CENTS] = values[Generator.VIB_LFO_TO_PITCH]


def _set_filter(p: Vector, values: _Values) -> None:
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
