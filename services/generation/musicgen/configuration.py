"""The dimensions of a MusicGen model (Copet et al., 2023) and of its parts. Pure data."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextConfiguration:
    """A T5 encoder (Raffel et al., 2020). `max_tokens` is the fixed length that prompts are padded to or cut at."""

    vocabulary: int
    hidden_size: int
    head_size: int
    heads: int
    feed_forward_size: int
    layers: int
    max_tokens: int
    relative_buckets: int = 32
    relative_distance: int = 128


@dataclass(frozen=True, slots=True)
class DecoderConfiguration:
    """The language model over codec tokens. `max_positions` bounds the steps of one request."""

    codebooks: int
    vocabulary: int
    hidden_size: int
    heads: int
    feed_forward_size: int
    layers: int
    max_positions: int

    @property
    def pad_token(self) -> int:
        """The token that stands where the delay pattern leaves a codebook empty."""
        return self.vocabulary

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.heads


@dataclass(frozen=True, slots=True)
class CodecConfiguration:
    """The decoder half of EnCodec (Défossez et al., 2022), in the shape of `facebook/encodec_32khz`: not causal."""

    sample_rate: int
    channels: int
    codebook_size: int
    hidden_size: int
    filters: int
    ratios: tuple[int, ...]
    kernel_size: int = 7
    last_kernel_size: int = 7
    residual_kernel_size: int = 3
    residual_layers: int = 1
    dilation_growth: int = 2
    compress: int = 2
    lstm_layers: int = 2

    @property
    def hop_samples(self) -> int:
        """Samples of one frame."""
        return math.prod(self.ratios)

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.sample_rate / self.hop_samples


@dataclass(frozen=True, slots=True)
class MusicGenConfiguration:
    """A whole model."""

    text: TextConfiguration
    decoder: DecoderConfiguration
    codec: CodecConfiguration
