"""What a conversion may ask for."""

from __future__ import annotations

import json

import pytest

from services.processing.conversion.request import decode, encode, parse
from services.shared.errors import AppError, ErrorCode


def body(**fields: object) -> str:
    return json.dumps({"track_id": "t1", "format": "flac", **fields})


def test_request_survives_the_ledger() -> None:
    request = parse(body(sample_rate=48_000, bit_depth=24))
    text = encode(request, "jobs/j/1/master.flac", {"traceparent": "00-…"})
    again, source_key, trace = decode(text)
    assert (again.target, source_key, trace) == (request.target, "jobs/j/1/master.flac", {"traceparent": "00-…"})


def test_what_is_left_out_is_chosen_as_for_the_track_itself() -> None:
    assert parse(body(format="opus")).target.bitrate == 160_000
    assert parse(body(format="mp3", sample_rate=22_050)).target.bitrate == 192_000
    assert parse(body(format="wav")).target.bit_depth == 16
    assert parse(body(format="wav", bit_depth=32)).target.bit_depth == 32


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("{}", "/track_id"),
        ("[]", ""),
        ("nonsense", ""),
        (body(format="aac"), "/format"),
        (body(format=None), "/format"),
        (body(track_id=""), "/track_id"),
        (body(sample_rate=1), "/sample_rate"),
        (body(sample_rate="48000"), "/sample_rate"),
        (body(bit_depth=20), "/bit_depth"),
        (body(bit_depth=True), "/bit_depth"),
        (body(bitrate=64_000), "/bitrate"),
        (body(format="mp3", bitrate=1e9), "/bitrate"),
        (body(format="mp3", bitrate=float("nan")), "/bitrate"),
        (body(volume=11), "/volume"),
        (body(object_key="jobs/of/somebody/master.flac"), "/object_key"),
        (body(title="x" * 20_000), ""),
    ],
)
def test_wrong_requests_are_refused_by_field(text: str, pointer: str) -> None:
    with pytest.raises(AppError) as raised:
        parse(text)
    assert raised.value.code is ErrorCode.VALIDATION
    assert pointer in [violation.pointer for violation in raised.value.violations]


def test_every_wrong_field_is_named_at_once() -> None:
    with pytest.raises(AppError) as raised:
        parse(body(format="mp3", bit_depth=16, bitrate=100_000))
    assert {violation.pointer for violation in raised.value.violations} == {"/bit_depth", "/bitrate"}


@pytest.mark.parametrize("text", ["", "null", "{}", '{"_object_key": "k", "format": "mp3"}'])
def test_foreign_job_request_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(AppError) as raised:
        decode(text)
    assert raised.value.code is ErrorCode.INTERNAL
