"""The codec as a song sees it: mono by one pass, stereo by two, one for each channel's codebooks."""

from __future__ import annotations

import torch
from torch import Tensor

from services.generation.musicgen.codec import Codec, CodecState

StreamState = list[CodecState]


class AudioCodec:
    """Codes `[K, T]` whose codebooks alternate between `channels` passes of a codec. Serves any number of streams."""

    def __init__(self, codec: Codec, channels: int) -> None:
        self._codec = codec
        self._passes = channels
        configuration = codec.configuration
        self.channels = channels * configuration.channels
        self.sample_rate = configuration.sample_rate
        self.hop_samples = configuration.hop_samples

    def initial_state(self) -> StreamState:
        """A stream that has not begun."""
        return [self._codec.initial_state() for _ in range(self._passes)]

    def stream(self, codes: Tensor, state: StreamState, last: bool) -> Tensor:
        """The next frames of a stream, `[K, n]` (n may be 0), to audio `[channels, m]`; `last` answers the rest."""
        return torch.cat(
            [self._codec.stream(codes[index :: self._passes], one, last) for index, one in enumerate(state)]
        )

    def decode(self, codes: Tensor) -> Tensor:
        """A whole song: codes `[K, T]` to audio `[channels, T * hop]`."""
        return torch.cat([self._codec.decode(codes[index :: self._passes]) for index in range(self._passes)])

    def encode(self, audio: Tensor) -> Tensor:
        """Audio `[channels, T]` to codes `[K, ceil(T / hop)]`."""
        each = self._codec.configuration.channels
        codes = [self._codec.encode(audio[index * each : (index + 1) * each]) for index in range(self._passes)]
        return torch.stack(codes, dim=1).flatten(0, 1)
