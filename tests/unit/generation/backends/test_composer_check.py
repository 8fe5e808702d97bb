"""What the composer would refuse is refused at submission already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from protos.generation.v1.generation_pb2 import GenerateRequest
from services.generation.backends.composer import ComposerBackend
from services.generation.backends.protocol import BackendEnvironment, ModelDescription
from services.generation.catalogue import ModelCatalogue
from services.generation.submission import RequestChecker
from services.shared.errors import AppError


class InstalledComposer(ComposerBackend):
    """The composer as if its instruments were there: checking a request needs none."""

    def describe(self) -> tuple[ModelDescription, ...]:
        from services.generation.composer.description import DESCRIPTION

        return (DESCRIPTION,)


BACKEND = InstalledComposer(BackendEnvironment(Path("/nonexistent"), Path("/nonexistent")))
CHECKER = RequestChecker(ModelCatalogue.of([BACKEND]), [BACKEND])


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"key": "X major"}, "/key"),
        ({"bpm": 20.0}, "/bpm"),
        ({"spec_json": '{"genre": "nothing like it"}'}, "/spec/genre"),
        ({"spec_json": '{"surprise": 1}'}, "/spec/surprise"),
    ],
)
def test_wrong_field_is_named(fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(AppError) as caught:
        CHECKER.check(GenerateRequest(prompt="lofi", **fields))
    assert [violation.pointer for violation in caught.value.violations] == [pointer]


def test_sound_request_passes() -> None:
    request, _ = CHECKER.check(GenerateRequest(prompt="lofi", key="A minor", bpm=80, spec_json='{"genre": "house"}'))
    assert request.spec == {"genre": "house"}
