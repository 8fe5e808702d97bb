"""The layers of EnCodec (Défossez et al., 2022), whole or in pieces, with exact incremental state.

The 32 kHz codec is not causal: its convolutions look ahead and its edges are reflected. In pieces, each layer keeps the
left context that it still needs and holds back what it cannot know yet, so a streamed song equals the whole one up to
rounding.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.generation.musicgen.configuration import CodecConfiguration


def reflect(x: Tensor, left: int, right: int) -> Tensor:
    """Reflect the edges of `[1, C, T]`;

    what is shorter than the padding is extended by zeros first, as EnCodec does.
    """
    extra = max(0, max(left, right) + 1 - x.shape[-1])
    if extra:
        padded = functional.pad(functional.pad(x, (0, extra)), (left, right), mode="reflect")
        return padded[..., : padded.shape[-1] - extra]
    return functional.pad(x, (left, right), mode="reflect")


class StreamingLayer(nn.Module, ABC):
    """A layer that works whole (`forward`) or in pieces (`stream`, with a state of its own for each stream)."""

    @abstractmethod
    def initial_state(self) -> Any:
        """The state of a stream that has not begun."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """`[1, C, T]`, whole."""

    @abstractmethod
    def stream(self, x: Tensor, state: Any, last: bool) -> Tensor:
        """The next piece of `[1, C, T]`; `last` also answers what was held back."""


@dataclass(slots=True)
class ConvolutionState:
    """The input that later outputs still need."""

    context: Tensor | None = None
    begun: bool = False


class Convolution(StreamingLayer):
    """A convolution of stride 1 that keeps the length, with reflected edges, centred."""

    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, dilation=dilation)
        self._span = (kernel - 1) * dilation
        self._right = self._span // 2
        self._left = self._span - self._right

    def initial_state(self) -> ConvolutionState:
        """Nothing heard yet."""
        return ConvolutionState()

    def forward(self, x: Tensor) -> Tensor:
        """`[1, C, T]`, whole."""
        out: Tensor = self.conv(reflect(x, self._left, self._right))
        return out

    def stream(self, x: Tensor, state: ConvolutionState, last: bool) -> Tensor:
        """The next piece of `[1, C, T]`; `last` also answers what was held back."""
        heard = x if state.context is None else torch.cat([state.context, x], dim=-1)
        if not state.begun:
            if last:
                return self.forward(heard) if heard.shape[-1] else self._nothing(x)
            if heard.shape[-1] <= self._left:
                state.context = heard
                return self._nothing(x)
            heard = reflect(heard, self._left, 0)
            state.begun = True
        if last and self._right:
            heard = reflect(heard, 0, self._right)
        if heard.shape[-1] <= self._span:
            state.context = heard
            return self._nothing(x)
        state.context = heard[..., heard.shape[-1] - self._span :]
        out: Tensor = self.conv(heard)
        return out

    def _nothing(self, x: Tensor) -> Tensor:
        return x.new_zeros(1, self.conv.out_channels, 0)


class Downsampling(nn.Module):
    """A convolution by `ratio` (kernel twice that) of the encoder, with reflected edges; whole only."""

    def __init__(self, inputs: int, outputs: int, ratio: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, 2 * ratio, stride=ratio)
        self._ratio = ratio

    def forward(self, x: Tensor) -> Tensor:
        """`[1, C, T]` to `[1, C', ceil(T / ratio)]`."""
        missing = -x.shape[-1] % self._ratio
        right = self._ratio // 2
        out: Tensor = self.conv(reflect(x, self._ratio - right, right + missing))
        return out


@dataclass(slots=True)
class UpsamplingState:
    """The overlap of the newest input with outputs to come, and how much of the left edge is still to be cut."""

    tail: Tensor
    cut: int
    heard: bool = False


class Upsampling(StreamingLayer):
    """A transposed convolution by `ratio` (kernel twice that), its overhang cut at both edges."""

    def __init__(self, inputs: int, outputs: int, ratio: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose1d(inputs, outputs, 2 * ratio, stride=ratio)
        self._ratio = ratio
        self._right = ratio // 2
        self._left = ratio - self._right

    def initial_state(self) -> UpsamplingState:
        """Nothing heard yet."""
        return UpsamplingState(torch.zeros(1, self.conv.out_channels, self._ratio), self._left)

    def forward(self, x: Tensor) -> Tensor:
        """`[1, C, T]` to `[1, C', T * ratio]`, whole."""
        out: Tensor = self.conv(x)
        return out[..., self._left : out.shape[-1] - self._right]

    def stream(self, x: Tensor, state: UpsamplingState, last: bool) -> Tensor:
        """The next piece; `last` also answers what was held back."""
        bias = self.conv.bias
        if bias is None:  # pragma: no cover — every EnCodec has one
            raise TypeError("A transposed convolution without bias is not EnCodec's.")
        pieces = []
        if x.shape[-1]:
            # The bias belongs to every output once: it is added when a sample is finished, not where pieces overlap.
            raw = functional.conv_transpose1d(x, self.conv.weight, None, stride=self._ratio)
            raw[..., : self._ratio] += state.tail
            ready = x.shape[-1] * self._ratio
            pieces.append(raw[..., :ready])
            state.tail = raw[..., ready:]
            state.heard = True
        if last and state.heard:
            pieces.append(state.tail[..., : self._ratio - self._right])
        if not pieces:
            return x.new_zeros(1, self.conv.out_channels, 0)
        out = torch.cat(pieces, dim=-1) + bias[None, :, None]
        cut = min(state.cut, out.shape[-1])
        state.cut -= cut
        return out[..., cut:]


@dataclass(slots=True)
class RecurrenceState:
    """Hidden and cell state of the LSTM layers; None before the first frame."""

    memory: tuple[Tensor, Tensor] | None = None


class Recurrence(StreamingLayer):
    """EnCodec's LSTM around a residual."""

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, channels, layers)

    def initial_state(self) -> RecurrenceState:
        """Nothing heard yet."""
        return RecurrenceState()

    def forward(self, x: Tensor) -> Tensor:
        """`[1, C, T]`, whole."""
        return self.stream(x, self.initial_state(), True)

    def stream(self, x: Tensor, state: RecurrenceState, _last: bool) -> Tensor:
        """The next piece; nothing is ever held back."""
        if not x.shape[-1]:
            return x
        inputs = x.permute(2, 0, 1)
        out, state.memory = self.lstm(inputs, state.memory)
        mixed: Tensor = (out + inputs).permute(1, 2, 0)
        return mixed


class Activation(StreamingLayer):
    """ELU, with the interface of the layers that keep state."""

    def initial_state(self) -> None:
        """There is none."""
        return

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return functional.elu(x)

    def stream(self, x: Tensor, _state: None, _last: bool) -> Tensor:
        """Any shape."""
        return functional.elu(x)


@dataclass(slots=True)
class ResidualState:
    """States of the branch, and the input that waits for the branch to catch up."""

    branch: list[Any]
    waiting: Tensor | None = None


class ResidualBlock(StreamingLayer):
    """ELU, dilated convolution, ELU, pointwise convolution, around an identity shortcut."""

    def __init__(self, channels: int, configuration: CodecConfiguration, dilation: int) -> None:
        super().__init__()
        hidden = channels // configuration.compress
        self.block = cast(
            "list[StreamingLayer]",
            nn.ModuleList(
                [
                    Activation(),
                    Convolution(channels, hidden, configuration.residual_kernel_size, dilation),
                    Activation(),
                    Convolution(hidden, channels, 1),
                ]
            ),
        )

    def initial_state(self) -> ResidualState:
        """Nothing heard yet."""
        return ResidualState([layer.initial_state() for layer in self.block])

    def forward(self, x: Tensor) -> Tensor:
        """`[1, C, T]`, whole."""
        out = x
        for layer in self.block:
            out = layer(out)
        return x + out

    def stream(self, x: Tensor, state: ResidualState, last: bool) -> Tensor:
        """The next piece; `last` also answers what was held back."""
        out = x
        for layer, layer_state in zip(self.block, state.branch, strict=True):
            out = layer.stream(out, layer_state, last)
        waiting = x if state.waiting is None else torch.cat([state.waiting, x], dim=-1)
        ready = out.shape[-1]
        state.waiting = waiting[..., ready:]
        return waiting[..., :ready] + out
