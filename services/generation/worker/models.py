"""The models of one worker: who makes them, and which are in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from services.generation.backends.protocol import Backend, EvictingBackend, ModelDescription
from services.generation.catalogue import CatalogueTexts, ModelCatalogue
from services.shared.errors import AppError, ErrorCode


class WorkerModels:
    """Backends by model. `load` may be called by many jobs at once."""

    def __init__(self, backends: Iterable[Backend], texts: CatalogueTexts | None = None) -> None:
        self._backends = tuple(backends)
        self.catalogue = ModelCatalogue.of(self._backends, texts)
        self._makers: dict[str, Backend] = {}
        for backend in self._backends:
            for model in backend.describe():
                self._makers.setdefault(model.id, backend)
        self._resident: set[str] = set()

    @property
    def resident(self) -> tuple[str, ...]:
        """Ids of the models in memory."""
        gone = set()
        for backend in self._backends:
            if isinstance(backend, EvictingBackend):
                known = {model_id for model_id in self._resident if self._makers[model_id] is backend}
                gone |= known - set(backend.resident_models)
        return tuple(sorted(self._resident - gone))

    def describe(self, model_id: str) -> ModelDescription:
        """The description of a model. Raises MODEL_NOT_INSTALLED."""
        model = self.catalogue.find(model_id)
        if model is None:
            raise AppError(ErrorCode.MODEL_NOT_INSTALLED, f"The model {model_id} is not installed on this worker.")
        return model

    def cost(self, model_id: str) -> int:
        """Slots that a song of this model takes; 1 for one that is not known here."""
        model = self.catalogue.find(model_id)
        return model.cost if model else 1

    async def load(self, model_id: str) -> Backend:
        """Bring a model into memory; its backend. Raises what the backend raises, MODEL_NOT_INSTALLED."""
        known = self.describe(model_id).id
        backend = self._makers.get(known) or self._find(known)
        await asyncio.to_thread(backend.load, model_id)
        self._resident.add(model_id)
        return backend

    def _find(self, model_id: str) -> Backend:
        """The backend of a model that was installed after the start."""
        for backend in self._backends:
            if any(model.id == model_id for model in backend.describe()):
                return self._makers.setdefault(model_id, backend)
        raise AppError(ErrorCode.MODEL_NOT_INSTALLED, f"The model {model_id} is not installed on this worker.")

    def close(self) -> None:
        """Free everything."""
        for backend in self._backends:
            backend.close()
