"""Clips that are stretched or pitched: made once by the phase vocoder, kept as raw samples, read like any source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.processing.jobs.kind import Check, Report
from services.processing.mixing import limits
from services.processing.mixing.block import Audio, silence
from services.processing.mixing.effects.vocoder import BACK, HOP, REACH, SIZE, Vocoder
from services.processing.mixing.session import Clip
from services.processing.mixing.timeline.source import Source, open_source
from services.shared.errors import AppError

_CHECK_HOPS: Final = 16
_Key = tuple[Path, float, float | None, float, float]


class RawSource:
    """Samples that this program wrote: float32, interleaved stereo, at the session's rate."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._samples: NDArray[np.float32] | None = None
        self.frames: Final = path.stat().st_size // 8

    @property
    def held_bytes(self) -> int:
        """Nothing: the system pages the file in and out."""
        return 0

    def read(self, start: int, frames: int) -> Audio:
        """`[2, frames]` from `start`; silence outside."""
        if self._samples is None:
            self._samples = np.memmap(self._path, np.float32, "r").reshape(-1, 2)
        out = silence(frames)
        first, last = max(start, 0), min(start + frames, self.frames)
        if first < last:
            out[:, first - start : last - start] = self._samples[first:last].T
        return out

    def close(self) -> None:
        """Let go of the file."""
        self._samples = None


class Warps:
    """The warped clips of one session, in files of `folder`. Clips that need the same share one."""

    def __init__(self, folder: Path, rate_hz: int, check: Check, report: Report) -> None:
        self._folder = folder
        self._rate = rate_hz
        self._check = check
        self._report = report
        self._made: dict[_Key, Path] = {}

    def prepare(self, clips: Sequence[tuple[str, Clip, Path]]) -> None:
        """Make every `(pointer, clip, file)`. Raises VALIDATION for an offset behind the end and for too much."""
        total = 0.0
        for number, (pointer, clip, path) in enumerate(clips):
            key = _key(path, clip)
            if key in self._made:
                continue
            source = open_source(path, self._rate)
            first, frames = _part(pointer, clip, source, self._rate)
            total += frames * clip.stretch / self._rate
            if total > limits.STRETCHED_SECONDS:
                raise AppError.field(
                    f"{pointer}/stretch", f"All stretched clips together may last {limits.STRETCHED_SECONDS:g} s."
                )
            target = self._folder / f"warp-{len(self._made)}.f32"
            with target.open("wb") as file:

                def tell(done: float, number: int = number) -> None:
                    self._report((number + done) / len(clips), "stretching")

                for block in warp(source, first, frames, clip.stretch, clip.pitch_semitones, self._check, tell):
                    file.write(np.ascontiguousarray(block.T, np.float32).tobytes())
            source.close()
            self._made[key] = target

    def open(self, path: Path, clip: Clip) -> Source:
        """A reader of a prepared clip."""
        return RawSource(self._made[_key(path, clip)])


def _key(path: Path, clip: Clip) -> _Key:
    """What decides how the made file sounds: the part of the source that is used, and what is done to it."""
    wanted = clip.loop_length if clip.loop else (None if clip.length is None else clip.length / clip.stretch)
    return (path, clip.offset, wanted, clip.stretch, clip.pitch_semitones)


def _part(pointer: str, clip: Clip, source: Source, rate_hz: int) -> tuple[int, int]:
    first = round(clip.offset * rate_hz)
    left = source.frames - first
    if left <= 0:
        raise AppError.field(f"{pointer}/offset", "This lies behind the end of the source.")
    wanted = _key(Path(), clip)[2]
    return first, left if wanted is None else max(1, min(left, round(wanted * rate_hz)))


def warp(
    source: Source,
    first: int,
    frames: int,
    stretch: float,
    semitones: float,
    check: Callable[[], None],
    report: Callable[[float], None],
) -> Iterator[Audio]:
    """Samples `first` to `first + frames` of a source, `stretch` times as long and `semitones` higher, in hops."""
    vocoder = Vocoder(keep_attacks=True)
    made = np.zeros((2, SIZE // 2 + 1), np.complex128)
    speed = 2.0 ** (semitones / 12.0)
    wanted = round(frames * stretch)
    pending = silence(SIZE)
    window = _Window(source, first, frames)
    # Grains are laid by their centres: the first one's centre is half a grain before the first sample.
    for number in range(-(SIZE // HOP) // 2, -(-wanted // HOP) + SIZE // HOP // 2):
        if number % _CHECK_HOPS == 0:
            check()
            report(max(0.0, min(1.0, number * HOP / wanted)))
        centre = round(number * HOP / stretch)
        pending += vocoder.grain(window.around(centre), float(BACK), speed, made)
        done = number * HOP - SIZE // 2
        # The hop of output that no later grain reaches any more.
        low, high = max(done, 0), min(done + HOP, wanted)
        if low < high:
            yield pending[:, low - done : high - done].copy()
        pending = np.concatenate((pending[:, HOP:], silence(HOP)), axis=1)


class _Window:
    """What lies around a moving place of a part of a source, read ahead in larger pieces; silence outside."""

    _AHEAD: Final = 65_536

    def __init__(self, source: Source, first: int, frames: int) -> None:
        self._source = source
        self._first = first
        self._frames = frames
        self._begin = 0
        self._held = silence(0)

    def around(self, centre: int) -> Audio:
        """`[2, BACK + REACH]`; the centre is at index `BACK`."""
        low, high = centre - BACK, centre + REACH
        if low < self._begin or high > self._begin + self._held.shape[1]:
            self._begin = low
            self._held = self._part(low, BACK + REACH + self._AHEAD)
        return np.ascontiguousarray(self._held[:, low - self._begin : high - self._begin])

    def _part(self, start: int, frames: int) -> Audio:
        out = silence(frames)
        a, b = max(start, 0), min(start + frames, self._frames)
        if a < b:
            out[:, a - start : b - start] = self._source.read(self._first + a, b - a)
        return out
