"""What `musicgen models check` found, kept beside the quantised weights: int4 is used only where it was measured, an
int8 cache unless it was measured to be too far.

A verdict belongs to the content of a decoder's weights and to the method that quantised them: other weights, or another
method, were not measured.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import structlog
from torch import nn

from services.generation.runtimes.decoder_weights import METHOD_VERSION, decoder_key
from services.generation.runtimes.precision import Precision, WeightPrecision

_log = structlog.get_logger(__name__)


class Verdicts:
    """Verdicts in `folder`, one small file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def record(self, decoder: nn.Module, precision: WeightPrecision | Precision, distance: float) -> None:
        """Keep the mean distance that was measured on a decoder's own weights. Raises OSError."""
        path = self._path(decoder_key(decoder), precision)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "w") as file:
                json.dump({"distance": distance}, file)
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)

    def distance(self, decoder: nn.Module, precision: WeightPrecision | Precision) -> float | None:
        """The distance that was measured; None: it was not, or what was kept cannot be read."""
        # Reading all weights to name them takes seconds: only where there is anything to find.
        if not any(self._folder.glob(self._path("*", precision).name)):
            return None
        path = self._path(decoder_key(decoder), precision)
        try:
            found = json.loads(path.read_text())["distance"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("verdict_unreadable", path=str(path), error=str(error))
            return None
        return float(found) if isinstance(found, int | float) else None

    def _path(self, key: str, precision: WeightPrecision | Precision) -> Path:
        name = precision.value if isinstance(precision, WeightPrecision) else str(precision).replace("/", "-")
        return self._folder / f"{key}-{name}-{METHOD_VERSION}.verdict.json"
