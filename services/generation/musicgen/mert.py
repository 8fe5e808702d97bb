"""MERT (Li et al., 2023), which hears music as vectors: an encoder in the shape of HuBERT base (Hsu et al., 2021).

Modules are named as in transformers' HuBERT, so that MERT's weights load by name; the two halves of its one
weight-normed convolution are joined when they are read.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.generation.musicgen.configuration import MertConfiguration


class SampleConvolution(nn.Module):
    """One convolution over samples; the first one's channels are normed over time, each on its own."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, *, normed: bool) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, stride, bias=False)
        self.layer_norm = nn.GroupNorm(outputs, outputs) if normed else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """`[1, inputs, n]` to `[1, outputs, m]`."""
        return functional.gelu(self.layer_norm(self.conv(x)))


class FeatureExtractor(nn.Module):
    """Samples to frames."""

    def __init__(self, configuration: MertConfiguration) -> None:
        super().__init__()
        shapes = zip(pairwise((1, *configuration.widths)), configuration.kernels, configuration.strides, strict=True)
        self.conv_layers = nn.Sequential(
            *(
                SampleConvolution(inputs, outputs, kernel, stride, normed=index == 0)
                for index, ((inputs, outputs), kernel, stride) in enumerate(shapes)
            )
        )


class FeatureProjection(nn.Module):
    """Frames to the transformer's width."""

    def __init__(self, configuration: MertConfiguration) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(configuration.widths[-1], configuration.epsilon)
        self.projection = nn.Linear(configuration.widths[-1], configuration.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """`[1, T, width]` to `[1, T, d]`."""
        projected: Tensor = self.projection(self.layer_norm(x))
        return projected


class Positions(nn.Module):
    """A convolution over frames that stands for positions."""

    def __init__(self, configuration: MertConfiguration) -> None:
        super().__init__()
        size, kernel = configuration.hidden_size, configuration.position_kernel
        self.conv = nn.Conv1d(size, size, kernel, padding=kernel // 2, groups=configuration.position_groups)

    def forward(self, x: Tensor) -> Tensor:
        """`[1, T, d]` to what is added to it."""
        # An even kernel gives a frame too many.
        mixed: Tensor = self.conv(x.transpose(1, 2))[..., : x.shape[1]]
        return functional.gelu(mixed).transpose(1, 2)


class BiasedAttention(nn.Module):
    """Multi-head self-attention of everything to everything."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.q_proj = nn.Linear(size, size)
        self.k_proj = nn.Linear(size, size)
        self.v_proj = nn.Linear(size, size)
        self.out_proj = nn.Linear(size, size)

    def forward(self, x: Tensor) -> Tensor:
        """`[1, T, d]` to the same shape."""
        parts = (part(x).unflatten(-1, (self._heads, -1)) for part in (self.q_proj, self.k_proj, self.v_proj))
        queries, keys, values = (part.transpose(1, 2) for part in parts)
        mixed = functional.scaled_dot_product_attention(queries, keys, values)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return out


class FeedForward(nn.Module):
    """Two layers with a GELU between them."""

    def __init__(self, size: int, inner: int) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(size, inner)
        self.output_dense = nn.Linear(inner, size)

    def forward(self, x: Tensor) -> Tensor:
        """`[1, T, d]` to the same shape."""
        out: Tensor = self.output_dense(functional.gelu(self.intermediate_dense(x)))
        return out


class MertLayer(nn.Module):
    """Attention and feed-forward, each normed after its residual."""

    def __init__(self, configuration: MertConfiguration) -> None:
        super().__init__()
        size, epsilon = configuration.hidden_size, configuration.epsilon
        self.attention = BiasedAttention(size, configuration.heads)
        self.layer_norm = nn.LayerNorm(size, epsilon)
        self.feed_forward = FeedForward(size, configuration.feed_forward_size)
        self.final_layer_norm = nn.LayerNorm(size, epsilon)

    def forward(self, x: Tensor) -> Tensor:
        """`[1, T, d]` to the same shape."""
        x = self.layer_norm(x + self.attention(x))
        out: Tensor = self.final_layer_norm(x + self.feed_forward(x))
        return out


class MertEncoder(nn.Module):
    """The transformer."""

    def __init__(self, configuration: MertConfiguration) -> None:
        super().__init__()
        self.pos_conv_embed = Positions(configuration)
        self.layer_norm = nn.LayerNorm(configuration.hidden_size, configuration.epsilon)
        self.layers = nn.Sequential(*(MertLayer(configuration) for _ in range(configuration.layers)))

    def forward(self, x: Tensor) -> Tensor:
        """`[1, T, d]` to the last layer's."""
        out: Tensor = self.layers(self.layer_norm(x + self.pos_conv_embed(x)))
        return out


class Mert(nn.Module):
    """The whole encoder: 75 vectors a second of audio at 24 kHz, from the last layer."""

    def __init__(self, configuration: MertConfiguration) -> None:
        super().__init__()
        self.configuration = configuration
        self.feature_extractor = FeatureExtractor(configuration)
        self.feature_projection = FeatureProjection(configuration)
        self.encoder = MertEncoder(configuration)

    @torch.inference_mode()
    def forward(self, wave: Tensor) -> Tensor:
        """A mono wave `[n]` neither scaled nor centred, to vectors `[T, d]`. ValueError for a too short one."""
        if self.configuration.frames(len(wave)) < 1:
            raise ValueError("So short a wave has no frames.")
        frames = self.feature_extractor.conv_layers(wave[None, None]).transpose(1, 2)
        vectors: Tensor = self.encoder(self.feature_projection(frames))[0]
        return vectors
