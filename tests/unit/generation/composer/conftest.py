"""Songs on demand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from services.generation.backends.protocol import GenerationRequest, Section
from services.generation.composer.compose import compose
from services.generation.composer.score import Score


@pytest.fixture(scope="session")
def song() -> Callable[..., Score]:
    def make(prompt: str = "", seconds: float = 30.0, seed: int = 1, **fields: Any) -> Score:
        if "structure" in fields:
            fields["structure"] = tuple(Section(**section) for section in fields["structure"])
        return compose(GenerationRequest(prompt, seconds, "composer", seed, **fields))

    return make
