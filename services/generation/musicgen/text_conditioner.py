"""Words to conditioning vectors: a T5 encoder (Raffel et al., 2020) and the projection to the decoder's width.

Modules are named as in transformers' T5 (`encoder.block.0.layer.0.SelfAttention.q` …), so that its weights load by
name.
"""

from __future__ import annotations

import math
import re
import zlib
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.generation.musicgen.configuration import TextConfiguration

_WORD = re.compile(r"\w+|[^\w\s]")


class Tokenizer(Protocol):
    """Text to token ids."""

    def encode(self, text: str) -> list[int]:
        """Ids of the tokens, the end token last."""


class HashTokenizer:
    """Words to ids by a hash: what the debug model uses in place of a trained vocabulary.

    Id 0 is padding, 1 the end.
    """

    def __init__(self, vocabulary: int) -> None:
        self._vocabulary = vocabulary

    def encode(self, text: str) -> list[int]:
        """Ids of the tokens, the end token last."""
        words = _WORD.findall(text.lower())
        return [2 + zlib.crc32(word.encode()) % (self._vocabulary - 2) for word in words] + [1]


class RootMeanSquareNorm(nn.Module):
    """T5's layer norm: scale only, no mean."""

    def __init__(self, configuration: TextConfiguration) -> None:
        super().__init__()
        self._epsilon = configuration.epsilon
        self.weight = nn.Parameter(torch.ones(configuration.hidden_size))

    def forward(self, x: Tensor) -> Tensor:
        """`[..., size]`."""
        scaled: Tensor = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self._epsilon) * self.weight
        return scaled


def relative_buckets(length: int, buckets: int, distance: int) -> Tensor:
    """T5's bidirectional buckets of relative positions, `[length, length]`: exact when near, logarithmic when far."""
    position = torch.arange(length)
    relative = position[None, :] - position[:, None]
    half = buckets // 2
    exact = half // 2
    size = relative.abs()
    far = exact + (torch.log(size.clamp(min=1) / exact) / math.log(distance / exact) * (half - exact)).long()
    return torch.where(relative > 0, half, 0) + torch.where(size < exact, size, far.clamp(max=half - 1))


class SelfAttention(nn.Module):
    """T5's attention: no scaling by the head size, a learned bias by relative position (first block only)."""

    def __init__(self, configuration: TextConfiguration, has_bias: bool) -> None:
        super().__init__()
        inner = configuration.heads * configuration.head_size
        self._heads = configuration.heads
        self.q = nn.Linear(configuration.hidden_size, inner, bias=False)
        self.k = nn.Linear(configuration.hidden_size, inner, bias=False)
        self.v = nn.Linear(configuration.hidden_size, inner, bias=False)
        self.o = nn.Linear(inner, configuration.hidden_size, bias=False)
        if has_bias:
            self.relative_attention_bias = nn.Embedding(configuration.relative_buckets, configuration.heads)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """`[B, S, d]` with an additive bias `[B, heads, S, S]`."""
        batch, length, _ = x.shape
        q, k, v = (
            projection(x).view(batch, length, self._heads, -1).transpose(1, 2)
            for projection in (self.q, self.k, self.v)
        )
        weights = (q @ k.transpose(-1, -2) + bias).softmax(dim=-1)
        mixed: Tensor = self.o((weights @ v).transpose(1, 2).reshape(batch, length, -1))
        return mixed


class AttentionLayer(nn.Module):
    """Norm, attention, residual."""

    def __init__(self, configuration: TextConfiguration, has_bias: bool) -> None:
        super().__init__()
        self.SelfAttention = SelfAttention(configuration, has_bias)
        self.layer_norm = RootMeanSquareNorm(configuration)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """`[B, S, d]`."""
        out: Tensor = x + self.SelfAttention(self.layer_norm(x), bias)
        return out


class FeedForward(nn.Module):
    """T5's two dense layers; gated by a third one in T5 1.1 (Shazeer, 2020)."""

    def __init__(self, configuration: TextConfiguration) -> None:
        super().__init__()
        self._gated = configuration.gated
        if self._gated:
            self.wi_0 = nn.Linear(configuration.hidden_size, configuration.feed_forward_size, bias=False)
            self.wi_1 = nn.Linear(configuration.hidden_size, configuration.feed_forward_size, bias=False)
        else:
            self.wi = nn.Linear(configuration.hidden_size, configuration.feed_forward_size, bias=False)
        self.wo = nn.Linear(configuration.feed_forward_size, configuration.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, S, d]`."""
        if self._gated:
            hidden = functional.gelu(self.wi_0(x), approximate="tanh") * self.wi_1(x)
        else:
            hidden = torch.relu(self.wi(x))
        out: Tensor = self.wo(hidden)
        return out


class FeedForwardLayer(nn.Module):
    """Norm, feed-forward, residual."""

    def __init__(self, configuration: TextConfiguration) -> None:
        super().__init__()
        self.DenseReluDense = FeedForward(configuration)
        self.layer_norm = RootMeanSquareNorm(configuration)

    def forward(self, x: Tensor, _bias: Tensor) -> Tensor:
        """`[B, S, d]`."""
        out: Tensor = x + self.DenseReluDense(self.layer_norm(x))
        return out


class Block(nn.Module):
    """One encoder block."""

    def __init__(self, configuration: TextConfiguration, has_bias: bool) -> None:
        super().__init__()
        self.layer = cast(
            "tuple[AttentionLayer, FeedForwardLayer]",
            nn.ModuleList([AttentionLayer(configuration, has_bias), FeedForwardLayer(configuration)]),
        )


class Encoder(nn.Module):
    """The stack of blocks."""

    def __init__(self, configuration: TextConfiguration) -> None:
        super().__init__()
        self.block = cast(
            "list[Block]",
            nn.ModuleList(Block(configuration, index == 0) for index in range(configuration.layers)),
        )
        self.final_layer_norm = RootMeanSquareNorm(configuration)


class TextEncoder(nn.Module):
    """Token ids to hidden states."""

    def __init__(self, configuration: TextConfiguration) -> None:
        super().__init__()
        self._configuration = configuration
        self.shared = nn.Embedding(configuration.vocabulary, configuration.hidden_size)
        self.encoder = Encoder(configuration)

    def forward(self, ids: Tensor) -> Tensor:
        """Ids `[B, S]`, none of them padding, to `[B, S, d]`."""
        configuration = self._configuration
        buckets = relative_buckets(ids.shape[1], configuration.relative_buckets, configuration.relative_distance)
        first = self.encoder.block[0].layer[0]
        bias = first.SelfAttention.relative_attention_bias(buckets).permute(2, 0, 1)[None]
        x = self.shared(ids)
        for block in self.encoder.block:
            for layer in block.layer:
                x = layer(x, bias)
        out: Tensor = self.encoder.final_layer_norm(x)
        return out


class TextConditioner:
    """A prompt to the states that a song is conditioned on."""

    def __init__(
        self,
        configuration: TextConfiguration,
        tokenizer: Tokenizer,
        encoder: TextEncoder,
        projection: nn.Linear,
    ) -> None:
        self._longest = configuration.max_tokens
        self._tokenizer = tokenizer
        self._encoder = encoder
        self._projection = projection

    @torch.inference_mode()
    def __call__(self, prompt: str) -> Tensor:
        """States `[S, d]` of one prompt, as wide as the decoder; S is the number of its tokens."""
        ids = self._tokenizer.encode(prompt)
        if len(ids) > self._longest:
            ids = [*ids[: self._longest - 1], ids[-1]]
        states: Tensor = self._projection(self._encoder(torch.tensor(ids)[None]))[0]
        return states
