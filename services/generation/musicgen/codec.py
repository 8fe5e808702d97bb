"""EnCodec (Défossez et al., 2022): codes `[K, T]` to audio, whole or in pieces, and audio to codes.

The layers stand in transformers' order (`decoder.layers.0.conv` …), so that its weights load by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.generation.musicgen.codec_layers import (
    Activation,
    Convolution,
    Downsampling,
    Recurrence,
    ResidualBlock,
    StreamingLayer,
    Upsampling,
)
from services.generation.musicgen.configuration import CodecConfiguration


class CodecDecoder(nn.Module):
    """Latent frames to audio."""

    def __init__(self, configuration: CodecConfiguration) -> None:
        super().__init__()
        width = configuration.filters * 2 ** len(configuration.ratios)
        layers: list[StreamingLayer] = [
            Convolution(configuration.hidden_size, width, configuration.kernel_size),
            Recurrence(width, configuration.lstm_layers),
        ]
        for ratio in configuration.ratios:
            layers += [Activation(), Upsampling(width, width // 2, ratio)]
            width //= 2
            layers += [
                ResidualBlock(width, configuration, configuration.dilation_growth**depth)
                for depth in range(configuration.residual_layers)
            ]
        layers += [Activation(), Convolution(width, configuration.channels, configuration.last_kernel_size)]
        self.layers = cast("list[StreamingLayer]", nn.ModuleList(layers))


class CodecEncoder(nn.Module):
    """Audio to latent frames; whole only."""

    def __init__(self, configuration: CodecConfiguration) -> None:
        super().__init__()
        width = configuration.filters
        layers: list[nn.Module] = [Convolution(configuration.channels, width, configuration.kernel_size)]
        for ratio in reversed(configuration.ratios):
            layers += [
                ResidualBlock(width, configuration, configuration.dilation_growth**depth)
                for depth in range(configuration.residual_layers)
            ]
            layers += [Activation(), Downsampling(width, 2 * width, ratio)]
            width *= 2
        layers += [
            Recurrence(width, configuration.lstm_layers),
            Activation(),
            Convolution(width, configuration.hidden_size, configuration.last_kernel_size),
        ]
        self.layers = nn.ModuleList(layers)

    def forward(self, audio: Tensor) -> Tensor:
        """`[1, channels, T]` to latents `[1, d, ceil(T / hop)]`."""
        x = audio
        for layer in self.layers:
            x = layer(x)
        return x


class Codebook(nn.Module):
    """The vectors of one codebook, `embed` `[size, d]`."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Parameter(torch.zeros(size, width))


class QuantizerLayer(nn.Module):
    """The level that transformers' names have between the quantizer and a codebook."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.codebook = Codebook(size, width)


class Quantizer(nn.Module):
    """Residual vector quantization: a frame is the sum of its codes' vectors, `width` of `size` to a codebook."""

    def __init__(self, size: int, width: int, codebooks: int) -> None:
        super().__init__()
        self.layers = cast("list[QuantizerLayer]", nn.ModuleList(QuantizerLayer(size, width) for _ in range(codebooks)))

    def forward(self, codes: Tensor) -> Tensor:
        """Codes `[K, T]`, of all codebooks or of the first ones, to latents `[1, d, T]`."""
        latents = torch.stack(
            [functional.embedding(one, layer.codebook.embed) for one, layer in zip(codes, self.layers, strict=False)]
        ).sum(dim=0)
        return latents.T[None]

    def encode(self, latents: Tensor) -> Tensor:
        """Latents `[1, d, T]` to the nearest codes `[K, T]`, each codebook on what those before it left."""
        left = latents[0].T
        codes = []
        for layer in self.layers:
            table = layer.codebook.embed
            # The squared distance without the frame's own square, which all codes share.
            chosen = (table.pow(2).sum(dim=1) - 2.0 * left @ table.T).argmin(dim=1)
            left = left - table[chosen]
            codes.append(chosen)
        return torch.stack(codes)


@dataclass(slots=True)
class CodecState:
    """One stream's state of every layer."""

    layers: list[Any] = field(default_factory=list)


class Codec(nn.Module):
    """The codec. One instance serves many streams; each has its own `CodecState`."""

    def __init__(self, configuration: CodecConfiguration, codebooks: int) -> None:
        super().__init__()
        self.configuration = configuration
        self.quantizer = Quantizer(configuration.codebook_size, configuration.hidden_size, codebooks)
        self.encoder = CodecEncoder(configuration)
        self.decoder = CodecDecoder(configuration)

    @torch.inference_mode()
    def encode(self, audio: Tensor) -> Tensor:
        """Audio `[channels, T]` to codes `[K, ceil(T / hop)]`."""
        return self.quantizer.encode(self.encoder(audio[None]))

    def initial_state(self) -> CodecState:
        """A stream that has not begun."""
        return CodecState([layer.initial_state() for layer in self.decoder.layers])

    @torch.inference_mode()
    def decode(self, codes: Tensor) -> Tensor:
        """A whole song: codes `[K, T]` to audio `[channels, T * hop]`."""
        x = self.quantizer(codes)
        for layer in self.decoder.layers:
            x = layer(x)
        audio: Tensor = x[0]
        return audio

    @torch.inference_mode()
    def stream(self, codes: Tensor, state: CodecState, last: bool) -> Tensor:
        """The next frames of a stream, `[K, n]` (n may be 0), to audio `[channels, m]`; `last` answers the rest."""
        x = self.quantizer(codes)
        for layer, layer_state in zip(self.decoder.layers, state.layers, strict=True):
            x = layer.stream(x, layer_state, last)
        audio: Tensor = x[0]
        return audio
