"""The steady state of the codec's decoder as an OpenVINO graph: a chunk of frames and the layers' states in, audio and
the next states out.

After its first chunk, a stream's state has fixed shapes: each convolution keeps the span that it still needs, each
upsampling the tail that overlaps, each residual block what waits for its branch, the LSTM its memory. This graph is
`codec_layers.StreamingLayer.stream` for that case, layer by layer; the edges of a stream (reflection, what is held
back) stay in torch.

Inputs: `latents` `[1, d, n]` and `state.0 …`; outputs: `audio` `[1, channels, n · hop]` and the next states in the same
order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import numpy as np
import openvino as ov
import openvino.opset15 as ops
from numpy.typing import NDArray
from openvino import Node
from openvino.op import Parameter
from torch import Tensor

from services.generation.musicgen.codec import CodecDecoder
from services.generation.musicgen.codec_layers import (
    Activation,
    Convolution,
    ConvolutionState,
    Recurrence,
    RecurrenceState,
    ResidualBlock,
    ResidualState,
    StreamingLayer,
    Upsampling,
    UpsamplingState,
)

# A node or one of its outputs; OpenVINO has no type information.
Value: TypeAlias = Any


class CodecGraph:
    """Builds the graph for chunks of `frames` frames."""

    def __init__(self, decoder: CodecDecoder, frames: int) -> None:
        self._decoder = decoder
        self._frames = frames
        self._parameters: list[Parameter] = []
        self._next: list[Value] = []

    def build(self, states: Sequence[object]) -> ov.Model:
        """The graph; `states` are the layers' states of any stream in its steady state, for their shapes."""
        first = cast("Convolution", self._decoder.layers[0])
        latents = self._parameter("latents", [1, first.conv.in_channels, self._frames])
        x: Value = latents
        for layer, state in zip(self._decoder.layers, states, strict=True):
            x = self._layer(x, layer, state)
        return ov.Model([ops.result(x), *(ops.result(value) for value in self._next)], self._parameters, "codec")

    def _layer(self, x: Value, layer: StreamingLayer, state: object) -> Value:
        if isinstance(layer, Activation):
            return ops.elu(x, 1.0)
        if isinstance(layer, Convolution):
            return self._convolution(x, layer, cast("ConvolutionState", state))
        if isinstance(layer, Upsampling):
            return self._upsampling(x, layer, cast("UpsamplingState", state))
        if isinstance(layer, Recurrence):
            return self._recurrence(x, layer, cast("RecurrenceState", state))
        if isinstance(layer, ResidualBlock):
            return self._residual(x, layer, cast("ResidualState", state))
        raise TypeError(f"There is no graph for {type(layer).__name__}.")

    def _convolution(self, x: Value, layer: Convolution, state: ConvolutionState) -> Value:
        heard = x
        if state.context is not None and state.context.shape[-1]:
            heard = ops.concat([self._state(state.context), x], 2)
            self._next.append(_last(heard, state.context.shape[-1]))
        convolution = layer.conv
        out = ops.convolution(heard, _constant(convolution.weight), [1], [0], [0], [convolution.dilation[0]])
        return ops.add(out, _bias(convolution.bias))

    def _upsampling(self, x: Value, layer: Upsampling, state: UpsamplingState) -> Value:
        # Kernel twice the stride: every input frame makes 2 · ratio samples, of which the later half overlaps the next
        # frame's. As one product and a sum it is several times faster than the plugin's transposed convolution.
        convolution = layer.conv
        ratio, outputs = convolution.stride[0], convolution.out_channels
        frames = int(x.shape[2])
        weight = convolution.weight.detach().view(-1, outputs, 2, ratio).permute(2, 1, 3, 0).flatten(0, 2)
        made = ops.matmul(ops.transpose(x, _integers(0, 2, 1)), _constant(weight), False, True)
        halves = ops.reshape(made, _integers(frames, 2, outputs, ratio), False)
        early, late = (ops.squeeze(half, _integers(1)) for half in ops.split(halves, ops.constant(1), 2).outputs())
        before, newest = ops.variadic_split(late, ops.constant(0), _integers(frames - 1, 1)).outputs()
        overlapping = ops.concat([self._state(state.tail), before], 0)
        self._next.append(newest)
        samples = ops.transpose(ops.add(early, overlapping), _integers(1, 0, 2))
        ready = ops.reshape(samples, _integers(1, outputs, frames * ratio), False)
        return ops.add(ready, _bias(convolution.bias))

    def _recurrence(self, x: Value, layer: Recurrence, state: RecurrenceState) -> Value:
        if state.memory is None:
            raise ValueError("A stream in its steady state has a memory.")
        inputs = ops.transpose(x, _integers(0, 2, 1))
        out: Value = inputs
        size = layer.lstm.hidden_size
        hidden, cell = (self._state(memory) for memory in state.memory)
        hiddens, cells = [], []
        length = _integers(self._frames)
        for index in range(layer.lstm.num_layers):
            weights = [
                _constant(_gates(cast("Tensor", getattr(layer.lstm, f"weight_{part}_l{index}")))[None])
                for part in ("ih", "hh")
            ]
            bias = _gates(
                cast("Tensor", getattr(layer.lstm, f"bias_ih_l{index}") + getattr(layer.lstm, f"bias_hh_l{index}"))
            )
            begin, end = _integers(index), _integers(index + 1)
            initial = [
                ops.transpose(ops.slice(memory, begin, end, _integers(1), _integers(0)), _integers(1, 0, 2))
                for memory in (hidden, cell)
            ]
            sequence = ops.lstm_sequence(
                out, initial[0], initial[1], length, weights[0], weights[1], _constant(bias[None]), size, "forward"
            )
            # [1, directions, n, size]
            out = ops.squeeze(sequence.output(0), _integers(1))
            hiddens.append(ops.transpose(sequence.output(1), _integers(1, 0, 2)))
            cells.append(ops.transpose(sequence.output(2), _integers(1, 0, 2)))
        self._next += [ops.concat(hiddens, 0), ops.concat(cells, 0)]
        return ops.transpose(ops.add(out, inputs), _integers(0, 2, 1))

    def _residual(self, x: Value, layer: ResidualBlock, state: ResidualState) -> Value:
        out = x
        for inner, inner_state in zip(layer.block, state.branch, strict=True):
            out = self._layer(out, inner, inner_state)
        if state.waiting is None or not state.waiting.shape[-1]:
            return ops.add(x, out)
        held = state.waiting.shape[-1]
        waiting = ops.concat([self._state(state.waiting), x], 2)
        self._next.append(_last(waiting, held))
        return ops.add(_between(waiting, 0, -held), out)

    def _state(self, tensor: Tensor) -> Parameter:
        number = sum(parameter.get_friendly_name().startswith("state.") for parameter in self._parameters)
        return self._parameter(f"state.{number}", list(tensor.shape))

    def _parameter(self, name: str, shape: list[int]) -> Parameter:
        parameter = ops.parameter(shape, np.float32)
        parameter.set_friendly_name(name)
        parameter.output(0).get_tensor().set_names({name})
        self._parameters.append(parameter)
        return parameter


def _gates(tensor: Tensor) -> NDArray[np.float32]:
    """torch's gates are input, forget, cell, output; OpenVINO's forget, input, cell, output."""
    array: NDArray[np.float32] = tensor.detach().numpy()
    given, forget, cell, output = np.split(array, 4)
    return np.concatenate([forget, given, cell, output])


def _constant(value: Tensor | NDArray[np.float32]) -> Node:
    array = value.detach().numpy() if isinstance(value, Tensor) else value
    return ops.constant(np.ascontiguousarray(array))


def _bias(bias: Tensor | None) -> Node:
    if bias is None:
        raise TypeError("A convolution without bias is not EnCodec's.")
    return _constant(bias.detach()[None, :, None])


def _first(x: Value, count: int) -> Node:
    return _between(x, 0, count)


def _last(x: Value, count: int) -> Node:
    return _between(x, -count, np.iinfo(np.int64).max)


def _between(x: Value, begin: int, end: int) -> Node:
    return ops.slice(x, _integers(begin), _integers(end), _integers(1), _integers(2))


def _integers(*values: int) -> Node:
    return ops.constant(np.array(values, np.int64))
