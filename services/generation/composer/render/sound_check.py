"""The sound check: a few seconds out of the score are played before the song starts, to set every level.

The live audio passes one fixed gain from its first sample on, so loudness has to be known before the song is. Each part
is brought to the same loudness (the composer's faders come on top), and the mix to the genre's target.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.generation.composer.mix.dynamics import Compressor, CompressorSettings
from services.generation.composer.mix.loudness import SILENCE_LUFS, loudness_lufs
from services.generation.composer.mix.stem import Stem
from services.generation.composer.mix.strip import Strip
from services.generation.composer.mix.tone import REFERENCE_LUFS
from services.generation.composer.render.channel import bus_settings, part_player, part_sends, strip_settings
from services.generation.composer.render.timeline import Timeline
from services.generation.composer.sampler.bank import SoundBank
from services.generation.composer.sampler.kernel import TICK
from services.generation.composer.score import Part, SectionSpan
from services.generation.mastering import LiveLimiter

Float32 = NDArray[np.float32]

LIVE_CEILING_DBTP = -2.0
"""Ceiling of the live audio: one decibel below the master's, so that mastering can still raise what came out too soft.
"""

_WINDOW_SECONDS = 1.6
_WINDOWS = 4
_MATCH_RANGE_DB = (-24.0, 30.0)
_LIVE_GAIN_RANGE_DB = (-24.0, 24.0)
_RELATIVE_GATE_LU = 10.0
# The glue works on what stands out of the mix by this much, and gently.
_GLUE_ABOVE_DB = 2.0
_GLUE_RATIO = 1.6
# Windows miss the tails of room and notes that came before them.
_MISSED_DB = 0.3
_LARGEST_MAKEUP_DB = 1.5


@dataclass(frozen=True, slots=True)
class Levels:
    """What the sound check found: the gain that matches each part, the glue's threshold and the live gain, in dB."""

    match_db: tuple[float, ...]
    glue_threshold_db: float
    live_gain_db: float


@dataclass(frozen=True, slots=True)
class _Window:
    """A stretch of the song in frames; `weight` is how much of the song it stands for."""

    start: int
    frames: int
    weight: float


def glue(threshold_db: float, rate_hz: int) -> Compressor:
    """The compressor on the mix: it holds the parts together and never pumps."""
    return Compressor(CompressorSettings(threshold_db, _GLUE_RATIO, 0.03, 0.25, 8.0, 0.05), rate_hz)


def sound_check(timeline: Timeline, bank: SoundBank, executor: Executor, check: Callable[[], None]) -> Levels:
    """Set all levels of a song. `check` is called between parts and may raise to stop."""
    parts = timeline.score.parts
    windows = _windows(timeline)
    futures = [executor.submit(_play, timeline, part, bank, windows) for part in parts]
    try:
        played = []
        for future in futures:
            check()
            played.append(future.result())
    finally:
        for future in futures:
            future.cancel()
    match_db = tuple(take.match_db for take in played)
    mixes = []
    for index, window in enumerate(windows):
        check()
        mixes.append(_mix(timeline, [take.windows[index] for take in played], match_db, window))
    rate = timeline.rate_hz
    pre_glue = _weighted([loudness_lufs([mix], rate) for mix in mixes], windows)
    if pre_glue <= SILENCE_LUFS:
        return Levels(match_db, REFERENCE_LUFS, 0.0)
    threshold = pre_glue + _GLUE_ABOVE_DB
    mixes = [mix * glue(threshold, rate).curve(mix) for mix in mixes]
    target = timeline.score.mix.target_lufs - _MISSED_DB
    gain = target - _weighted([loudness_lufs([mix], rate) for mix in mixes], windows)
    check()
    # What the limiter takes away is given back, once: peaks that are cut deeper than that are better left soft.
    limited = _weighted([loudness_lufs([_limited(mix, gain, rate)], rate) for mix in mixes], windows)
    gain += min(max(target - limited, 0.0), _LARGEST_MAKEUP_DB)
    return Levels(match_db, threshold, min(max(gain, _LIVE_GAIN_RANGE_DB[0]), _LIVE_GAIN_RANGE_DB[1]))


@dataclass(frozen=True, slots=True)
class _Take:
    """One part as played in the sound check: its audio in each window and the gain that matches it."""

    windows: tuple[Float32, ...]
    match_db: float


def _windows(timeline: Timeline) -> list[_Window]:
    """A few stretches that stand for the song: the loudest section first, then others of other energy, longest first."""
    sections = sorted(timeline.score.sections, key=lambda each: (-each.energy, -each.bars, each.start_bar))
    chosen: list[SectionSpan] = []
    for section in sections:
        if len(chosen) < _WINDOWS and all(section.name != other.name for other in chosen):
            chosen.append(section)
    frames = max(round(_WINDOW_SECONDS * timeline.rate_hz) // TICK, 1) * TICK
    windows = []
    for section in chosen:
        weight = sum(other.bars for other in timeline.score.sections if other.name == section.name)
        start = timeline.bar_frame(section.start_bar + section.bars // 2)
        windows.append(_Window(max(min(start, timeline.total_frames - frames), 0), frames, float(max(weight, 1))))
    return windows or [_Window(0, frames, 1.0)]


def _play(timeline: Timeline, part: Part, bank: SoundBank, windows: Sequence[_Window]) -> _Take:
    takes = tuple(_take(timeline, part, bank, window) for window in windows)
    sounding = [take for take in takes if take.any()]
    if not sounding and part.notes:
        # It plays somewhere else: listen where it begins to.
        first = timeline.frame(min(note.start_beats for note in part.notes))
        sounding = [_take(timeline, part, bank, _Window(first, windows[0].frames, 1.0))]
    loudness = loudness_lufs(sounding, timeline.rate_hz) if sounding else SILENCE_LUFS
    if loudness <= SILENCE_LUFS:
        return _Take(takes, 0.0)
    return _Take(takes, min(max(REFERENCE_LUFS - loudness, _MATCH_RANGE_DB[0]), _MATCH_RANGE_DB[1]))


def _take(timeline: Timeline, part: Part, bank: SoundBank, window: _Window) -> Float32:
    return part_player(timeline, part, bank, window.start, window.start + window.frames).render(window.frames)


def _mix(timeline: Timeline, parts: Sequence[Float32], match_db: Sequence[float], window: _Window) -> Float32:
    """One window of the whole mix as it will sound before the glue."""
    score, rate = timeline.score, timeline.rate_hz
    total = np.zeros((2, window.frames), np.float32)
    ducking = timeline.ducking.block(window.start, window.frames) if timeline.ducking else None
    gain = timeline.gain(window.start, window.frames)
    for part, audio, match in zip(score.parts, parts, match_db, strict=True):
        treated = audio.copy()
        Strip(strip_settings(score, part), match, rate).process(treated)
        if part.sidechain and ducking is not None:
            treated *= ducking
        total += Stem([part_sends(part)], bus_settings(score), rate).process([treated], gain)
    return total


def _limited(mix: Float32, gain_db: float, rate_hz: int) -> Float32:
    limiter = LiveLimiter(rate_hz, 2, gain_db, LIVE_CEILING_DBTP)
    audio, _ = limiter.process(np.ascontiguousarray(mix.T))
    return np.ascontiguousarray(audio.T)


def _weighted(loudnesses: Sequence[float], windows: Sequence[_Window]) -> float:
    """Mean loudness of the windows by weight, without those far below it (the relative gate of BS.1770-4)."""

    def mean(pairs: Sequence[tuple[float, float]]) -> float:
        total = sum(weight for _, weight in pairs)
        return 10.0 * math.log10(sum(10.0 ** (level / 10.0) * weight for level, weight in pairs) / total)

    pairs = [(level, window.weight) for level, window in zip(loudnesses, windows, strict=True) if level > SILENCE_LUFS]
    if not pairs:
        return SILENCE_LUFS
    gate = mean(pairs) - _RELATIVE_GATE_LU
    return mean([pair for pair in pairs if pair[0] > gate])
