"""From tokens to sound while they come: undoes the delay pattern and decodes the codec incrementally."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from services.generation.musicgen.codec import Codec
from services.generation.musicgen.delay_pattern import DelayPattern, DelayUndo

FIRST_CHUNK_FRAMES = 10
CHUNK_FRAMES = 20


class Streamer:
    """One request's way from steps to audio, in chunks that depend on nothing but the number of frames so far.

    Chunks of 0.4 s at 50 frames a second (the first one shorter: it is waited for) cost little more than the whole.
    """

    def __init__(self, codec: Codec, pattern: DelayPattern) -> None:
        self._codec = codec
        self._undo = DelayUndo(pattern)
        self._state = codec.initial_state()
        self._frames: list[tuple[int, ...]] = []
        self._chunk = FIRST_CHUNK_FRAMES

    def push(self, tokens: Sequence[int], last: bool) -> NDArray[np.float32] | None:
        """Take one step's tokens `[K]`;

        answer audio `[samples, channels]` when a chunk is full, or the rest at last.
        """
        frame = self._undo.push(tokens)
        if frame is not None:
            self._frames.append(frame)
        if not last and len(self._frames) < self._chunk:
            return None
        self._chunk = CHUNK_FRAMES
        codes = torch.tensor(self._frames).T if self._frames else torch.zeros(len(tokens), 0, dtype=torch.long)
        self._frames = []
        audio = self._codec.stream(codes, self._state, last)
        return np.ascontiguousarray(audio.T.numpy(), dtype=np.float32)
