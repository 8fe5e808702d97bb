"""What a session may say, and how its errors point at what has to change."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from services.processing.mixing import limits
from services.processing.mixing.catalogue.effects import EFFECTS
from services.processing.mixing.effects.registry import PROCESSORS
from services.processing.mixing.schema import effect_schema
from services.processing.mixing.session_rules import parse
from services.shared.errors import AppError, ErrorCode

_LANE = {"target": "gain_db", "points": [{"time": 0, "value": 0}]}


def _pointers(body: dict[str, Any]) -> list[str]:
    with pytest.raises(AppError) as caught:
        parse(body)
    assert caught.value.code is ErrorCode.VALIDATION
    assert all(item.detail.endswith(".") for item in caught.value.violations)
    return [item.pointer for item in caught.value.violations]


def _with(**track: Any) -> dict[str, Any]:
    return {"tracks": [{"track_id": "a"} | track]}


@pytest.mark.parametrize(
    ("body", "pointer", "meant"),
    [
        (_with(effects=[{"type": "compresor"}]), "/tracks/0/effects/0/type", "is compressor meant?"),
        (
            _with(effects=[{"type": "compressor", "parameters": {"treshold_db": -9}}]),
            "/tracks/0/effects/0/parameters/treshold_db",
            "is threshold_db meant?",
        ),
        (_with(automation=[_LANE | {"target": "gain"}]), "/tracks/0/automation/0/target", "is gain_db meant?"),
        (
            _with(effects=[{"type": "low_pass"}], automation=[_LANE | {"target": "effects/0/frequency"}]),
            "/tracks/0/automation/0/target",
            "is effects/0/frequency_hz meant?",
        ),
        (_with(gain=-3), "/tracks/0/gain", "is gain_db meant?"),
        (_with(clips=[{"ofset": 1}]), "/tracks/0/clips/0/ofset", "is offset meant?"),
        (_with(sends=[{"to": "hall", "prefader": True}]), "/tracks/0/sends/0/prefader", "is pre_fader meant?"),
        (_with() | {"master": {"ceiling_db": -1}}, "/master/ceiling_db", "is ceiling_dbtp meant?"),
        (_with() | {"temp": 90}, "/temp", "is tempo meant?"),
    ],
)
def test_wrong_name_is_answered_with_the_nearest_right_one(body: dict[str, Any], pointer: str, meant: str) -> None:
    with pytest.raises(AppError) as caught:
        parse(body)
    assert [(item.pointer, meant in item.detail) for item in caught.value.violations] == [(pointer, True)]


def test_name_that_is_like_no_other_is_answered_with_all_that_there_are() -> None:
    with pytest.raises(AppError) as caught:
        parse(_with(effects=[{"type": "gate", "parameters": {"xyzzy": 1}}, {"type": "autotune"}]))
    first, second = (item.detail for item in caught.value.violations)
    assert all(item.name in first for item in EFFECTS["gate"].parameters)
    assert all(name in second for name in EFFECTS)
    assert "meant" not in first + second


def test_smallest_session_is_one_track() -> None:
    request = parse(_with())
    assert request.name_of(0) == "track1"
    assert request.clips_of(0)[0].track_id == "a"
    assert request.master.ceiling_dbtp == -1.0


def test_stems_come_from_the_sessions_track() -> None:
    request = parse({"track_id": "song", "tracks": [{"stem": "drums"}, {"stem": "bass"}, {"track_id": "other"}]})
    sources = [(request.clips_of(n)[0].track_id, request.clips_of(n)[0].stem) for n in range(3)]
    assert sources == [("song", "drums"), ("song", "bass"), ("other", None)]


def test_clips_inherit_the_tracks_source() -> None:
    request = parse(_with(stem="bass", clips=[{}, {"track_id": "b"}, {"stem": "drums"}]))
    assert [(clip.track_id, clip.stem) for clip in request.clips_of(0)] == [("a", "bass"), ("b", None), ("a", "drums")]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"tracks": []}, "/tracks"),
        ({}, "/tracks"),
        ({"tracks": [{}]}, "/tracks/0/track_id"),
        (_with() | {"version": 2}, "/version"),
        (_with() | {"sample_rate": 22_050}, "/sample_rate"),
        (_with() | {"tempo": 0}, "/tempo"),
        (_with() | {"title": "two\nlines"}, "/title"),
        (_with(id="ü"), "/tracks/0/id"),
        (_with() | {"bpm": 120}, "/bpm"),
        (_with() | {"range": {"start": 5, "end": 2}}, "/range"),
        (_with(gain_db=40), "/tracks/0/gain_db"),
        (_with(gain_db=float("nan")), "/tracks/0/gain_db"),
        (_with(gain_db="3"), "/tracks/0/gain_db"),
        (_with(mute="yes"), "/tracks/0/mute"),
        (_with(pan=-1.5), "/tracks/0/pan"),
        (_with(start=-1), "/tracks/0/start"),
        (_with(start=7_000, length=1_000), "/tracks/0/length"),
        (_with(loop=True), "/tracks/0/length"),
        (_with(loop_length=2), "/tracks/0/loop_length"),
        (_with(clips=[{"start": 1}], start=1), "/tracks/0/start"),
        (_with(stretch=9), "/tracks/0/stretch"),
        (_with(id="master"), "/tracks/0/id"),
        (_with(output="nowhere"), "/tracks/0/output"),
        (_with(sends=[{"to": "track1"}]), "/tracks/0/sends/0/to"),
        (_with(sends=[{"to": "master"}]), "/tracks/0/sends/0/to"),
        (_with(effects=[{"type": "magic"}]), "/tracks/0/effects/0/type"),
        (_with(effects=[{"type": "time_stretch"}]), "/tracks/0/effects/0/type"),
        (_with(effects=[{"type": "delay", "parameters": {"a/b": 1}}]), "/tracks/0/effects/0/parameters/a~1b"),
        (_with(effects=[{"type": "delay", "parameters": {"time_ms": 0}}]), "/tracks/0/effects/0/parameters/time_ms"),
        (_with(effects=[{"type": "delay", "parameters": {"time_ms": True}}]), "/tracks/0/effects/0/parameters/time_ms"),
        (_with(effects=[{"type": "delay", "parameters": {"sync": "1/5"}}]), "/tracks/0/effects/0/parameters/sync"),
        (
            _with(effects=[{"type": "delay", "parameters": {"ping_pong": 1}}]),
            "/tracks/0/effects/0/parameters/ping_pong",
        ),
        (_with(effects=[{"type": "delay", "sidechain": "track1"}]), "/tracks/0/effects/0/sidechain"),
        (_with(effects=[{"type": "gate", "sidechain": "ghost"}]), "/tracks/0/effects/0/sidechain"),
        (_with(effects=[{"type": "gate"}] * 17), "/tracks/0/effects"),
        (_with(automation=[_LANE, _LANE]), "/tracks/0/automation/1/target"),
        (_with(automation=[{**_LANE, "target": "volume"}]), "/tracks/0/automation/0/target"),
        (_with(automation=[{**_LANE, "target": "effects/0/mix"}]), "/tracks/0/automation/0/target"),
        (_with(automation=[{**_LANE, "target": "effects/-1/mix"}]), "/tracks/0/automation/0/target"),
        (_with(automation=[{**_LANE, "target": "sends/0/gain_db"}]), "/tracks/0/automation/0/target"),
        (
            _with(effects=[{"type": "reverb"}], automation=[{**_LANE, "target": "effects/0/size"}]),
            "/tracks/0/automation/0/target",
        ),
        (
            _with(automation=[{"target": "gain_db", "points": [{"time": 1, "value": 0}, {"time": 1, "value": 1}]}]),
            "/tracks/0/automation/0/points/1/time",
        ),
        (
            _with(automation=[{"target": "pan", "points": [{"time": 1, "value": 3}]}]),
            "/tracks/0/automation/0/points/0/value",
        ),
        (
            _with(
                automation=[
                    {
                        "target": "pan",
                        "points": [{"time": 0, "value": -1, "curve": "exponential"}, {"time": 1, "value": 1}],
                    }
                ]
            ),
            "/tracks/0/automation/0/points/0/curve",
        ),
        (
            _with(automation=[{"target": "pan", "points": [{"time": 0, "value": 0, "curve": "bezier"}]}]),
            "/tracks/0/automation/0/points/0/bezier",
        ),
    ],
)
def test_error_points_at_what_has_to_change(body: dict[str, Any], pointer: str) -> None:
    assert pointer in _pointers(body)


def test_every_error_is_found_at_once() -> None:
    body = {
        "tracks": [{"track_id": "a", "output": "x"}, {"effects": [{"type": "no"}]}],
        "master": {"effects": [{"type": "delay", "parameters": {"feedback": 2}}]},
    }
    assert set(_pointers(body)) == {
        "/tracks/0/output",
        "/tracks/1/track_id",
        "/tracks/1/effects/0/type",
        "/master/effects/0/parameters/feedback",
    }


def test_channel_of_a_taken_name_is_no_circle_beside() -> None:
    assert _pointers({"tracks": [{"track_id": "a", "id": "master"}]}) == ["/tracks/0/id"]


def test_wrong_item_is_not_called_a_short_list() -> None:
    assert _pointers({"tracks": [{"track_id": "a", "gain_db": "loud"}]}) == ["/tracks/0/gain_db"]


@pytest.mark.parametrize(
    "buses",
    [
        [{"id": "x", "output": "x"}],
        [{"id": "x", "output": "y"}, {"id": "y", "sends": [{"to": "x"}]}],
        [
            {"id": "x", "output": "y"},
            {"id": "y", "output": "z"},
            {"id": "z", "output": "x"},
            {"id": "w", "output": "x"},
        ],
    ],
)
def test_circle_is_refused(buses: list[dict[str, Any]]) -> None:
    pointers = _pointers({"tracks": [{"track_id": "a", "output": "x"}], "buses": buses})
    assert len(pointers) == 1
    assert pointers[0].startswith("/buses/")


def test_a_channel_that_keys_itself_through_a_bus_is_a_circle() -> None:
    body = {
        "tracks": [{"track_id": "a", "output": "x", "effects": [{"type": "gate", "sidechain": "x"}]}],
        "buses": [{"id": "x"}],
    }
    assert len(_pointers(body)) == 1


def test_session_has_limits() -> None:
    assert parse({"tracks": [{"track_id": "a"}] * limits.TRACKS})
    assert _pointers({"tracks": [{"track_id": "a"}] * (limits.TRACKS + 1)}) == ["/tracks"]
    many = {"tracks": [{"track_id": "a", "clips": [{}] * 64}] * 9}
    assert _pointers(many) == ["/tracks"]
    lane = {"target": "pan", "points": [{"time": n / 10, "value": 0} for n in range(4_096)]}
    assert _pointers({"tracks": [{"track_id": "a", "automation": [lane]}] * 5}) == ["/tracks"]


@pytest.mark.parametrize(
    "body", [{"tracks": [{1: 2}]}, {"tracks": [{"track_id": {1, 2}}]}, {"tracks": "x"}, {"tracks": [[]]}]
)
def test_nonsense_is_refused_and_does_not_crash(body: dict[str, Any]) -> None:
    assert _pointers(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(
    track=st.dictionaries(st.sampled_from(["track_id", "gain_db", "effects", "automation", "clips", "sends"]), _JSON)
)
def test_any_json_is_parsed_or_refused(track: dict[str, Any]) -> None:
    try:
        parse({"tracks": [track]})
    except AppError as error:
        assert error.violations  # noqa: PT017 — either outcome is right, an error has to say where


def test_every_effect_of_the_schema_can_be_built_and_described() -> None:
    assert set(PROCESSORS) == set(EFFECTS)
    described = effect_schema()
    assert [item["id"] for item in described["effects"]] == list(EFFECTS)
    assert {"linear", "exponential", "hold", "bezier"} == set(described["automation_curves"])
    for effect in described["effects"]:
        body = {"type": effect["id"], "parameters": {item["name"]: item["default"] for item in effect["parameters"]}}
        assert parse(_with(effects=[body]))
        for parameter in effect["parameters"]:
            if parameter["kind"] != "number":
                continue
            assert parameter["min"] <= parameter["default"] <= parameter["max"]
            for edge in ("min", "max"):
                assert parse(
                    _with(effects=[{"type": effect["id"], "parameters": {parameter["name"]: parameter[edge]}}])
                )
            assert parameter["scale"] != "log" or parameter["min"] > 0


def test_session_survives_a_round_trip() -> None:
    body = _with(
        effects=[{"type": "delay", "parameters": {"sync": "1/8d"}}],
        automation=[
            {
                "target": "pan",
                "points": [{"time": 0, "value": 0, "curve": "bezier", "bezier": [0, 0, 1, 1]}, {"time": 1, "value": 1}],
            }
        ],
    )
    request = parse(body)
    assert parse(request.model_dump(mode="json")) == request
    assert parse(request.model_dump(mode="json", exclude_defaults=True)) == request


def test_session_with_clips_is_the_same_again_after_it_was_kept_with_every_field() -> None:
    clips = [{"track_id": "t", "stem": "bass", "start": 1.0, "length": 2.0}]
    request = parse({"tracks": [{"clips": clips, "gain_db": -6.0}]})
    assert parse(request.model_dump(mode="json", exclude_none=True)) == request


def test_session_of_the_guide_can_be_used() -> None:
    guide = Path(__file__).parents[4] / "docs" / "guides" / "mixing.md"
    example = guide.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    request = parse(yaml.safe_load(example))
    assert [request.name_of(n) for n in range(4)] == ["drums", "bass", "keys", "birds"]
