"""The `musicgen` backend: MusicGen models on our own engine. Light to import; torch comes with `load`.

A request's tokens are made by the engine's thread, which all requests share; everything after them (codec, limiter,
file) runs in a thread of the request's own, so that a slow disk or live channel holds up nobody else's tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.generation.backends.protocol import (
    BackendEnvironment,
    GeneratedTrack,
    GenerationContext,
    GenerationRequest,
    ModelDescription,
)
from services.generation.models.residents import Plan, Residents
from services.generation.models.shelf import CONDITIONING, PARAMETERS, ModelShelf
from services.generation.musicgen.sections import passages
from services.generation.runtimes.machine import usable_memory_bytes
from services.shared.errors import AppError, ErrorCode

if TYPE_CHECKING:
    from services.generation.musicgen.song import SongMaker

DEBUG = ModelDescription(
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
    max_duration_seconds=300.0,
    default_duration_seconds=10.0,
    conditioning=CONDITIONING,
    outputs=("audio",),
    parameters=PARAMETERS,
    revision="debug-1",
    continues_from="sound",
)
# Random weights give about ±4 with peaks of ±10.
_DEBUG_LIVE_GAIN_DB = -26.0
_SLOTS = 4
_MEMORY_SHARE = 0.6
_GPU_SHARE = 0.9


class MusicGenBackend:
    """Backend of the entry point `musicgen`: the debug model, and what lies in the models folder."""

    def __init__(self, environment: BackendEnvironment) -> None:
        self._environment = environment
        self._shelf = ModelShelf(environment.models_dir)
        self._residents: Residents[SongMaker] = Residents(_capacity_bytes(), _device_bytes)

    @property
    def resident_models(self) -> tuple[str, ...]:
        """Ids of the models in memory."""
        return tuple(map(_model_id, self._residents.names))

    def describe(self) -> Sequence[ModelDescription]:
        """The models on offer."""
        return (DEBUG, *self._shelf.descriptions())

    def check(self, request: GenerationRequest) -> None:
        """Refuse what `generate` would refuse: a form whose times make no sense, a past in which there is nothing."""
        if request.continue_from_id and request.continue_at == 0.0:
            raise AppError.field("/continue_at", "The track has no audio before that second. Choose a later one.")
        passages(request.prompt, request.structure, request.bpm, request.duration_seconds)

    def load(self, model_id: str) -> None:
        """Build the model and warm it up.

        NOT_FOUND for a model that is not of this family, MODEL_NOT_INSTALLED with the reason for one that cannot be
        used.
        """
        name, _ = self._take(model_id)
        self._residents.give_back(name)

    async def generate(self, request: GenerationRequest, context: GenerationContext) -> GeneratedTrack:
        """Make one song."""
        return await asyncio.to_thread(self._make, request, context)

    def close(self) -> None:
        """End the engines. Idempotent."""
        self._residents.close()

    def _make(self, request: GenerationRequest, context: GenerationContext) -> GeneratedTrack:
        name, maker = self._take(request.model)
        try:
            return maker.make(request, context)
        finally:
            self._residents.give_back(name)

    def _take(self, model_id: str) -> tuple[str, SongMaker]:
        """The model, and the name to give it back by: other weights under the same id are another model."""
        description = next((model for model in self.describe() if model.id == model_id), None)
        if description is None:
            raise AppError(ErrorCode.NOT_FOUND, f"There is no MusicGen model “{model_id}”.")
        name = f"{model_id}@{description.revision}"
        self._residents.let_go(lambda other: _model_id(other) == model_id and other != name)
        return name, self._residents.take(name, lambda: self._plan(description))

    def _plan(self, description: ModelDescription) -> Plan[SongMaker]:
        # Here and not above: the gRPC server reads descriptions without loading torch.
        from services.generation.engine.runtime import torch_runtime
        from services.generation.models import debug
        from services.generation.models.installation import checked, device_bytes, install, least_bytes, memory_bytes
        from services.generation.musicgen.song import InstalledModel, SongMaker
        from services.generation.musicgen.text_conditioner import HashTokenizer
        from services.generation.runtimes.machine import Machine
        from services.generation.runtimes.plan import Wish, plan_runtime
        from services.generation.runtimes.selection import select_runtime
        from services.shared.kernel_cache import share_kernel_cache

        share_kernel_cache()
        environment = self._environment
        wish = Wish(
            environment.device,
            environment.precision,
            threads=environment.threads,
            cache=environment.cache_precision,
            most=environment.slots,
        )

        def build(installed: InstalledModel) -> SongMaker:
            cache = self._shelf.quantised_folder
            return SongMaker(installed, select_runtime(installed.model, wish, cache=cache))

        model_id = description.id
        if model_id == DEBUG.id:
            model = debug.build()
            tokenizer = HashTokenizer(model.configuration.text.vocabulary)
            installed = InstalledModel(DEBUG, model, tokenizer, _DEBUG_LIVE_GAIN_DB)
            # The reference, so that its noise is the same on every machine.
            return Plan(0, lambda: SongMaker(installed, torch_runtime(model, _SLOTS, environment.threads)))
        folder = self._shelf.find(model_id)
        if folder is None:
            raise AppError(
                ErrorCode.MODEL_NOT_INSTALLED,
                f"The model {model_id} is not here. Put its weights into {self._shelf.folder / model_id}.",
            )
        checkpoint = checked(folder, self._shelf.folder)
        try:
            planned = plan_runtime(checkpoint.configuration.decoder, Machine.probe(), wish)
        except ValueError as error:
            raise AppError(
                ErrorCode.UNAVAILABLE,
                f"This worker is set to what it cannot do. {error} Its operator mends MUSICGEN_GENERATION_DEVICE, "
                "MUSICGEN_GENERATION_PRECISION or MUSICGEN_GENERATION_CACHE_PRECISION.",
            ) from error
        if (needed := least_bytes(checkpoint, planned)) > (there := usable_memory_bytes()):
            raise AppError(
                ErrorCode.MODEL_NOT_INSTALLED,
                f"The model {model_id} takes {needed / 1e9:.1f} GB of memory at least; this worker has "
                f"{there / 1e9:.1f} GB. Choose a smaller model, or give the worker more.",
            )
        return Plan(
            memory_bytes(checkpoint, environment.slots or _SLOTS),
            lambda: build(install(description, checkpoint)),
            device_bytes(checkpoint, planned),
        )


def _model_id(name: str) -> str:
    return name.partition("@")[0]


def _capacity_bytes() -> int:
    """What models may take of this machine's memory, or of this container's."""
    return int(usable_memory_bytes() * _MEMORY_SHARE)


def _device_bytes() -> int:
    """What models may take of the GPU's memory together."""
    from services.generation.runtimes.machine import Machine

    gpu = Machine.probe().gpu
    return int(gpu.memory_bytes * _GPU_SHARE) if gpu else 0
