"""What is accepted, what is refused, and what the refusal says."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protos.generation.v1.generation_pb2 import GenerateRequest
from protos.generation.v1.generation_pb2 import Section as WireSection
from services.generation.backends.protocol import GenerationRequest, ModelDescription, Section
from services.generation.catalogue import CatalogueTexts, ModelCatalogue
from services.generation.submission import RequestChecker
from services.shared.errors import AppError, ErrorCode


def description(model_id: str, **fields: Any) -> ModelDescription:
    values: dict[str, Any] = {
        "id": model_id,
        "family": "test",
        "title": "T",
        "description": "D",
        "licence": "MIT",
        "commercial_use": True,
        "size_bytes": 0,
        "sample_rate_hz": 44_100,
        "channels": 2,
        "max_duration_seconds": 600.0,
        "default_duration_seconds": 30.0,
        "conditioning": ("text",),
        "outputs": ("audio",),
        "parameters": (),
        "revision": "1",
    }
    return ModelDescription(**{**values, **fields})


class PickyBackend:
    """A backend with a closer look of its own."""

    def describe(self) -> tuple[ModelDescription, ...]:
        return (description("picky", parameters=("key",)),)

    def check(self, request: GenerationRequest) -> None:
        if request.key == "H major":
            raise AppError.field("/key", "There is no key of that name. Use “B major”.")


CATALOGUE = ModelCatalogue(
    lambda: [
        description("composer", parameters=("bpm", "key", "structure", "spec", "lyrics")),
        description(
            "neural", parameters=("guidance_scale", "temperature", "top_k", "top_p"), max_duration_seconds=30.0
        ),
        description(
            "styled",
            parameters=("guidance_scale", "style_id", "guidance_beta", "style_codebooks"),
            style_codebooks=4,
        ),
        description("absent", installed=False),
        *PickyBackend().describe(),
    ],
    CatalogueTexts(default="composer"),
)
CHECKER = RequestChecker(CATALOGUE, [PickyBackend()], draw_seed=lambda: 42)  # type: ignore[list-item]


def refused(**fields: Any) -> dict[str, str]:
    """The violations of a request, detail by pointer."""
    with pytest.raises(AppError) as caught:
        CHECKER.check(GenerateRequest(**{"prompt": "lofi", **fields}))
    assert caught.value.code is ErrorCode.VALIDATION
    assert caught.value.message
    return {violation.pointer: violation.detail for violation in caught.value.violations}


def accepted(**fields: Any) -> GenerationRequest:
    return CHECKER.check(GenerateRequest(**{"prompt": "lofi", **fields}))[0]


def test_defaults_are_filled_in() -> None:
    request, model = CHECKER.check(GenerateRequest(prompt="  slow piano\n"))
    assert model.id == "composer"
    assert request == GenerationRequest("slow piano", 30.0, "composer", 42)


def test_given_seed_is_kept_and_zero_is_one() -> None:
    assert accepted(seed=0).seed == 0
    assert accepted(seed=2**63 - 1).seed == 2**63 - 1
    assert "/seed" in refused(seed=-1)


def test_a_style_goes_with_how_it_is_heard() -> None:
    request = accepted(model="styled", style_id="t", guidance_beta=4.0, style_codebooks=1)
    assert (request.style_id, request.guidance_beta, request.style_codebooks) == ("t", 4.0, 1)
    assert request.heard == {"style_id": "t"}
    lonely = refused(model="styled", guidance_beta=4.0, style_codebooks=2)
    assert set(lonely) == {"/guidance_beta", "/style_codebooks"}
    assert "style_id" in lonely["/guidance_beta"]
    assert set(refused(model="styled", style_id="t", style_codebooks=7)) == {"/style_codebooks"}
    assert set(refused(model="styled", style_id="t" * 200)) == {"/style_id"}


def test_more_codebooks_than_the_model_holds_are_refused_with_their_number() -> None:
    assert accepted(model="styled", style_id="t", style_codebooks=4).style_codebooks == 4
    found = refused(model="styled", style_id="t", style_codebooks=5)
    assert set(found) == {"/style_codebooks"}
    assert "at most 4" in found["/style_codebooks"]


def test_models_without_styles_name_those_that_have_them() -> None:
    found = refused(model="neural", style_id="t", guidance_beta=2.0, style_codebooks=1)
    assert set(found) == {"/style_id", "/guidance_beta", "/style_codebooks"}
    assert "choose a model that does: styled" in found["/style_id"]


@pytest.mark.parametrize("prompt", ["", "   ", "\n\t \r\n", "\u200b\u200d", "\u2003"])
def test_prompt_that_says_nothing_is_refused(prompt: str) -> None:
    assert "2,000" in refused(prompt=prompt)["/prompt"]


@pytest.mark.parametrize(
    "prompt", ["🎹🌧️", "雨の夜のローファイ", "line one\nline two\ttab", "👩‍👩‍👧‍👦 family", "x" * 2000, "a\r\nb", "ĳ ﷺ é"]
)
def test_any_language_emoji_and_line_breaks_are_welcome(prompt: str) -> None:
    assert accepted(prompt=prompt).prompt == prompt.replace("\r\n", "\n")


def test_too_long_prompt_says_how_long_it_is() -> None:
    assert "2,001" in refused(prompt="x" * 2001)["/prompt"]


@pytest.mark.parametrize("sign", ["\x00", "\x07", "\x1b", "\x7f", "\x85"])
def test_control_characters_are_refused(sign: str) -> None:
    assert "control characters" in refused(prompt=f"lofi {sign} beat")["/prompt"]


@pytest.mark.parametrize("duration", [0, -1, 1e9, math.nan, math.inf, -math.inf, 0.99, 600.01])
def test_duration_outside_of_the_models_range_is_refused(duration: float) -> None:
    detail = refused(duration_seconds=duration)["/duration"]
    assert "1 and 600 seconds" in detail
    assert "composer" in detail


@pytest.mark.parametrize("duration", [1, 600, 12.345])
def test_duration_within_the_range_is_kept(duration: float) -> None:
    assert accepted(duration_seconds=duration).duration_seconds == duration


def test_range_is_the_named_models_own() -> None:
    assert "30 seconds" in refused(model="neural", duration_seconds=31)["/duration"]


def test_unknown_model_lists_the_known_ones() -> None:
    detail = refused(model="gpt")["/model"]
    assert "composer" in detail
    assert "neural" in detail


def test_model_that_is_not_installed_is_said_to_be_so() -> None:
    with pytest.raises(AppError) as caught:
        CHECKER.check(GenerateRequest(prompt="x", model="absent"))
    assert caught.value.code is ErrorCode.MODEL_NOT_INSTALLED


@pytest.mark.parametrize(
    ("field", "value", "taker"),
    [
        ("guidance_scale", 3.0, "neural"),
        ("temperature", 1.0, "neural"),
        ("top_k", 5, "neural"),
        ("top_p", 0.5, "neural"),
        ("negative_prompt", "drums", None),
    ],
)
def test_parameter_that_the_model_does_not_take_is_refused_by_name(field: str, value: Any, taker: str | None) -> None:
    detail = refused(**{field: value})[f"/{field}"]
    assert f"does not take {field}" in detail
    assert taker is None or taker in detail


def test_parameter_of_zero_counts_as_given() -> None:
    assert "/guidance_scale" in refused(guidance_scale=0.0)
    assert accepted(model="neural", guidance_scale=0.0).guidance_scale == 0.0


@pytest.mark.parametrize(
    ("field", "value"),
    [("guidance_scale", math.nan), ("temperature", -0.1), ("top_k", -1), ("top_p", 1.1), ("guidance_scale", math.inf)],
)
def test_numbers_outside_of_their_range_are_refused(field: str, value: Any) -> None:
    assert "between" in refused(model="neural", **{field: value})[f"/{field}"]


@pytest.mark.parametrize("bpm", [0, 19.9, 401, math.nan])
def test_impossible_tempo_is_refused(bpm: float) -> None:
    assert "/bpm" in refused(bpm=bpm)


def test_everything_that_is_wrong_is_named_at_once() -> None:
    violations = refused(prompt="", duration_seconds=-1, top_k=3, seed=-5)
    assert set(violations) == {"/prompt", "/duration", "/top_k", "/seed"}


def test_form_is_read_section_by_section() -> None:
    request = accepted(
        structure=[WireSection(section="intro", bars=4), WireSection(section="verse", seconds=20, prompt="quiet")]
    )
    assert request.structure == (Section("intro", bars=4), Section("verse", seconds=20.0, prompt="quiet"))


def test_form_in_seconds_sets_the_duration() -> None:
    sections = [WireSection(section="a", seconds=20), WireSection(section="b", seconds=25)]
    assert accepted(structure=sections).duration_seconds == 45.0
    assert accepted(structure=sections, duration_seconds=60).duration_seconds == 60.0
    assert "/structure" in refused(structure=[WireSection(section="a", seconds=3000)])


@pytest.mark.parametrize(
    ("section", "pointer"),
    [
        (WireSection(section=" ", bars=4), "/structure/0/section"),
        (WireSection(section="a"), "/structure/0"),
        (WireSection(section="a", bars=4, seconds=4), "/structure/0"),
        (WireSection(section="a", seconds=math.nan), "/structure/0/seconds"),
        (WireSection(section="a", bars=0), "/structure/0/bars"),
        (WireSection(section="a", bars=4, prompt="\x00"), "/structure/0/prompt"),
    ],
)
def test_unsound_section_is_named(section: WireSection, pointer: str) -> None:
    assert pointer in refused(structure=[section])


def test_too_many_sections_are_refused() -> None:
    assert "/structure" in refused(structure=[WireSection(section="a", bars=1)] * 65)


def test_spec_is_a_json_object() -> None:
    assert accepted(spec_json='{"genre": "house"}').spec == {"genre": "house"}
    for broken in ("[1]", "{", '"text"', '{"a": NaN}'):
        assert "/spec" in refused(spec_json=broken)
    assert "/spec" in refused(spec_json='{"a": "' + "x" * 20_000 + '"}')


def test_backends_closer_look_is_asked() -> None:
    assert accepted(model="picky", key="B major").key == "B major"
    assert "/key" in refused(model="picky", key="H major")


def test_backends_closer_look_is_asked_for_models_that_came_after_the_start() -> None:
    class Shelf(PickyBackend):
        models: tuple[ModelDescription, ...] = (description("first"),)

        def describe(self) -> tuple[ModelDescription, ...]:
            return self.models

    shelf = Shelf()
    checker = RequestChecker(ModelCatalogue(shelf.describe), [shelf])  # type: ignore[list-item]
    shelf.models += (description("later", parameters=("key",)),)
    with pytest.raises(AppError, match="B major"):
        checker.check(GenerateRequest(prompt="lofi", model="later", key="H major"))


@given(
    prompt=st.text(max_size=2100), duration=st.floats() | st.none(), model=st.sampled_from(["", "neural", "nope"]),
    top_p=st.floats() | st.none(),
)  # fmt: skip
def test_nothing_but_sound_requests_and_app_errors_come_out(
    prompt: str, duration: float | None, model: str, top_p: float | None
) -> None:
    wire = GenerateRequest(prompt=prompt.encode("utf-8", "ignore").decode(), model=model)
    if duration is not None:
        wire.duration_seconds = duration
    if top_p is not None:
        wire.top_p = top_p
    try:
        request, chosen = CHECKER.check(wire)
    except AppError:
        return
    assert 1.0 <= request.duration_seconds <= chosen.max_duration_seconds
    assert 1 <= len(request.prompt) <= 2000
