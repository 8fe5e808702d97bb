"""One song's tokens over the decoder's windows: what goes in next, and which of the drawn tokens count. Pure Python.

The decoder sees a window of at most `window` frames (30 s). A longer song slides: each further window begins `stride`
frames after the last one and repeats what the two share (audiocraft's `extend_stride`). Within a window, codebook k of
frame t is drawn at step t + delay k, and the input at position p is what step p − 1 gave; position 0 holds pads only.
Where the next token of a codebook is known (a continuation, a resumed song, the overlap), it is not drawn again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.generation.musicgen.delay_pattern import DelayPattern

Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Windows:
    """How far the decoder sees: `frames` of a window, and `stride` frames from one to the next."""

    frames: int
    stride: int

    def __post_init__(self) -> None:
        if not 0 < self.stride <= self.frames:
            raise ValueError("The stride lies between one frame and a whole window.")

    def start(self, frame: int) -> int:
        """First frame of the window in which `frame` is drawn."""
        return 0 if frame < self.frames else (1 + (frame - self.frames) // self.stride) * self.stride

    def first_drawn(self, total: int) -> list[int]:
        """The frames at which the windows of a song of `total` frames begin to draw."""
        return [0, *range(self.frames, total, self.stride)]


class Timeline:
    """A song of `frames` frames, of which `known` `[N, K]` are there already. ValueError when nothing is left to do."""

    def __init__(
        self, pattern: DelayPattern, pad: int, frames: int, windows: Windows, known: Sequence[Sequence[int]] = ()
    ) -> None:
        if len(known) >= frames:
            raise ValueError("A song needs at least one frame that is not known.")
        self._pattern = pattern
        self._pad = pad
        self._windows = windows
        self._tokens = [[frame[codebook] for frame in known] for codebook in range(len(pattern.delays))]
        self._given = len(known)
        self.frames = frames
        self._filled = 0
        self._start = windows.start(len(known))

    @property
    def positions(self) -> int:
        """Decoder positions that its longest window takes."""
        return min(self.frames, self._windows.frames) + self._pattern.longest

    @property
    def next_frame(self) -> int:
        """The first frame that is not begun yet (as many as the song has: the last codebooks are still due)."""
        return max(len(codebook) for codebook in self._tokens)

    @property
    def whole_frames(self) -> int:
        """How many frames are complete, known ones included."""
        return min(len(codebook) for codebook in self._tokens)

    @property
    def finished(self) -> bool:
        """Whether every frame is complete."""
        return self.whole_frames >= self.frames

    @property
    def step(self) -> int:
        """The step of the window that is drawn next; also the position of its input."""
        end = self._end
        return min(
            len(codebook) - self._start + delay
            for codebook, delay in zip(self._tokens, self._pattern.delays, strict=True)
            if len(codebook) < end
        )

    @property
    def noise_step(self) -> int:
        """The step in the whole song, where the noise of a draw belongs: the same in whichever window it is drawn."""
        return self._start + self.step

    @property
    def gap(self) -> int:
        """Positions before the next step's that the cache does not hold."""
        return 0 if self.finished else self.step - self._filled

    @property
    def filled(self) -> int:
        """Positions of the window that the cache holds."""
        return self._filled

    def inputs(self, position: int) -> Tokens:
        """What the decoder sees at a position of the window, `[K]`."""
        if position == 0:
            return (self._pad,) * len(self._tokens)
        frames = (self._start + position - 1 - delay for delay in self._pattern.delays)
        return tuple(
            codebook[frame] if self._start <= frame < self._end else self._pad
            for codebook, frame in zip(self._tokens, frames, strict=True)
        )

    def fill(self, count: int) -> list[Tokens]:
        """The next `count` inputs in front of the step, `[count, K]`; they count as being in the cache."""
        if count > self.gap:
            raise ValueError("There is less to fill.")
        first = self._filled
        self._filled += count
        return [self.inputs(position) for position in range(first, self._filled)]

    def accept(self, drawn: Sequence[int]) -> list[Tokens]:
        """Take a step's tokens `[K]`; answer the frames `[n, K]` that it completes, known ones left out.

        Slides to the next window when this one is full.
        """
        step, end, before = self.step, self._end, self.whole_frames
        for codebook, delay, token in zip(self._tokens, self._pattern.delays, drawn, strict=True):
            frame = self._start + step - delay
            if frame == len(codebook) and frame < end:
                codebook.append(token)
        self._filled = step + 1
        if self.whole_frames >= end and not self.finished:
            self._start += self._windows.stride
            self._filled = 0
        return [self.frame(index) for index in range(max(before, self._given), self.whole_frames)]

    def restart(self) -> None:
        """Forget what the cache holds: the window has to be filled again."""
        self._filled = 0

    def frame(self, index: int) -> Tokens:
        """A whole frame, `[K]`."""
        return tuple(codebook[index] for codebook in self._tokens)

    @property
    def _end(self) -> int:
        return min(self.frames, self._start + self._windows.frames)
