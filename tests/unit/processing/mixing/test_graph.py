"""The whole graph: latency, sidechains, sends, bypass; deterministic, seekable, the same in any blocks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.processing.mixing.bounce import bounce
from services.processing.mixing.build import build
from services.processing.mixing.build import place as plan_of
from services.processing.mixing.catalogue.effects import EFFECTS
from services.processing.mixing.graph import Renderer
from services.processing.mixing.session_rules import parse, target_of
from services.shared.errors import AppError, ErrorCode
from tests.support.mixing import RATE, ArraySource, Audio, impulse, level_db, noise, render, renderer

_OPEN = {"ceiling_dbtp": None}
_LATE = ["limiter", "saturation", "convolution_reverb", "pitch_shift"]


def test_defaults_pass_every_bit() -> None:
    audio = noise(20_000)
    assert np.array_equal(render({"tracks": [{"track_id": "a"}]}, {"a": audio}), audio)


@pytest.mark.parametrize("effect", EFFECTS)
def test_bypass_is_bit_exact(effect: str) -> None:
    audio = noise(12_000)
    session = {"tracks": [{"track_id": "a", "effects": [{"type": effect, "bypass": True}]}], "master": _OPEN}
    assert np.array_equal(render(session, {"a": audio}), audio)


@pytest.mark.parametrize("effect", [name for name, kind in EFFECTS.items() if kind.parameter("mix")])
def test_no_mix_is_the_dry_sound_bit_for_bit(effect: str) -> None:
    audio = noise(12_000)
    session = {
        "tracks": [{"track_id": "a", "effects": [{"type": effect, "parameters": {"mix": 0.0}}]}],
        "master": _OPEN,
    }
    assert np.array_equal(render(session, {"a": audio}), audio)


@pytest.mark.parametrize("effect", _LATE)
def test_parallel_paths_meet_to_the_sample(effect: str) -> None:
    # One path has an effect with latency that passes its dry sound, the other is turned over: nothing may be left.
    audio = noise(20_000, level=0.01)
    quiet = {"mix": 0.0} if EFFECTS[effect].parameter("mix") else {}
    session = {
        "tracks": [
            {"track_id": "a", "effects": [{"type": effect, "parameters": quiet}]},
            {"track_id": "b"},
        ],
        "master": _OPEN,
    }
    assert not render(session, {"a": audio, "b": -audio}).any()


def test_impulse_comes_out_at_its_own_time_through_any_latency() -> None:
    effects = [{"type": "limiter"}, {"type": "saturation", "parameters": {"drive_db": 0.0}}, {"type": "limiter"}]
    compressor = {"type": "compressor", "parameters": {"lookahead_ms": 7.0, "threshold_db": 0.0}}
    session = {
        "tracks": [{"track_id": "a", "effects": effects, "output": "x"}],
        "buses": [{"id": "x", "effects": [compressor]}],
        "master": {"effects": [{"type": "pitch_shift", "parameters": {"mix": 0.0}}]},
    }
    out = render(session, {"a": impulse(9_000, at=4_321, height=0.1)})
    assert int(np.argmax(np.abs(out[0]))) == 4_321


def test_sidechain_arrives_with_the_sound_it_steers() -> None:
    # The key is delayed by a limiter, the steered track by a saturator before its gate: both meet at the gate.
    key, audio = np.zeros((2, 30_000)), np.full((2, 30_000), 0.25)
    key[:, 10_000:20_000] = 0.5
    gate = {
        "type": "gate",
        "sidechain": "key",
        "parameters": {"attack_ms": 0.05, "release_ms": 1.0, "hold_ms": 0.0, "range_db": -96.0},
    }
    session = {
        "tracks": [
            {"track_id": "k", "id": "key", "mute": True, "effects": [{"type": "limiter"}, {"type": "limiter"}]},
            {"track_id": "a", "effects": [{"type": "saturation", "parameters": {"drive_db": 0.0, "mix": 0.0}}, gate]},
        ],
        "master": _OPEN,
    }
    out = render(session, {"k": key, "a": audio})
    assert not out[:, :10_000].any()
    assert out[0, 10_000] > 0.05
    assert out[0, 10_020] == pytest.approx(0.25, rel=1e-3)


def test_pre_fader_send_does_not_follow_the_fader() -> None:
    audio = noise(5_000)
    track = {"track_id": "a", "gain_db": -96.0}
    session = {
        "tracks": [track | {"sends": [{"to": "x", "pre_fader": True, "gain_db": -6.0}]}],
        "buses": [{"id": "x"}],
        "master": _OPEN,
    }
    assert np.allclose(render(session, {"a": audio}), audio * 10 ** (-6 / 20))
    session["tracks"] = [track | {"sends": [{"to": "x"}]}]
    assert not render(session, {"a": audio}).any()


def test_solo_renders_only_what_is_soloed() -> None:
    a, b = noise(5_000, 1), noise(5_000, 2)
    session = {"tracks": [{"track_id": "a"}, {"track_id": "b", "solo": True}], "master": _OPEN}
    assert np.array_equal(render(session, {"a": a, "b": b}), b)
    session = {"tracks": [{"track_id": "a", "mute": True}, {"track_id": "b"}], "master": _OPEN}
    assert np.array_equal(render(session, {"a": a, "b": b}), b)


def test_everything_muted_is_silence() -> None:
    assert not render({"tracks": [{"track_id": "a", "mute": True}]}, {"a": noise(5_000)}).any()


def test_song_fades_in_and_out() -> None:
    ones = np.full((2, RATE), 0.5)
    master = _OPEN | {"fade_in": {"seconds": 0.1}, "fade_out": {"seconds": 0.2}}
    out = render({"tracks": [{"track_id": "a"}], "master": master}, {"a": ones})
    places = np.arange(RATE)
    gain = np.minimum(places / (0.1 * RATE), 1) * np.minimum((RATE - places) / (0.2 * RATE), 1)
    assert np.abs(out - 0.5 * gain).max() < 1e-12


def test_safety_limiter_holds_the_master_unless_it_is_left_out() -> None:
    loud = noise(20_000, level=0.7)
    assert np.abs(render({"tracks": [{"track_id": "a"}]}, {"a": loud})).max() <= 10 ** (-1 / 20)
    assert np.array_equal(render({"tracks": [{"track_id": "a"}], "master": _OPEN}, {"a": loud}), loud)


def test_fader_at_zero_follows_the_levels_of_both() -> None:
    a, b = noise(5_000, 1), noise(5_000, 2)
    session = {
        "tracks": [{"track_id": "a", "gain_db": -6.0, "output": "x"}, {"track_id": "b", "output": "x"}],
        "buses": [{"id": "x", "gain_db": 6.0, "pan": 1.0}],
        "master": _OPEN,
    }
    out = render(session, {"a": a, "b": b})
    assert not out[0].any()
    assert np.allclose(out[1], (a[1] * 10 ** (-6 / 20) + b[1]) * 10 ** (6 / 20))


_NUMBERS = {
    name: [item for item in kind.parameters if item.is_number and item.automatable] for name, kind in EFFECTS.items()
}


@st.composite
def _effects(draw: st.DrawFn, most: int) -> list[dict[str, Any]]:
    chosen = draw(st.lists(st.sampled_from(list(EFFECTS)), max_size=most))
    made = []
    for name in chosen:
        kind = EFFECTS[name]
        parameters: dict[str, Any] = {}
        for item in kind.parameters:
            if not draw(st.booleans()):
                continue
            if item.choices:
                parameters[item.name] = draw(st.sampled_from(item.choices))
            elif isinstance(item.default, bool):
                parameters[item.name] = draw(st.booleans())
            else:
                parameters[item.name] = draw(st.floats(item.minimum, item.maximum))
        made.append({"type": name, "parameters": parameters, "bypass": draw(st.integers(0, 5)) == 0})
    return made


@st.composite
def _lanes(draw: st.DrawFn, strip: dict[str, Any]) -> list[dict[str, Any]]:
    targets = ["gain_db", "pan", "width"]
    for number, effect in enumerate(strip["effects"]):
        targets += [f"effects/{number}/{item.name}" for item in _NUMBERS[effect["type"]]]
    lanes = []
    holder = parse({"tracks": [{"track_id": "a", "effects": strip["effects"]}]}).tracks[0]
    for target in draw(st.lists(st.sampled_from(targets), max_size=2, unique=True)):
        parameter = target_of(holder, target)
        assert parameter is not None
        values = draw(st.lists(st.floats(parameter.minimum, parameter.maximum), min_size=2, max_size=4))
        kind = draw(st.sampled_from(["linear", "hold", "bezier", "exponential" if parameter.minimum > 0 else "linear"]))
        handles = {"bezier": [0.1, 0.8, 0.7, 0.3]} if kind == "bezier" else {}
        lane_points = [
            {"time": 0.05 * n + 0.01, "value": value, "curve": kind} | handles for n, value in enumerate(values)
        ]
        lanes.append({"target": target, "points": lane_points})
    return lanes


@st.composite
def sessions(draw: st.DrawFn) -> dict[str, Any]:
    """Any graph: tracks into buses into buses, with any effects, automation, sends and sidechains."""
    buses = [f"bus{n}" for n in range(draw(st.integers(0, 2)))]
    tracks: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 3))):
        strip: dict[str, Any] = {"track_id": f"s{number}", "id": f"t{number}", "effects": draw(_effects(2))}
        strip["automation"] = draw(_lanes(strip))
        strip["start"] = draw(st.sampled_from([0.0, 0.0123]))
        strip["output"] = draw(st.sampled_from([*buses, "master"]))
        strip["gain_db"] = draw(st.floats(-30, 6))
        strip["pan"] = draw(st.floats(-1, 1))
        strip["pan_law"] = draw(st.sampled_from(["balance", "constant_power", "-4.5", "linear"]))
        strip["solo"] = draw(st.integers(0, 6)) == 0
        strip["mute"] = draw(st.integers(0, 6)) == 0
        strip["sends"] = [{"to": name, "gain_db": draw(st.floats(-40, 0))} for name in buses if draw(st.booleans())]
        for effect in strip["effects"]:
            if EFFECTS[effect["type"]].sidechain and number and draw(st.booleans()):
                effect["sidechain"] = f"t{draw(st.integers(0, number - 1))}"
        tracks.append(strip)
    made_buses = []
    for number, name in enumerate(buses):
        bus: dict[str, Any] = {"id": name, "effects": draw(_effects(1))}
        bus["automation"] = draw(_lanes(bus))
        bus["output"] = draw(st.sampled_from([*buses[number + 1 :], "master"]))
        made_buses.append(bus)
    ceiling = draw(st.sampled_from([-1.0, None]))
    return {"tracks": tracks, "buses": made_buses, "master": {"effects": draw(_effects(1)), "ceiling_dbtp": ceiling}}


_SOURCES: dict[str, Audio] = {f"s{n}": noise(9_000, seed=n) for n in range(3)}


def _holds(session: dict[str, Any], block: int, place: int) -> None:
    whole = render(session, _SOURCES, block_frames=16_384)
    assert np.isfinite(whole).all()
    assert np.array_equal(render(session, _SOURCES, block_frames=16_384), whole)
    pieces = renderer(session, _SOURCES, block_frames=block, threads=2, keep_every_frames=4_000)
    cut = np.concatenate([pieces.read(1_234) for _ in range(whole.shape[1] // 1_234)], axis=1)
    assert np.abs(cut - whole[:, : cut.shape[1]]).max(initial=0) <= 1e-6
    pieces.seek(place)
    length = min(1_500, whole.shape[1] - place)
    assert np.abs(pieces.read(length) - whole[:, place : place + length]).max() <= 1e-6
    pieces.close()


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(session=sessions(), block=st.sampled_from([100, 512, 1_000, 4_096]), place=st.integers(0, 8_000))
def test_any_graph_is_finite_deterministic_seekable_and_the_same_in_blocks(
    session: dict[str, Any], block: int, place: int
) -> None:
    _holds(session, block, place)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(session=sessions(), block=st.sampled_from([33, 100, 512, 1_000, 4_096]), place=st.integers(0, 8_000))
def test_hundreds_of_graphs_are_finite_deterministic_seekable_and_the_same_in_blocks(
    session: dict[str, Any], block: int, place: int
) -> None:
    _holds(session, block, place)


@pytest.mark.parametrize("effect", EFFECTS)
def test_every_effect_is_the_same_in_any_blocks(effect: str) -> None:
    parameters = {"semitones": 3.0} if effect == "pitch_shift" else {}
    session = {"tracks": [{"track_id": "a", "effects": [{"type": effect, "parameters": parameters}]}]}
    audio = noise(20_000, level=0.3)
    whole = render(session, {"a": audio}, block_frames=32_768)
    for block in (100, 8_191):
        assert np.abs(render(session, {"a": audio}, block_frames=block) - whole).max() <= 1e-6
    assert level_db(whole) > -60


def test_renderer_that_keeps_nothing_can_only_go_forwards() -> None:
    audio = noise(60_000)
    made = renderer({"tracks": [{"track_id": "a"}]}, {"a": audio})
    made.seek(40_000)
    assert np.array_equal(made.read(10), audio[:, 40_000:40_010])
    with pytest.raises(ValueError, match="go back"):
        made.seek(5)


def test_effects_that_need_too_much_memory_are_refused_by_name() -> None:
    halls = [{"type": "convolution_reverb", "parameters": {"decay_seconds": 8.0}}] * 16
    session = {"tracks": [{"track_id": "a", "effects": halls} for _ in range(8)]}
    with pytest.raises(AppError) as caught:
        renderer(session, {"a": noise(100)})
    assert caught.value.violations[0].pointer.startswith("/tracks/")
    assert "memory" in caught.value.violations[0].detail


def test_rows_of_parameters_count_as_memory_like_the_effects_themselves() -> None:
    bands = [{"type": "equalizer"}] * 16
    session = {
        "tracks": [{"track_id": "a", "effects": bands}] * 64,
        "buses": [{"id": f"b{number}", "effects": bands} for number in range(32)],
        "master": {"effects": bands},
    }
    with pytest.raises(AppError, match="memory") as caught:
        renderer(session, {"a": noise(100)})
    assert "/effects/" in caught.value.violations[0].pointer


@pytest.mark.parametrize("threads", [1, 2])
def test_work_is_looked_at_before_each_channel_of_each_block(threads: int) -> None:
    session = parse({"tracks": [{"track_id": "a"}, {"track_id": "a"}], "master": _OPEN})
    looks: list[int] = []

    def check() -> None:
        looks.append(1)
        if len(looks) == 8:
            raise InterruptedError

    plan = plan_of(session, lambda _pointer, _clip: ArraySource(noise(10_000)), RATE, 120.0)
    made = Renderer(build(plan, threads=threads, check=check), block_frames=1_000)
    try:
        made.read(2_000)
        assert len(looks) == 6
        with pytest.raises(InterruptedError):
            made.read(1_000)
    finally:
        made.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_full_disk_is_called_by_its_name() -> None:
    made = renderer({"tracks": [{"track_id": "a"}]}, {"a": noise(3 * RATE)})
    with pytest.raises(AppError) as caught:
        bounce(
            made,
            Path("/dev/full"),
            rate_hz=RATE,
            start=0,
            end=3 * RATE,
            longest_tail=0,
            wait_for_silence=False,
            check=lambda: None,
            report=lambda _done, _what: None,
        )
    made.close()
    assert caught.value.code is ErrorCode.STORAGE_FULL


def test_seek_back_and_forth_equals_slices() -> None:
    audio = noise(3 * RATE)
    effects = [{"type": "reverb"}, {"type": "delay", "parameters": {"time_ms": 333.0}}, {"type": "compressor"}]
    session = {"tracks": [{"track_id": "a", "effects": effects}]}
    whole = render(session, {"a": audio})
    made = renderer(session, {"a": audio}, keep_every_frames=RATE // 2)
    for place in (100_000, 5, 60_000, 60_100, 0, 120_000):
        made.seek(place)
        assert made.place == place
        assert np.array_equal(made.read(3_000), whole[:, place : place + 3_000])
