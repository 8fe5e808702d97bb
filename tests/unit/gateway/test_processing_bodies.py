"""What the gateway describes of processing's requests is what processing takes."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from services.gateway.schemas import processing as bodies
from services.processing.jobs import registry

BODIES: dict[str, type[BaseModel]] = {
    "separate": bodies.SeparateRequest,
    "mix": bodies.MixRequest,
    "master": bodies.MasterRequest,
    "transcribe": bodies.TranscribeRequest,
    "analyze": bodies.AnalyzeRequest,
    "convert": bodies.ConvertRequest,
}


@pytest.mark.parametrize("name", BODIES)
def test_every_field_that_is_taken_is_described(name: str) -> None:
    kind = registry.kind_of(name)
    assert kind is not None
    [example] = BODIES[name].model_config["json_schema_extra"]["examples"]
    assert set(type(kind.parse(example)).model_fields) == set(BODIES[name].model_fields)
