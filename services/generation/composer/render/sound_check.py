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
from services.generation.composer.mix.loudness import loudness_lufs
from services.generation.composer.mix.stem import Stem
from services.generation.composer.mix.strip import Match, Strip
from services.generation.composer.mix.tone import REFERENCE_LUFS
from services.generation.composer.render.channel import bus_settings, part_player, part_sends, strip_settings
from services.generation.composer.render.gathering import gather
from services.generation.composer.render.timeline import Timeline
from services.generation.composer.sampler.bank import SoundBank
from services.generation.composer.sampler.kernel import TICK
from services.generation.composer.score import Part
from services.generation.loudness import SILENCE_LUFS
from services.generation.mastering import LiveLimiter

Float32 = NDArray[np.float32]

LIVE_CEILING_DBTP = -2.0
"""Ceiling of the live audio: one decibel below the master's, so that mastering can still raise what came out soft."""

_WINDOW_SECONDS = 1.6
_WINDOWS = 5
_SECONDS_PER_WINDOW = 3.0
_MATCH_RANGE_DB = (-24.0, 30.0)
_LIVE_GAIN_RANGE_DB = (-24.0, 24.0)
_RELATIVE_GATE_LU = 10.0
# A part whose notes fill less of the song than this is too seldom heard for windows that are laid without it.
_RARE_SHARE = 0.1
# The glue works on what stands out of the mix by this much, and gently.
_GLUE_ABOVE_DB = 2.0
_GLUE_RATIO = 1.6
# Softer than it promised in the check is what a song mostly is: by this much, over all genres.
_PROMISED_DB = 0.2
_LARGEST_MAKEUP_DB = 1.5
# A part with more of its power in this band is sharp, one with less is dull and is lifted by a part of what it lacks.
_PRESENCE_HZ = (2_000.0, 5_000.0)
_SHARP_DB, _DULL_DB, _DULL_SHARE = -8.0, -16.0, 0.25
_DEEPEST_PRESENCE_DB, _HIGHEST_PRESENCE_DB = 5.0, 2.5


@dataclass(frozen=True, slots=True)
class Levels:
    """What the sound check found: the match of each part, the glue's threshold and the live gain, in dB."""

    matches: tuple[Match, ...]
    glue_threshold_db: float
    live_gain_db: float


@dataclass(frozen=True, slots=True)
class _Take:
    """One part as played in the sound check: its audio in each window, as it leaves its strip."""

    windows: tuple[Float32, ...]
    match: Match


def glue(threshold_db: float, rate_hz: int) -> Compressor:
    """The compressor on the mix: it holds the parts together and never pumps."""
    return Compressor(CompressorSettings(threshold_db, _GLUE_RATIO, 0.03, 0.25, 8.0, 0.05), rate_hz)


def sound_check(timeline: Timeline, bank: SoundBank, executor: Executor, check: Callable[[], None]) -> Levels:
    """Set all levels of a song. `check` is called often, from several threads, and may raise to stop."""
    starts, frames, rate = _window_starts(timeline), _window_frames(timeline), timeline.rate_hz
    takes = gather(
        [executor.submit(_play, timeline, part, bank, starts, check) for part in timeline.score.parts], check
    )
    matches = tuple(take.match for take in takes)
    mixes = gather(
        [
            executor.submit(_mix, timeline, [take.windows[index] for take in takes], start, frames)
            for index, start in enumerate(starts)
        ],
        check,
    )
    before_glue = _mean_loudness(mixes, rate)
    if before_glue <= SILENCE_LUFS:
        return Levels(matches, REFERENCE_LUFS, 0.0)
    threshold = before_glue + _GLUE_ABOVE_DB
    mixes = [mix * glue(threshold, rate).curve(mix) for mix in mixes]
    target = timeline.score.mix.target_lufs + _PROMISED_DB
    gain = target - _mean_loudness(mixes, rate)
    check()
    # What the limiter takes away is given back, once: peaks that are cut deeper than that are better left soft.
    limited = _mean_loudness(gather([executor.submit(_limited, mix, gain, rate) for mix in mixes], check), rate)
    gain += min(max(target - limited, 0.0), _LARGEST_MAKEUP_DB)
    return Levels(matches, threshold, min(max(gain, _LIVE_GAIN_RANGE_DB[0]), _LIVE_GAIN_RANGE_DB[1]))


def _window_frames(timeline: Timeline) -> int:
    return max(round(_WINDOW_SECONDS * timeline.rate_hz) // TICK, 1) * TICK


def _window_starts(timeline: Timeline) -> list[int]:
    """Where the check listens: evenly over the song, at bar lines and in the middle of bars by turns.

    Bars begin with what is loud; listening there alone would take the song for louder than it is.
    """
    score = timeline.score
    count = min(max(round(score.duration_seconds / _SECONDS_PER_WINDOW), 1), _WINDOWS)
    latest = max(timeline.total_frames - _window_frames(timeline), 0)
    starts = set()
    for index in range(count):
        bar = int((index + 0.5) / count * score.bars)
        beats = bar * score.beats_per_bar + (score.beats_per_bar // 2 if index % 2 else 0)
        starts.add(min(timeline.frame(beats), latest))
    return sorted(starts)


def _play(timeline: Timeline, part: Part, bank: SoundBank, starts: Sequence[int], check: Callable[[], None]) -> _Take:
    frames, rate = _window_frames(timeline), timeline.rate_hz
    windows = []
    for start in starts:
        check()
        windows.append(_perform(timeline, part, bank, start))
    sounding = [window for window in windows if window.any()]
    aside = [_perform(timeline, part, bank, start) for start in _listening_places(timeline, part, bool(sounding))]
    heard = aside or sounding
    loudness = loudness_lufs(heard, rate)
    if loudness <= SILENCE_LUFS:
        return _Take(tuple(np.zeros((2, frames), np.float32) for _ in windows), Match())
    before_db = _within(REFERENCE_LUFS - loudness, _MATCH_RANGE_DB)
    presence_db = 0.0 if part.drums else _presence_db(heard, rate)
    settings = strip_settings(timeline.score, part)
    for window in (*aside, *sounding):
        Strip(settings, Match(before_db, presence_db), rate).process(window)
    behind_db = _within(REFERENCE_LUFS + part.gain_db - loudness_lufs(heard, rate), _MATCH_RANGE_DB)
    gain = np.float32(10.0 ** (behind_db / 20.0))
    return _Take(tuple(window * gain for window in windows), Match(before_db, presence_db, behind_db))


def _listening_places(timeline: Timeline, part: Part, sounds: bool) -> list[int]:
    """Where a part is heard beside the windows: one that rests in all of them, or hardly ever plays, at the end of its
    longest note, where a swell is at its height; a short note from its beginning.
    """
    if not part.notes:
        return []
    longest = max(part.notes, key=lambda note: (note.duration_beats, -note.start_beats))
    played = sum(note.duration_beats for note in part.notes) * timeline.score.seconds_per_beat
    if sounds and (part.drums or played > _RARE_SHARE * timeline.score.duration_seconds):
        return []
    return [max(timeline.frame(longest.start_beats), timeline.frame(longest.end_beats) - _window_frames(timeline))]


def _presence_db(windows: Sequence[Float32], rate_hz: int) -> float:
    """What brings a part's share of power between 2 and 5 kHz nearer to where it neither hurts nor hides."""
    size, inside, whole = windows[0].shape[1], 0.0, 0.0
    low, high = (math.ceil(edge * size / rate_hz) for edge in _PRESENCE_HZ)
    for window in windows:
        middle = window.mean(axis=0)
        bins = np.fft.rfft(middle)
        inside += float(np.sum(bins[low:high].real ** 2 + bins[low:high].imag ** 2))
        # Parseval: the power of all bins without looking at each; the first and the last have no mirror image.
        mirrored = size * float(np.dot(middle, middle))
        whole += (mirrored + float(np.abs(bins[0])) ** 2 + float(np.abs(bins[-1])) ** 2) / 2.0
    share_db = 10.0 * math.log10(max(inside / max(whole, 1e-20), 1e-6))
    if share_db > _SHARP_DB:
        return max(_SHARP_DB - share_db, -_DEEPEST_PRESENCE_DB)
    return min(max((_DULL_DB - share_db) * _DULL_SHARE, 0.0), _HIGHEST_PRESENCE_DB)


def _perform(timeline: Timeline, part: Part, bank: SoundBank, start: int) -> Float32:
    frames = _window_frames(timeline)
    return part_player(timeline, part, bank, start, start + frames).render(frames)


def _mix(timeline: Timeline, parts: Sequence[Float32], start: int, frames: int) -> Float32:
    """One window of the whole mix as it will sound before the glue."""
    total = np.zeros((2, frames), np.float32)
    settings = bus_settings(timeline.score)
    ducking = timeline.ducking.block(start, frames) if timeline.ducking else None
    gain = timeline.gain(start, frames)
    stems: dict[str, list[tuple[Part, Float32]]] = {}
    for part, audio in zip(timeline.score.parts, parts, strict=True):
        ducked = audio * ducking if part.sidechain and ducking is not None else audio
        stems.setdefault(part.stem, []).append((part, ducked))
    for group in stems.values():
        stem = Stem([part_sends(part) for part, _ in group], settings, timeline.rate_hz)
        total += stem.process([audio for _, audio in group], gain)
    return total


def _limited(mix: Float32, gain_db: float, rate_hz: int) -> Float32:
    limiter = LiveLimiter(rate_hz, 2, gain_db, LIVE_CEILING_DBTP)
    audio, _ = limiter.process(np.ascontiguousarray(mix.T))
    return np.ascontiguousarray(audio.T)


def _mean_loudness(windows: Sequence[Float32], rate_hz: int) -> float:
    """Loudness of the windows together, without those far below the mean (the relative gate of BS.1770-4)."""
    levels = [level for level in (loudness_lufs([window], rate_hz) for window in windows) if level > SILENCE_LUFS]
    if not levels:
        return SILENCE_LUFS

    def mean(values: Sequence[float]) -> float:
        return 10.0 * math.log10(sum(10.0 ** (value / 10.0) for value in values) / len(values))

    gate = mean(levels) - _RELATIVE_GATE_LU
    return mean([level for level in levels if level > gate])


def _within(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])
