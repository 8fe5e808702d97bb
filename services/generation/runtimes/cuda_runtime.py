"""A model on a GPU: runner with CUDA graphs, and the codec on the same device.

Light to import beside torch, so that `scripts/bench_engine_gpu.py` runs on a bare machine.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from services.generation.engine.runtime import Runtime
from services.generation.musicgen.audio_codec import AudioCodec, StreamState
from services.generation.musicgen.model import MusicGen
from services.generation.runtimes.codec_state import set_state_tensors, state_tensors
from services.generation.runtimes.decode_attention import (
    AttentionChoice,
    DecodeAttention,
    attention_error,
    choose_attention,
)
from services.generation.runtimes.plan import TORCH_CUDA
from services.generation.runtimes.precision import Precision, WeightPrecision
from services.generation.runtimes.slot_decoder import SlotDecoder
from services.generation.runtimes.slot_runner import SlotRunner
from services.generation.runtimes.step_graph import call_seconds, graph_seconds


class DeviceCodec:
    """The torch codec with its streams on a device; codes come from and audio goes to the processor."""

    def __init__(self, codec: AudioCodec, device: torch.device) -> None:
        self._codec: AudioCodec | None = codec
        self._device = device

    def initial_state(self) -> StreamState:
        """A stream that has not begun."""
        streams = self._open().initial_state()
        for stream in streams:
            set_state_tensors(stream, [tensor.to(self._device) for tensor in state_tensors(stream)])
        return streams

    def stream(self, codes: Tensor, state: StreamState, last: bool) -> Tensor:
        """The next frames `[K, n]` (n may be 0) to audio `[channels, m]`; `last` answers what was held back."""
        return self._open().stream(codes.to(self._device), state, last).cpu()

    def close(self) -> None:
        """Let the codec on the device go. Idempotent; no stream goes on afterwards."""
        self._codec = None

    def _open(self) -> AudioCodec:
        if self._codec is None:
            raise RuntimeError("The codec is closed.")
        return self._codec


def cuda_runtime(
    model: MusicGen,
    precision: Precision,
    slots: int,
    device: torch.device,
    attentions: Callable[[], Sequence[DecodeAttention]] | None = None,
) -> Runtime:
    """Runner and codec on a device. The model itself stays where it is: it conditions songs and encodes audio.

    The codec computes in float32: it is a small part of the work, and its LSTM carries state through the whole song.
    `attentions` makes the ways to attend that torch's own is held against (None: those that the device has).
    """
    if attentions is None:
        attentions = kernels if device.type == "cuda" else list
    dtype = torch.bfloat16 if precision.weights is WeightPrecision.BFLOAT16 else torch.float32
    decoder = SlotDecoder(model.decoder, slots, device, dtype)
    choice = _chosen(decoder, device, dtype, attentions)
    decoder.attention = choice.attention
    channels = model.configuration.decoder.channels
    codec = DeviceCodec(AudioCodec(copy.deepcopy(model.audio_encoder).to(device), channels), device)

    def close() -> None:
        # The decoder last: it gives back to the device what both of them held.
        codec.close()
        decoder.close()

    return Runtime(
        runner=SlotRunner(decoder, device),
        codec=codec,
        slots=slots,
        name=TORCH_CUDA,
        precision=str(precision),
        attention=choice.reason,
        close=close,
    )


def kernels() -> Sequence[DecodeAttention]:
    """Kernels of our own. ImportError where torch came without Triton."""
    from services.generation.runtimes.ragged_attention import CHUNKS, RaggedAttention

    return [RaggedAttention(chunk) for chunk in CHUNKS]


def _chosen(
    decoder: SlotDecoder,
    device: torch.device,
    dtype: torch.dtype,
    attentions: Callable[[], Sequence[DecodeAttention]],
) -> AttentionChoice:
    """How the decoder's rows will attend: what is right on this device, and fastest there."""
    configuration = decoder.configuration

    def error(attention: DecodeAttention) -> float:
        return attention_error(
            attention, configuration.heads, configuration.cache_positions, configuration.head_size, device, dtype
        )

    def seconds(attention: DecodeAttention) -> float:
        work = decoder.attention_of_a_step(attention)
        return graph_seconds(work, device) if device.type == "cuda" else call_seconds(work)

    return choose_attention(decoder.attention, attentions, error, seconds)
