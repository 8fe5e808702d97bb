"""The `musicgen` backend: MusicGen models on our own engine. Light to import; torch comes with `load`.

A request's tokens are made by the engine's thread, which all requests share; everything after them (codec, limiter,
file) runs in a thread of the request's own, so that a slow disk or live channel holds up nobody else's tokens.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.generation.backends.protocol import (
    BackendEnvironment,
    GeneratedTrack,
    GenerationContext,
    GenerationRequest,
    ModelDescription,
)
from services.shared.errors import AppError, ErrorCode

if TYPE_CHECKING:
    from services.generation.musicgen.song import SongMaker

_DEBUG = ModelDescription(
    id="musicgen-debug",
    family="musicgen",
    title="MusicGen debug (noise)",
    description=(
        "For developers: a tiny MusicGen with random weights that exercises the neural engine without a download. "
        "What it makes is noise, not music."
    ),
    licence="Apache-2.0",
    commercial_use=True,
    size_bytes=0,
    sample_rate_hz=32_000,
    channels=1,
    max_duration_seconds=30.0,
    default_duration_seconds=10.0,
    conditioning=("text",),
    outputs=("audio",),
    parameters=("negative_prompt", "guidance_scale", "temperature", "top_k", "top_p"),
    revision="debug-1",
)
# Random weights give about ±4 with peaks of ±10.
_DEBUG_LIVE_GAIN_DB = -26.0
_SLOTS = 4


class MusicGenBackend:
    """Backend of the entry point `musicgen`."""

    def __init__(self, environment: BackendEnvironment) -> None:
        self._environment = environment
        self._lock = threading.Lock()
        self._makers: dict[str, SongMaker] = {}

    def describe(self) -> Sequence[ModelDescription]:
        """The models on offer."""
        return (_DEBUG,)

    def load(self, model_id: str) -> None:
        """Build the model and warm it up. NOT_FOUND for a model that is not of this family."""
        self._maker(model_id)

    async def generate(self, request: GenerationRequest, context: GenerationContext) -> GeneratedTrack:
        """Make one song."""
        maker = await asyncio.to_thread(self._maker, request.model)
        return await asyncio.to_thread(maker.make, request, context)

    def close(self) -> None:
        """End the engines. Idempotent."""
        with self._lock:
            makers, self._makers = self._makers, {}
        for maker in makers.values():
            maker.close()

    def _maker(self, model_id: str) -> SongMaker:
        if model_id != _DEBUG.id:
            raise AppError(ErrorCode.NOT_FOUND, f"There is no MusicGen model “{model_id}”.")
        with self._lock:
            if model_id not in self._makers:
                # Here and not above: the gRPC server reads descriptions without loading torch.
                from services.generation.engine.runtime import torch_runtime
                from services.generation.models import debug
                from services.generation.musicgen.song import InstalledModel, SongMaker
                from services.generation.musicgen.text_conditioner import HashTokenizer

                model = debug.build()
                tokenizer = HashTokenizer(model.configuration.text.vocabulary)
                self._makers[model_id] = SongMaker(
                    InstalledModel(_DEBUG, model, tokenizer, _DEBUG_LIVE_GAIN_DB),
                    torch_runtime(model, _SLOTS, self._environment.threads),
                )
            return self._makers[model_id]
