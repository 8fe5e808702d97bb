"""Where a model's files come from, and which of them a model needs.

`configs/models.yaml` names one source for a model: `hf:owner/repository@revision` or `file:/folder`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.shared.assets.hub import Listing, ModelFile, Repository
from services.shared.errors import AppError, ErrorCode

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,150}")
_PICKLES = ("state_dict.bin", "compression_state_dict.bin")


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A repository of which a model's files are taken."""

    repository: Repository

    @classmethod
    def parse(cls, text: str) -> ModelSource:
        """Read the notation of `configs/models.yaml`. Raises `ValueError` on anything else."""
        return cls(Repository.parse(text))

    def __str__(self) -> str:
        return str(self.repository)

    def list(self) -> Listing:
        """The files that a model needs. May ask the hub; blocks.

        Raises `AppError`: UNAVAILABLE when the source does not answer, MODEL_NOT_INSTALLED when it holds no model.
        """
        listing = self.repository.list()
        files = needed(listing.files)
        if not files:
            raise AppError(ErrorCode.MODEL_NOT_INSTALLED, f"There are no weights at {self} that can be used.")
        return Listing(files, listing.revision, listing.headers)


def needed(files: Sequence[ModelFile]) -> tuple[ModelFile, ...]:
    """Those of a repository's files that the model is made of: weights in one layout, its settings, its tokenizer.

    Safetensors win; audiocraft's two pickles are taken only where there are none, and are opened by the converter.
    """
    named = [file for file in files if _NAME.fullmatch(file.name)]
    weights = [file for file in named if file.name.endswith(".safetensors")]
    if not weights:
        weights = [file for file in named if file.name in _PICKLES]
        if len(weights) != len(_PICKLES):
            return ()
    beside = [file for file in named if file.name.endswith((".json", ".model"))]
    return tuple(sorted([*beside, *weights], key=lambda file: file.size_bytes))
