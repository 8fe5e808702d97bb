"""From an effect's id to what does the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from services.processing.mixing.effects.limiter import Limiter
from services.processing.mixing.effects.processor import Processor, Setting

PROCESSORS: Final[dict[str, Callable[[Setting], Processor]]] = {
    "limiter": Limiter,
}
