"""The style conditioner (Rouard et al., 2024): how an excerpt sounds, through a bottleneck that keeps its notes out.

An encoder's vectors go through a transformer, are normed by what training saw, and are rounded to a sum of codebook
entries; every 15th is kept. Few codebooks let little of the excerpt through, so the song is freer.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.generation.musicgen.codec import Quantizer
from services.generation.musicgen.configuration import StyleConfiguration
from services.generation.musicgen.decoder import Attention, sinusoidal_positions


class StyleLayer(nn.Module):
    """Self-attention of everything to everything and feed-forward, each after a norm, around a residual."""

    def __init__(self, configuration: StyleConfiguration) -> None:
        super().__init__()
        size, inner = configuration.hidden_size, configuration.feed_forward_size
        self.self_attn = Attention(size, configuration.heads)
        self.self_attn_layer_norm = nn.LayerNorm(size)
        self.fc1 = nn.Linear(size, inner, bias=False)
        self.fc2 = nn.Linear(inner, size, bias=False)
        self.final_layer_norm = nn.LayerNorm(size)

    def forward(self, x: Tensor) -> Tensor:
        """`[1, T, d]` to the same shape."""
        normed = self.self_attn_layer_norm(x)
        keys, values = self.self_attn.memory(normed)
        mixed = functional.scaled_dot_product_attention(self.self_attn.queries(normed), keys, values)
        x = x + self.self_attn.merge(mixed)
        out: Tensor = x + self.fc2(functional.gelu(self.fc1(self.final_layer_norm(x))))
        return out


class RunningNorm(nn.Module):
    """Batch normalization (Ioffe & Szegedy, 2015) by the means and variances that training left, without a gain."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.running_mean = nn.Parameter(torch.zeros(size))
        self.running_var = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        """`[1, T, d]` to the same shape."""
        return functional.batch_norm(x.transpose(1, 2), self.running_mean, self.running_var).transpose(1, 2)


class StyleConditioner(nn.Module):
    """Everything between the encoder and the projection to the decoder's width."""

    def __init__(self, configuration: StyleConfiguration) -> None:
        super().__init__()
        self.configuration = configuration
        size = configuration.hidden_size
        self.embed = nn.Linear(configuration.encoder.hidden_size, size)
        self.layers = cast(
            "list[StyleLayer]", nn.ModuleList(StyleLayer(configuration) for _ in range(configuration.layers))
        )
        self.batch_norm = RunningNorm(size)
        self.quantizer = Quantizer(configuration.codebook_size, size, configuration.codebooks)

    @torch.inference_mode()
    def forward(self, vectors: Tensor, codebooks: int) -> Tensor:
        """An encoder's vectors `[T, d]` to style vectors `[ceil(T / stride), hidden]`, of the first `codebooks`."""
        # Each vector is rounded for itself: those that are not kept need not be.
        kept = self.normed(vectors)[:, :: self.configuration.stride]
        codes = self.quantizer.encode(kept.transpose(1, 2))[:codebooks]
        rounded: Tensor = self.quantizer(codes)[0].T
        return rounded

    @torch.inference_mode()
    def normed(self, vectors: Tensor) -> Tensor:
        """What is quantized, `[1, T, hidden]`."""
        x = self.embed(vectors)[None]
        x = x + sinusoidal_positions(x.shape[1], x.shape[2])
        for layer in self.layers:
            x = layer(x)
        normed: Tensor = self.batch_norm(x)
        return normed
