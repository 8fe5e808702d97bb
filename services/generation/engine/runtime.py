"""What an engine runs on: a step runner and a codec, with what is said about them on tracks and in metrics."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import torch

from services.generation.engine.engine import StepRunner
from services.generation.engine.runner import TorchRunner
from services.generation.engine.streamer import StreamingCodec
from services.generation.musicgen.audio_codec import AudioCodec
from services.generation.musicgen.model import MusicGen


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runner over `slots` slots and the codec beside it.

    `name` ("torch-cpu", "openvino", …) and `precision` ("float32", "int8", …) stand on every track. `budget` is what
    the caches hold in positions of one song, where slots share it (None: each slot has room for a whole song, and there
    are only as many as fit into memory: `runtimes.plan`); `prefill_chunk` how many positions are
    filled between two steps. `attention` says, for the log, how a step attends to its caches where there was a choice.
    `close` frees what the runtime holds.
    """

    runner: StepRunner
    codec: StreamingCodec
    slots: int
    name: str
    precision: str
    budget: int | None = None
    prefill_chunk: int = 64
    attention: str = ""
    close: Callable[[], None] = lambda: None


def torch_runtime(model: MusicGen, slots: int, threads: int = 0) -> Runtime:
    """The reference: torch on the CPU in the weights' own precision. `threads` 0: half of the cores.

    The engine is bound by memory and others want a core too: half of them are enough.
    """
    torch.set_num_threads(threads or max(1, (os.cpu_count() or 1) // 2))
    codec = AudioCodec(model.audio_encoder, model.configuration.decoder.channels)
    return Runtime(TorchRunner(model.decoder, slots), codec, slots, "torch-cpu", "float32")
