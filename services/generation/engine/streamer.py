"""From frames to sound while they come: decodes the codec incrementally."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.generation.engine.timeline import Tokens

CHUNK_FRAMES = 20


class StreamingCodec(Protocol):
    """What turns codes into sound with a state for each stream: `AudioCodec`, or a runtime's own."""

    def initial_state(self) -> Any:
        """A stream that has not begun."""

    def stream(self, codes: Tensor, state: Any, last: bool) -> Tensor:
        """The next frames `[K, n]` (n may be 0) to audio `[channels, m]`; `last` answers what was held back."""


class Streamer:
    """One song's way from frames to audio, in chunks that depend on nothing but the number of frames so far.

    Chunks of 0.4 s at 50 frames a second cost little more than the whole. The first is no shorter: whoever plays from
    it on would have heard it out before the next one came, unless the engine is twice as fast as the music.
    `codebooks` is K.
    """

    def __init__(self, codec: StreamingCodec, codebooks: int) -> None:
        self._codec = codec
        self._codebooks = codebooks
        self._state = codec.initial_state()
        self._frames: list[Tokens] = []

    def push(self, frames: Sequence[Tokens], last: bool) -> NDArray[np.float32] | None:
        """Take frames `[n, K]`; answer audio `[samples, channels]` when a chunk is full, or the rest at last."""
        self._frames += frames
        if not last and len(self._frames) < CHUNK_FRAMES:
            return None
        codes = torch.tensor(self._frames, dtype=torch.long).reshape(-1, self._codebooks).T
        self._frames = []
        audio = self._codec.stream(codes, self._state, last)
        return np.ascontiguousarray(audio.T.numpy(), dtype=np.float32)
