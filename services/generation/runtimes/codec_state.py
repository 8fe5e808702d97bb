"""The tensors inside a codec stream's state: where they are, in one order, to be read and to be put back."""

from __future__ import annotations

from typing import cast

from torch import Tensor

from services.generation.musicgen.codec import CodecState
from services.generation.musicgen.codec_layers import (
    ConvolutionState,
    RecurrenceState,
    ResidualState,
    UpsamplingState,
)


def state_tensors(state: CodecState) -> list[Tensor]:
    """The tensors of a stream's state that hold something, in the order of the layers."""
    return [cast("Tensor", getattr(place, name)) for place, name in _state_places(state.layers)]


def set_state_tensors(state: CodecState, values: list[Tensor]) -> None:
    """Put tensors back, as many and in the same order as `state_tensors` gave them."""
    memories = []
    for (place, name), value in zip(_state_places(state.layers), values, strict=True):
        if isinstance(place, _Memory):
            memories.append((place, value))
        else:
            setattr(place, name, value)
    for (hidden, first), (_, second) in zip(memories[0::2], memories[1::2], strict=True):
        hidden.state.memory = (first, second)


class _Memory:
    """One half of an LSTM's memory, as a place of its own."""

    def __init__(self, state: RecurrenceState, index: int) -> None:
        self.state = state
        self._index = index

    @property
    def tensor(self) -> Tensor:
        """The hidden (0) or the cell (1) state, `[layers, 1, size]`."""
        if self.state.memory is None:
            raise ValueError("A stream in its steady state has a memory.")
        return self.state.memory[self._index]


def _state_places(states: list[object]) -> list[tuple[object, str]]:
    places: list[tuple[object, str]] = []
    for state in states:
        if isinstance(state, ConvolutionState):
            if state.context is not None and state.context.shape[-1]:
                places.append((state, "context"))
        elif isinstance(state, UpsamplingState):
            places.append((state, "tail"))
        elif isinstance(state, RecurrenceState):
            if state.memory is not None:
                places += [(_Memory(state, 0), "tensor"), (_Memory(state, 1), "tensor")]
        elif isinstance(state, ResidualState):
            places += _state_places(state.branch)
            if state.waiting is not None and state.waiting.shape[-1]:
                places.append((state, "waiting"))
    return places
