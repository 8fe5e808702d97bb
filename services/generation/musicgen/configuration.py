"""The dimensions of a MusicGen model (Copet et al., 2023) and of its parts. Pure data."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextConfiguration:
    """A T5 encoder (Raffel et al., 2020). `max_tokens` is where prompts are cut; `gated` is T5 1.1's feed-forward."""

    vocabulary: int
    hidden_size: int
    head_size: int
    heads: int
    feed_forward_size: int
    layers: int
    max_tokens: int = 512
    relative_buckets: int = 32
    relative_distance: int = 128
    gated: bool = False
    epsilon: float = 1e-6


@dataclass(frozen=True, slots=True)
class DecoderConfiguration:
    """The language model over codec tokens.

    `max_positions` is how many steps of a song a slot's cache holds. `prefix_positions` is what it holds in front of
    them: melody and style models have no cross-attention but read their conditioning there; 0 for all others. With
    `channels` 2 the codebooks alternate between left and right. A song has `guidance_rows` rows: all conditions, fewer,
    none (style models: style and words, style, nothing; all others: words, nothing).
    """

    codebooks: int
    vocabulary: int
    hidden_size: int
    heads: int
    feed_forward_size: int
    layers: int
    max_positions: int
    prefix_positions: int = 0
    channels: int = 1
    guidance_rows: int = 2

    @property
    def pad_token(self) -> int:
        """The token that stands where the delay pattern leaves a codebook empty."""
        return self.vocabulary

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.heads

    @property
    def cross_attention(self) -> bool:
        """Whether it reads its conditioning by cross-attention."""
        return self.prefix_positions == 0

    @property
    def cache_positions(self) -> int:
        """Positions of one row's cache."""
        return self.prefix_positions + self.max_positions


@dataclass(frozen=True, slots=True)
class CodecConfiguration:
    """EnCodec (Défossez et al., 2022) in the shape of `facebook/encodec_32khz`: not causal. `channels` are its own."""

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
class ChromaConfiguration:
    """The melody conditioner: `frames` of the strongest of `bins` pitch classes, from spectra of `window` samples."""

    bins: int = 12
    frames: int = 235
    window: int = 16_384
    hop: int = 4_096


@dataclass(frozen=True, slots=True)
class MertConfiguration:
    """MERT (Li et al., 2023), in the shape of HuBERT base (Hsu et al., 2021): convolutions, then a transformer.

    `widths`, `kernels` and `strides` are the convolutions' over samples, the `position_…` those of the one over frames
    that tells the transformer where they are.
    """

    hidden_size: int
    heads: int
    layers: int
    feed_forward_size: int
    widths: tuple[int, ...]
    kernels: tuple[int, ...]
    strides: tuple[int, ...]
    position_kernel: int = 128
    position_groups: int = 16
    epsilon: float = 1e-5
    sample_rate: int = 24_000

    def frames(self, samples: int) -> int:
        """How many frames so many samples give; 0 or less for too few."""
        for kernel, stride in zip(self.kernels, self.strides, strict=True):
            samples = (samples - kernel) // stride + 1
        return samples


@dataclass(frozen=True, slots=True)
class StyleConfiguration:
    """The style conditioner (Rouard et al., 2024): a transformer over an encoder's frames, and a quantizer.

    Of its `codebooks` a song uses `usual_codebooks` unless it says otherwise: the fewer, the freer it is. Every
    `stride`-th vector is kept, of at most `excerpt_seconds`.
    """

    encoder: MertConfiguration
    hidden_size: int
    heads: int
    layers: int
    feed_forward_size: int
    codebook_size: int
    codebooks: int = 6
    usual_codebooks: int = 3
    stride: int = 15
    excerpt_seconds: float = 3.0

    @property
    def excerpt_samples(self) -> int:
        """Samples of the longest excerpt that it hears."""
        return round(self.excerpt_seconds * self.encoder.sample_rate)

    @property
    def vectors(self) -> int:
        """How many vectors the longest excerpt becomes."""
        return -(-self.encoder.frames(self.excerpt_samples) // self.stride)


@dataclass(frozen=True, slots=True)
class MusicGenConfiguration:
    """A whole model. `chroma` is set for melody models, `style` for style models.

    `window_seconds` is how much the decoder was trained to see, `stride_seconds` how far a longer song moves on from
    one window to the next (audiocraft's `extend_stride`).
    """

    text: TextConfiguration
    decoder: DecoderConfiguration
    codec: CodecConfiguration
    chroma: ChromaConfiguration | None = None
    style: StyleConfiguration | None = None
    window_seconds: float = 30.0
    stride_seconds: float = 18.0

    @property
    def channels(self) -> int:
        """Channels of the audio that comes out."""
        return self.codec.channels * self.decoder.channels

    @property
    def window_frames(self) -> int:
        """Frames of a whole window."""
        return round(self.window_seconds * self.codec.frame_rate)

    @property
    def stride_frames(self) -> int:
        """Frames from one window to the next."""
        return round(self.stride_seconds * self.codec.frame_rate)
