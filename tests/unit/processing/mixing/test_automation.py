"""Automation curves, faders and pan laws against their ideals, sample by sample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.processing.mixing.catalogue.channel import PAN_LAWS
from services.processing.mixing.catalogue.effects import EFFECTS
from services.processing.mixing.effects.fader import pan_gains
from services.processing.mixing.effects.processor import Setting
from services.processing.mixing.effects.registry import PROCESSORS
from services.processing.mixing.timeline.curve import Curve
from services.processing.mixing.timeline.fade import fade_gain
from tests.support.mixing import RATE, apply, noise, points, render

_FRAMES = RATE


def _db(error: np.ndarray, reference: np.ndarray) -> float:
    return float(20 * np.log10(np.abs(error).max() / np.abs(reference).max() + 1e-20))


def test_linear_ramp_is_ideal_between_samples_too() -> None:
    # Points that lie between samples.
    curve = Curve(points((0.10001, -20.0), (0.61803, 4.0)), RATE)
    ideal = np.interp(np.arange(_FRAMES) / RATE, [0.10001, 0.61803], [-20.0, 4.0])
    assert np.abs(curve.at(0, _FRAMES) - ideal).max() < 1e-10


def test_exponential_is_geometric() -> None:
    curve = Curve(points((0.1, 200.0, "exponential"), (0.9, 12_000.0)), RATE)
    u = np.clip((np.arange(_FRAMES) / RATE - 0.1) / 0.8, 0, 1)
    assert np.abs(curve.at(0, _FRAMES) / (200 * 60**u) - 1).max() < 1e-11


def test_negative_values_may_be_exponential_too() -> None:
    curve = Curve(points((0.0, -60.0, "exponential"), (1.0, -6.0)), RATE)
    assert curve.at(RATE // 2, 1)[0] == pytest.approx(-np.sqrt(360))


def test_hold_stays_until_the_next_point() -> None:
    curve = Curve(points((0.0, 1.0, "hold"), (0.5, 3.0, "hold"), (0.75, 2.0)), RATE)
    at = curve.at(0, _FRAMES)
    assert set(at[: RATE // 2]) == {1.0}
    assert set(at[RATE // 2 : 3 * RATE // 4]) == {3.0}
    assert set(at[3 * RATE // 4 :]) == {2.0}


@given(x1=st.floats(0, 1), y1=st.floats(0, 1), x2=st.floats(0, 1), y2=st.floats(0, 1))
def test_bezier_lies_on_its_curve(x1: float, y1: float, x2: float, y2: float) -> None:
    curve = Curve(points((0.0, 10.0, "bezier", (x1, y1, x2, y2)), (1.0, 20.0)), 1_000)
    got = (curve.at(0, 1_001) - 10) / 10
    t = np.linspace(0, 1, 20_001)
    x = 3 * (1 - t) ** 2 * t * x1 + 3 * (1 - t) * t**2 * x2 + t**3
    y = 3 * (1 - t) ** 2 * t * y1 + 3 * (1 - t) * t**2 * y2 + t**3
    assert got.min() >= -1e-12
    assert got.max() <= 1 + 1e-12
    # Where the curve is steep a table of it is coarse: compare within what a step of x makes.
    low, high = np.interp(np.arange(1_001) / 1_000 - 1e-4, x, y), np.interp(np.arange(1_001) / 1_000 + 1e-4, x, y)
    slack = 1e-3 + 1e-12
    assert (got >= np.minimum(low, high) - slack).all()
    assert (got <= np.maximum(low, high) + slack).all()


def test_straight_bezier_is_a_line() -> None:
    curve = Curve(points((0.0, 0.0, "bezier", (1 / 3, 1 / 3, 2 / 3, 2 / 3)), (1.0, 1.0)), RATE)
    assert np.abs(curve.at(0, RATE) - np.arange(RATE) / RATE).max() < 1e-12


@given(
    start=st.integers(0, 3_000),
    cuts=st.lists(st.integers(1, 500), min_size=1, max_size=20),
    kinds=st.lists(st.sampled_from(["linear", "exponential", "hold", "bezier"]), min_size=5, max_size=5),
)
def test_a_curve_is_the_same_however_it_is_cut(start: int, cuts: list[int], kinds: list[str]) -> None:
    handles = [(0.2, 0.9, 0.6, 0.1) if kind == "bezier" else None for kind in kinds]
    lane = [
        (0.3 * n + 0.0137, 100.0 * (n + 1) ** 2, kind, handle)
        for n, (kind, handle) in enumerate(zip(kinds, handles, strict=True))
    ]
    curve = Curve(points(*lane), 1_000)
    whole = curve.at(0, start + sum(cuts))
    place = start
    for cut in cuts:
        assert np.array_equal(curve.at(place, cut), whole[place : place + cut])
        place += cut


@pytest.mark.parametrize(("target", "low", "high"), [("gain_db", -60.0, 6.0), ("pan", -1.0, 1.0), ("width", 0.0, 2.0)])
def test_automation_is_within_minus_100_db_of_the_ideal_ramp(target: str, low: float, high: float) -> None:
    audio = noise(_FRAMES)
    lane = {"target": target, "points": [{"time": 0.1, "value": low}, {"time": 0.9, "value": high}]}
    session = {
        "tracks": [{"track_id": "a", "automation": [lane], "pan_law": "constant_power"}],
        "master": {"ceiling_dbtp": None},
    }
    ramp = np.interp(np.arange(_FRAMES) / RATE, [0.1, 0.9], [low, high])
    gain = 10 ** (ramp / 20) if target == "gain_db" else np.ones(_FRAMES)
    pan = ramp if target == "pan" else np.zeros(_FRAMES)
    width = ramp if target == "width" else np.ones(_FRAMES)
    middle, side = audio.mean(axis=0), (audio[0] - audio[1]) / 2 * width
    angle = (pan + 1) * np.pi / 4
    ideal = np.stack([(middle + side) * gain * np.cos(angle), (middle - side) * gain * np.sin(angle)])
    error = _db(render(session, {"a": audio}, block_frames=1_000) - ideal, ideal)
    print(f"{target} automation: {error:.0f} dB")
    assert error < -100


def test_automated_send_follows_its_ramp() -> None:
    audio = noise(_FRAMES)
    lane = {"target": "sends/0/gain_db", "points": [{"time": 0.0, "value": -40.0}, {"time": 1.0, "value": 0.0}]}
    session = {
        "tracks": [{"track_id": "a", "automation": [lane], "sends": [{"to": "b"}]}],
        "buses": [{"id": "b"}],
        "master": {"ceiling_dbtp": None},
    }
    ideal = audio * (1 + 10 ** (np.interp(np.arange(_FRAMES) / RATE, [0, 1], [-40, 0]) / 20))
    assert _db(render(session, {"a": audio}) - ideal, ideal) < -100


def test_automation_of_an_effect_behind_latency_stays_in_time() -> None:
    # The limiter delays what the delayed filter sees; its automation has to wait as long.
    audio = noise(_FRAMES, level=0.01)
    lane = {
        "target": "effects/1/bits",
        "points": [{"time": 0.5, "value": 24.0, "curve": "hold"}, {"time": 0.6, "value": 1.0}],
    }
    session = {
        "tracks": [
            {
                "track_id": "a",
                "effects": [
                    {"type": "limiter"},
                    {"type": "bitcrusher", "parameters": {"bits": 24.0, "rate_hz": 96_000.0}},
                ],
                "automation": [lane],
            }
        ],
        "master": {"ceiling_dbtp": None},
    }
    out = render(session, {"a": audio})
    change = round(0.6 * RATE)
    assert np.abs(out - audio)[:, :change].max() < 1e-7
    assert not out[:, change:].any()


def test_lowest_fader_is_silence() -> None:
    out = render({"tracks": [{"track_id": "a", "gain_db": -96.0}]}, {"a": noise(2_000)})
    assert not out.any()


@pytest.mark.parametrize(
    ("law", "middle_db"), [("balance", 0.0), ("linear", -6.0206), ("constant_power", -3.0103), ("-4.5", -4.5154)]
)
def test_pan_law_has_its_level_in_the_middle_and_is_symmetric(law: str, middle_db: float) -> None:
    number = PAN_LAWS.index(law)
    left, right = pan_gains(0.0, number)
    assert left == pytest.approx(right)
    assert 20 * np.log10(left) == pytest.approx(middle_db, abs=1e-3)
    for pan in np.linspace(-1, 1, 21):
        assert pan_gains(pan, number) == pytest.approx(pan_gains(-pan, number)[::-1], abs=1e-15)
    assert pan_gains(-1.0, number) == pytest.approx((1.0, 0.0), abs=1e-15)


@given(pan=st.floats(-1, 1))
def test_constant_power_is_constant_and_linear_adds_up(pan: float) -> None:
    left, right = pan_gains(pan, PAN_LAWS.index("constant_power"))
    assert left**2 + right**2 == pytest.approx(1.0)
    left, right = pan_gains(pan, PAN_LAWS.index("linear"))
    assert left + right == pytest.approx(1.0)


def test_width_zero_is_mono_and_two_is_wide() -> None:
    audio = noise(2_000)
    master = {"ceiling_dbtp": None}
    mono = render({"tracks": [{"track_id": "a", "width": 0.0}], "master": master}, {"a": audio})
    assert np.allclose(mono[0], mono[1])
    wide = render({"tracks": [{"track_id": "a", "width": 2.0}], "master": master}, {"a": audio})
    assert np.allclose(wide[0] - wide[1], 2 * (audio[0] - audio[1]))


def test_equal_power_crossfade_keeps_the_power() -> None:
    places = np.arange(1_000.0)
    up, down = fade_gain(places, 1_000, "equal_power"), fade_gain(1_000 - places, 1_000, "equal_power")
    assert np.allclose(up**2 + down**2, 1.0)
    up, down = fade_gain(places, 1_000, "linear"), fade_gain(1_000 - places, 1_000, "linear")
    assert np.allclose(up + down, 1.0)


# What an effect that looks ahead, or works in grains and linear filters, may know before it is time.
_FORESIGHT = {("saturation", "drive_db"): 12}
_FORESEEING = {"limiter", "pitch_shift"}
_LOOKAHEAD = {"compressor": {"lookahead_ms": 7.0}}


@pytest.mark.parametrize("effect", sorted(set(PROCESSORS) - _FORESEEING))
def test_no_parameter_of_an_effect_moves_before_its_time(effect: str) -> None:
    at, frames = 9_001, 12_000
    audio, given = noise(frames, level=0.3), _LOOKAHEAD.get(effect, {})
    # A space needs a while to answer.
    given = given | {item.name: item.minimum for item in EFFECTS[effect].parameters if item.name == "predelay_ms"}
    at_rest = apply(effect, audio, **given)
    for name in PROCESSORS[effect](Setting(EFFECTS[effect].settings(given), RATE, 120.0)).PARAMETERS:
        item = EFFECTS[effect].parameter(name)
        assert item is not None
        rest = float(item.default)
        other = item.maximum if item.maximum != rest else item.minimum
        lane = points((0.0, rest, "hold"), (at / RATE, other))
        moved = apply(effect, audio, automation={name: lane}, **given)
        before = at - _FORESIGHT.get((effect, name), 0)
        # The last sample before the jump may be rounded to either side of it.
        assert np.abs(moved - at_rest)[:, : before - 1].max() < 1e-9, name


@pytest.mark.parametrize(
    ("effect", "name", "low", "high", "given"),
    [
        ("saturation", "output_db", -24.0, 12.0, {"drive_db": 20.0}),
        ("compressor", "makeup_db", -12.0, 24.0, {"lookahead_ms": 7.0, "threshold_db": -30.0}),
    ],
)
def test_gain_behind_a_latency_follows_the_ideal_ramp(
    effect: str, name: str, low: float, high: float, given: dict[str, float]
) -> None:
    audio = noise(_FRAMES, level=0.3)
    lane = points((0.1, low), (0.9, high))
    ideal = apply(effect, audio, **{name: 0.0}, **given) * 10 ** (
        np.interp(np.arange(_FRAMES) / RATE, [0.1, 0.9], [low, high]) / 20
    )
    assert _db(apply(effect, audio, automation={name: lane}, **given) - ideal, ideal) < -100


def test_cut_of_a_space_changes_what_is_heard_from_then_on() -> None:
    at, audio = 9_001, noise(12_000, level=0.3)
    given = {"predelay_ms": 0.0, "decay_seconds": 0.5, "space": "plate"}
    lane = points((0.0, 12_000.0, "hold"), (at / RATE, 500.0))
    moved = apply("convolution_reverb", audio, automation={"high_cut_hz": lane}, **given)
    changed = np.abs(moved - apply("convolution_reverb", audio, **given)).max(axis=0) > 1e-9
    assert at - 1 <= int(np.argmax(changed)) <= at + 1
