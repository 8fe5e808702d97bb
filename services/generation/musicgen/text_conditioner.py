"""Words to conditioning vectors: a T5 encoder (Raffel et al., 2020) and the projection to the decoder's width.

Modules are named as in transformers' T5 (`encoder.block.0.layer.0.SelfAttention.q` …), so that its weights load by
name.
"""

from __future__ import annotations

import functools
import math
import re
import zlib
from collections.abc import Sequence
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.generation.musicgen.configuration import TextConfiguration
from services.generation.musicgen.gathering import Gathering, least_rows

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

    def forward(self, x: Tensor, biases: Sequence[Tensor]) -> Tensor:
        """Texts behind each other, `[S, d]`, each with an additive bias `[heads, s, s]`; none sees another."""
        lengths = [bias.shape[-1] for bias in biases]
        by_text = (
            projection(x).view(len(x), self._heads, -1).transpose(0, 1).split(lengths, dim=1)
            for projection in (self.q, self.k, self.v)
        )
        mixed = [
            ((q @ k.transpose(-1, -2) + bias).softmax(dim=-1) @ v).transpose(0, 1).flatten(1)
            for q, k, v, bias in zip(*by_text, biases, strict=True)
        ]
        out: Tensor = self.o(torch.cat(mixed))
        return out


class AttentionLayer(nn.Module):
    """Norm, attention, residual."""

    def __init__(self, configuration: TextConfiguration, has_bias: bool) -> None:
        super().__init__()
        self.SelfAttention = SelfAttention(configuration, has_bias)
        self.layer_norm = RootMeanSquareNorm(configuration)

    def forward(self, x: Tensor, biases: Sequence[Tensor]) -> Tensor:
        """`[S, d]`."""
        out: Tensor = x + self.SelfAttention(self.layer_norm(x), biases)
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
        """`[S, d]`."""
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

    def forward(self, x: Tensor, _biases: Sequence[Tensor]) -> Tensor:
        """`[S, d]`."""
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
    """Token ids to hidden states, of several texts in one pass over the weights."""

    def __init__(self, configuration: TextConfiguration) -> None:
        super().__init__()
        self._configuration = configuration
        self.shared = nn.Embedding(configuration.vocabulary, configuration.hidden_size)
        self.encoder = Encoder(configuration)

    def forward(self, texts: Sequence[Tensor]) -> Tensor:
        """Ids `[s]` of each text, none of them padding, to the states of all, behind each other, `[S, d]`."""
        configuration = self._configuration
        table = self.encoder.block[0].layer[0].SelfAttention.relative_attention_bias
        buckets, distance = configuration.relative_buckets, configuration.relative_distance
        biases = [table(relative_buckets(len(ids), buckets, distance)).permute(2, 0, 1) for ids in texts]
        x = self.shared(torch.cat(list(texts)))
        for block in self.encoder.block:
            for layer in block.layer:
                x = layer(x, biases)
        out: Tensor = self.encoder.final_layer_norm(x)
        return out


class TextConditioner:
    """A prompt to the states that a song is conditioned on.

    Prompts that several threads bring at once are encoded in one pass: it reads the encoder's weights once, and half of
    the processor's time goes there. A prompt's states do not depend on the others': within rounding, and to the bit
    where products of 16 rows and more sum as they do on the processors seen.
    """

    def __init__(
        self,
        configuration: TextConfiguration,
        tokenizer: Tokenizer,
        encoder: TextEncoder,
        projection: nn.Linear,
    ) -> None:
        self._longest = configuration.max_tokens
        self._tokenizer = tokenizer
        # Of its parts and not of itself: what refers to itself outlives its model until somebody collects it.
        self._together = Gathering(functools.partial(_encode, encoder, projection))

    def __call__(self, prompt: str) -> Tensor:
        """States `[S, d]` of one prompt, as wide as the decoder; S is the number of its tokens."""
        ids = self._tokenizer.encode(prompt)
        if len(ids) > self._longest:
            ids = [*ids[: self._longest - 1], ids[-1]]
        return self._together(ids)


@torch.inference_mode()
def _encode(encoder: TextEncoder, projection: nn.Linear, prompts: Sequence[Sequence[int]]) -> Sequence[Tensor]:
    """States of each prompt's ids."""
    texts = [torch.tensor(ids) for ids in prompts]
    missing = least_rows() - sum(map(len, texts))
    if missing > 0:
        texts.append(torch.zeros(missing, dtype=torch.long))
    states: Tensor = projection(encoder(texts))
    return torch.split(states, [len(ids) for ids in texts])[: len(prompts)]
