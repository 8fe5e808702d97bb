"""Requests for masters: what is taken, what is refused and where."""

from __future__ import annotations

import math

import pytest

from services.processing.jobs.kind import Wanted
from services.processing.mastering.job import KIND
from services.processing.mastering.presets import PRESETS, preset_list
from services.shared.errors import AppError, ErrorCode


def refusal(**body):
    with pytest.raises(AppError) as caught:
        KIND.parse({"track_id": "a", **body})
    assert caught.value.code is ErrorCode.VALIDATION
    return {violation.pointer: violation.detail for violation in caught.value.violations}


def test_a_track_alone_is_mastered_for_streaming():
    request = KIND.parse({"track_id": "a"})
    assert request.chosen.name == "streaming"
    assert (request.chosen.target_lufs, request.ceiling_dbtp) == (-14.0, -1.0)
    assert KIND.wanted(request) == [Wanted("a")]


def test_a_reference_is_read_too_and_named_in_errors():
    request = KIND.parse({"track_id": "a", "reference_track_id": "b"})
    assert KIND.wanted(request) == [Wanted("a"), Wanted("b", pointer="/reference_track_id")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("target_lufs", -36.1),
        ("target_lufs", -4.9),
        ("target_lufs", math.nan),
        ("target_lufs", "-14"),
        ("target_lufs", True),
        ("true_peak_dbtp", 0.1),
        ("true_peak_dbtp", -12.1),
        ("true_peak_dbtp", -math.inf),
        ("preset", "louder"),
        ("reference_track_id", ""),
        ("loudness", -14),
    ],
)
def test_values_out_of_range_are_refused_by_name(field, value):
    assert set(refusal(**{field: value})) == {f"/{field}"}


def test_a_track_cannot_be_its_own_reference():
    assert "another track" in refusal(reference_track_id="a")["/reference_track_id"]


def test_a_target_too_close_to_its_ceiling_is_refused():
    assert "cannot be met" in refusal(target_lufs=-6.0, true_peak_dbtp=-9.0)["/target_lufs"]


def test_the_presets_are_those_that_were_promised():
    targets = {preset.name: preset.target_lufs for preset in PRESETS.values()}
    assert targets["streaming"] == -14.0
    assert targets["broadcast"] == -23.0
    assert targets["podcast"] == -16.0
    assert {"loud", "club", "vinyl"} < set(targets)
    assert all(preset.ceiling_dbtp <= -1.0 for preset in PRESETS.values())


def test_the_list_of_presets_can_be_asked_for_as_it_is_shown():
    shown = preset_list()
    assert [item["name"] for item in shown if item["default"]] == ["streaming"]
    for item in shown:
        body = {"track_id": "a", **{name: item[name] for name in ("target_lufs", "true_peak_dbtp")}}
        assert KIND.parse({**body, "preset": item["name"]}).chosen.name == item["name"]
