"""The model catalogue: what the backends describe, with the texts and defaults of `configs/models.yaml` on top."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from services.generation.backends.protocol import Backend, ModelDescription
from services.shared.errors import AppError, ErrorCode

DEFAULT_MODEL = "composer"
_REMEMBER_SECONDS = 5.0

# What the file may say of a model: its key there, the description's field, and its type.
_OVERRIDABLE: Mapping[str, tuple[str, type]] = {
    "title": ("title", str),
    "description": ("description", str),
    "default_duration": ("default_duration_seconds", float),
}


@dataclass(frozen=True, slots=True)
class CatalogueTexts:
    """The content of `configs/models.yaml`."""

    default: str = DEFAULT_MODEL
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # Where models are to be had, by model: `services.generation.pulls.source` reads it.
    sources: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> CatalogueTexts:
        """Read the file; without it the defaults hold. Raises VALIDATION that says what is wrong in it."""
        if not path.exists():
            return cls()
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
            _refuse_unknown("", content, ("default", "models"))
            models = content.get("models") or {}
            overrides = {str(name): _checked(str(name), values or {}) for name, values in models.items()}
            sources = {
                str(name): str(values["source"]) for name, values in models.items() if "source" in (values or {})
            }
            return cls(str(content.get("default", DEFAULT_MODEL)), overrides, sources)
        except (yaml.YAMLError, ValueError, AttributeError, TypeError, OSError) as error:
            raise AppError(ErrorCode.VALIDATION, f"The model catalogue {path} cannot be used: {error}") from error


def _refuse_unknown(where: str, content: Mapping[str, Any], known: Iterable[str]) -> None:
    if unknown := set(content) - set(known):
        raise ValueError(f"{where}{', '.join(sorted(unknown))} is unknown; known are {', '.join(known)}")


def _checked(model: str, values: Mapping[str, Any]) -> dict[str, Any]:
    _refuse_unknown(f"models.{model}.", values, (*_OVERRIDABLE, "source"))
    return {target: kind(values[name]) for name, (target, kind) in _OVERRIDABLE.items() if name in values}


class ModelCatalogue:
    """Every model by its id, and which one is meant when none is named.

    Descriptions are asked for again every few seconds, because a model may have been installed meanwhile.
    """

    def __init__(self, describe: Callable[[], Iterable[ModelDescription]], texts: CatalogueTexts | None = None) -> None:
        self._describe = describe
        self._texts = texts or CatalogueTexts()
        self._read_at = time.monotonic()
        self._models = self._read()
        if not self._models:
            raise AppError(ErrorCode.INTERNAL, "No backend offers a model. Reinstall the platform.")
        # A catalogue whose default is not there (a worker with few backends) still answers.
        self.default_id = self._texts.default if self._texts.default in self._models else next(iter(self._models))

    @classmethod
    def of(cls, backends: Iterable[Backend], texts: CatalogueTexts | None = None) -> ModelCatalogue:
        """The catalogue of what these backends offer. Of two models with one id the first stands."""
        makers = tuple(backends)
        return cls(lambda: (model for backend in makers for model in backend.describe()), texts)

    def __iter__(self) -> Iterator[ModelDescription]:
        return iter(self._current().values())

    def find(self, model_id: str) -> ModelDescription | None:
        """The model of this id; the default for an empty one; None when there is none."""
        return self._newest(model_id or self.default_id)

    def get(self, model_id: str) -> ModelDescription:
        """The model of this id. Raises NOT_FOUND."""
        model = self._newest(model_id)
        if model is None:
            raise AppError(ErrorCode.NOT_FOUND, "There is no model of this name. The catalogue lists those there are.")
        return model

    def refresh(self) -> None:
        """Ask the backends anew at the next call: a model has come or gone."""
        self._read_at = -_REMEMBER_SECONDS

    def ids(self) -> tuple[str, ...]:
        """The names of all models."""
        return tuple(self._models)

    def _newest(self, model_id: str) -> ModelDescription | None:
        """The model; one that was not here a moment ago is looked for again."""
        model = self._current().get(model_id)
        if model is None or not model.installed:
            self.refresh()
            model = self._current().get(model_id)
        return model

    def _current(self) -> dict[str, ModelDescription]:
        if time.monotonic() - self._read_at > _REMEMBER_SECONDS:
            self._read_at = time.monotonic()
            self._models = self._read()
        return self._models

    def _read(self) -> dict[str, ModelDescription]:
        models: dict[str, ModelDescription] = {}
        for model in self._describe():
            models.setdefault(model.id, replace(model, **self._texts.overrides.get(model.id, {})))
        return models
