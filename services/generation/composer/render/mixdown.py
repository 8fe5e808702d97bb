"""The whole song as a stream: live audio and stems leave block by block while the parts are still being played."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.generation.composer.mix.stem import Stem
from services.generation.composer.mix.vinyl import Vinyl
from services.generation.composer.render.channel import Channel, bus_settings, part_sends
from services.generation.composer.render.gathering import abandon, gather
from services.generation.composer.render.sound_check import LIVE_CEILING_DBTP, Levels, glue
from services.generation.composer.render.timeline import Timeline
from services.generation.composer.sampler.bank import SoundBank
from services.generation.composer.score import STEMS, Part
from services.generation.mastering import LiveLimiter

Float32 = NDArray[np.float32]

BLOCK_FRAMES = 22_016
"""Frames rendered at a time, a little less than half a second: large blocks seldom wait for each other."""

_FIRST_BLOCK_FRAMES = 8_192
_FIRST_BLOCKS = 3

_NOISE_STEM = "other"


@dataclass(frozen=True, slots=True)
class MixBlock:
    """The next stretch of the song, float32 `[n, 2]`: the live audio, and the stems that sum to it."""

    start: int
    live: Float32
    stems: Mapping[str, Float32]


class _StemTrack:
    """One stem with the channels that feed it."""

    def __init__(
        self, name: str, timeline: Timeline, channels: list[tuple[Part, Channel]], noise: Vinyl | None
    ) -> None:
        self.name = name
        self.channels = [channel for _, channel in channels]
        self._timeline = timeline
        self._stem = Stem([part_sends(part) for part, _ in channels], bus_settings(timeline.score), timeline.rate_hz)
        self._noise = noise
        self._frame = 0

    def mix(self, parts: list[Float32], frames: int) -> Float32:
        """The next block of the stem from its parts' blocks."""
        gain = self._timeline.gain(self._frame, frames)
        out = self._stem.process(parts, gain) if parts else np.zeros((2, frames), np.float32)
        if self._noise:
            self._noise.process(out)
            fade = self._timeline.fade.block(self._frame, frames)
            if fade is not None:
                out *= fade
        self._frame += frames
        return out


class Mixdown:
    """Renders a score. Blocks come in order, from one thread; the parts are played by the executor's threads.

    `check` is called at least every 0.1 s while a block is made and may raise to stop.
    """

    def __init__(
        self, timeline: Timeline, bank: SoundBank, levels: Levels, executor: Executor, check: Callable[[], None]
    ) -> None:
        self._timeline = timeline
        self._executor = executor
        self._check = check
        self._glue = glue(levels.glue_threshold_db, timeline.rate_hz)
        self._limiter = LiveLimiter(timeline.rate_hz, 2, levels.live_gain_db, LIVE_CEILING_DBTP)
        self._tracks = self._build(bank, levels)
        self._waiting = {track.name: np.zeros((0, 2), np.float32) for track in self._tracks}
        self._delivered = 0

    @property
    def stem_names(self) -> tuple[str, ...]:
        """The stems, in the order in which they are shown."""
        return tuple(track.name for track in self._tracks)

    def blocks(self) -> Generator[MixBlock]:
        """The song from its first frame to its last, exactly as long as the score says."""
        sizes = list(_block_sizes(self._timeline.total_frames))
        parts = self._play(sizes[0]) if sizes else []
        left = self._timeline.total_frames
        try:
            for index, size in enumerate(sizes):
                played = [gather(group, self._check) for group in parts]
                stems = [
                    self._executor.submit(track.mix, group, size)
                    for track, group in zip(self._tracks, played, strict=True)
                ]
                # The next block is played while this one is mixed.
                parts = self._play(sizes[index + 1]) if index + 1 < len(sizes) else []
                frames = min(size, left)
                left -= frames
                yield self._master([stem[:, :frames].T for stem in gather(stems, self._check)], frames)
            yield self._finish()
        finally:
            # A reader that stops early must not leave players at work on a song that nobody wants.
            abandon([future for group in parts for future in group])

    def _build(self, bank: SoundBank, levels: Levels) -> list[_StemTrack]:
        timeline, score = self._timeline, self._timeline.score
        groups: dict[str, list[tuple[Part, Channel]]] = {}
        for part, match in zip(score.parts, levels.matches, strict=True):
            groups.setdefault(part.stem, []).append((part, Channel(timeline, part, bank, match)))
        noise = None
        if score.vinyl_noise_db is not None:
            # The level is meant as heard: what the live gain adds later is taken off here.
            noise = Vinyl(score.vinyl_noise_db - levels.live_gain_db, score.seed, timeline.rate_hz)
            groups.setdefault(_NOISE_STEM, [])
        names = sorted(groups, key=lambda name: (STEMS.index(name) if name in STEMS else len(STEMS), name))
        return [_StemTrack(name, timeline, groups[name], noise if name == _NOISE_STEM else None) for name in names]

    def _play(self, frames: int) -> list[list[Future[Float32]]]:
        return [[self._executor.submit(channel.render, frames) for channel in track.channels] for track in self._tracks]

    def _master(self, stems: list[Float32], frames: int) -> MixBlock:
        mix = np.zeros((frames, 2), np.float32)
        for stem in stems:
            mix += stem
        glue_curve = self._glue.curve(np.ascontiguousarray(mix.T))[:, None]
        for track, stem in zip(self._tracks, stems, strict=True):
            self._waiting[track.name] = np.concatenate((self._waiting[track.name], stem * glue_curve))
        return self._deliver(*self._limiter.process(mix * glue_curve))

    def _finish(self) -> MixBlock:
        return self._deliver(*self._limiter.flush())

    def _deliver(self, live: Float32, curve: Float32) -> MixBlock:
        """Cut the stems to what the limiter has let go of, under the same gain."""
        frames = len(live)
        stems = {}
        for name, waiting in self._waiting.items():
            stems[name] = waiting[:frames] * curve[:, None]
            self._waiting[name] = waiting[frames:]
        start = self._delivered
        self._delivered += frames
        return MixBlock(start, live, stems)


def _block_sizes(total: int) -> Iterator[int]:
    """Small blocks first, so that the first sound is out early, then large ones, until the song is covered."""
    covered, count = 0, 0
    while covered < total:
        size = _FIRST_BLOCK_FRAMES if count < _FIRST_BLOCKS else BLOCK_FRAMES
        yield size
        covered += size
        count += 1
