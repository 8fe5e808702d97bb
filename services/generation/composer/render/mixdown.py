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
from services.shared.kernels import kernel

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

    def mix(self, parts: list[Float32 | None], frames: int) -> Float32:
        """The next block of the stem from its parts' blocks."""
        out = self._stem.process(parts, self._timeline.gain(self._frame, frames), frames=frames)
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
        stems: list[Future[Float32]] = []
        left = self._timeline.total_frames
        try:
            for index, size in enumerate(sizes):
                stems = []
                for track, group in zip(self._tracks, parts, strict=True):
                    # Mixed as soon as its own parts are played, while others still play.
                    stems.append(self._executor.submit(track.mix, gather(group, self._check), size))
                # The next block is played while this one is mixed.
                parts = self._play(sizes[index + 1]) if index + 1 < len(sizes) else []
                frames = min(size, left)
                left -= frames
                yield self._master([stem[:, :frames] for stem in gather(stems, self._check)], frames)
            yield self._finish()
        finally:
            # A reader that stops early must not leave players at work on a song that nobody wants.
            abandon(stems)
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

    def _play(self, frames: int) -> list[list[Future[Float32 | None]]]:
        return [[self._executor.submit(channel.render, frames) for channel in track.channels] for track in self._tracks]

    def _master(self, stems: list[Float32], frames: int) -> MixBlock:
        mix = np.zeros((2, frames), np.float32)
        for stem in stems:
            mix += stem
        glue_curve = self._glue.curve(mix)
        mix *= glue_curve
        return self._deliver(*self._limiter.process(np.ascontiguousarray(mix.T)), stems, glue_curve)

    def _finish(self) -> MixBlock:
        nothing = np.zeros((2, 0), np.float32)
        return self._deliver(*self._limiter.flush(), [nothing] * len(self._tracks), nothing[0])

    def _deliver(self, live: Float32, curve: Float32, stems: list[Float32], glue_curve: Float32) -> MixBlock:
        """Cut the stems to what the limiter has let go of, under the same gains."""
        delivered = {}
        for track, stem in zip(self._tracks, stems, strict=True):
            waiting, out = self._waiting[track.name], np.empty((len(live), 2), np.float32)
            still = np.empty((len(waiting) + stem.shape[1] - len(live), 2), np.float32)
            _release(waiting, np.ascontiguousarray(stem), glue_curve, curve, out, still)
            delivered[track.name], self._waiting[track.name] = out, still
        start = self._delivered
        self._delivered += len(live)
        return MixBlock(start, live, delivered)


@kernel
def _release(waiting, stem, glue_curve, curve, out, still):  # type: ignore[no-untyped-def]
    """Fill `out [m, 2]` from what was waiting, `[w, 2]`, and `stem [2, n]` under its gain, all under `curve [m]`;
    `still [w + n - m, 2]` gets what waits now."""
    held, frames, count = waiting.shape[0], stem.shape[1], out.shape[0]
    for i in range(held):
        if i < count:
            out[i, 0], out[i, 1] = waiting[i, 0] * curve[i], waiting[i, 1] * curve[i]
        else:
            still[i - count, 0], still[i - count, 1] = waiting[i, 0], waiting[i, 1]
    for i in range(frames):
        left, right = stem[0, i] * glue_curve[i], stem[1, i] * glue_curve[i]
        if held + i < count:
            out[held + i, 0], out[held + i, 1] = left * curve[held + i], right * curve[held + i]
        else:
            still[held + i - count, 0], still[held + i - count, 1] = left, right


def _block_sizes(total: int) -> Iterator[int]:
    """Small blocks first, so that the first sound is out early, then large ones, until the song is covered."""
    covered, count = 0, 0
    while covered < total:
        size = _FIRST_BLOCK_FRAMES if count < _FIRST_BLOCKS else BLOCK_FRAMES
        yield size
        covered += size
        count += 1
