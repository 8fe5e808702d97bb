"""The codec's decoder on OpenVINO, as the engine's `StreamingCodec`.

Whole chunks in the middle of a stream run in the graph; the first and the last chunk of a stream, whose edges are
reflected and whose state is not complete, run in torch, on the same state.
"""

from __future__ import annotations

import torch
from torch import Tensor

from services.generation.engine.streamer import CHUNK_FRAMES
from services.generation.musicgen.audio_codec import AudioCodec, StreamState
from services.generation.musicgen.codec import Codec, CodecState
from services.generation.runtimes.codec_graph import CodecGraph
from services.generation.runtimes.codec_state import set_state_tensors, state_tensors
from services.generation.runtimes.compiled_graph import CompiledGraph
from services.generation.runtimes.turns import Turns

# Any codes do: only the shapes of the states are read.
_SAMPLE_FRAMES = 2 * CHUNK_FRAMES


class OpenVinoCodec:
    """Decodes any number of streams, one chunk at a time. `half` computes in bfloat16, where the processor can."""

    def __init__(
        self, codec: Codec, channels: int, *, half: bool, threads: int = 0, turns: Turns | None = None
    ) -> None:
        self._codec = codec
        self._passes = channels
        self._whole = AudioCodec(codec, channels)
        sample = codec.initial_state()
        books = len(codec.quantizer.layers)
        codec.stream(torch.zeros(books, _SAMPLE_FRAMES, dtype=torch.long), sample, last=False)
        self._shapes = [tuple(tensor.shape) for tensor in state_tensors(sample)]
        properties: dict[str, object] = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
            "ENABLE_CPU_PINNING": False,
        }
        if threads:
            properties["INFERENCE_NUM_THREADS"] = threads
        graph = CodecGraph(codec.decoder, CHUNK_FRAMES).build(sample.layers)
        self._graph = CompiledGraph(graph, properties)
        self._turns = turns or Turns()

    def initial_state(self) -> StreamState:
        """A stream that has not begun."""
        return self._whole.initial_state()

    def stream(self, codes: Tensor, state: StreamState, last: bool) -> Tensor:
        """The next frames `[K, n]` (n may be 0) to audio `[channels, m]`; `last` answers what was held back."""
        if last or codes.shape[1] != CHUNK_FRAMES or not all(self._steady(one) for one in state):
            # In torch, on the same cores.
            with self._turns:
                return self._whole.stream(codes, state, last)
        return torch.cat([self._chunk(codes[index :: self._passes], one) for index, one in enumerate(state)])

    @torch.inference_mode()
    def _chunk(self, codes: Tensor, state: CodecState) -> Tensor:
        held = state_tensors(state)
        inputs = [self._codec.quantizer(codes), *held]
        with self._turns:
            for index, tensor in enumerate(inputs):
                self._graph.set(index, tensor.numpy())
            self._graph.run()
            outputs = [torch.from_numpy(self._graph.output(index)) for index in range(1 + len(held))]
        set_state_tensors(state, outputs[1:])
        return outputs[0][0]

    def close(self) -> None:
        """Let the compiled graph go. Idempotent; no stream goes on afterwards."""
        self._graph.close()

    def _steady(self, state: CodecState) -> bool:
        return [tuple(tensor.shape) for tensor in state_tensors(state)] == self._shapes
