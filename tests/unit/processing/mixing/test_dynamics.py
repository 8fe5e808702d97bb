"""Compressors, gates and their kin against their static curves and time constants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.mixing import RATE, Audio, apply, impulse, level_db, noise, points, sine


def _constant(level: float, frames: int = RATE) -> Audio:
    """A square wave: its peak and its RMS are the same, and it never rests at zero."""
    return np.tile(10 ** (level / 20) * np.where(np.arange(frames) % 100 < 50, 1.0, -1.0), (2, 1))


def _settled(effect: str, level: float, **parameters: object) -> float:
    out = apply(effect, _constant(level), **parameters)
    return float(20 * np.log10(np.abs(out[0, -1]) + 1e-12))


def _curve(level: float, threshold: float, ratio: float, knee: float) -> float:
    """Giannoulis, Massberg and Reiss (2012), equation 4."""
    if 2 * (level - threshold) <= -knee:
        return level
    if 2 * (level - threshold) < knee:
        return level + (1 / ratio - 1) * (level - threshold + knee / 2) ** 2 / (2 * knee)
    return threshold + (level - threshold) / ratio


@pytest.mark.parametrize("detector", ["peak", "rms"])
@pytest.mark.parametrize("ratio", [1.5, 4.0, 100.0])
def test_compressor_has_its_static_curve(ratio: float, detector: str) -> None:
    levels = range(-60, 1, 6)
    worst = 0.0
    for level in levels:
        out = _settled(
            "compressor", level, threshold_db=-24.0, ratio=ratio, knee_db=12.0, release_ms=50.0, detector=detector
        )
        worst = max(worst, abs(out - _curve(level, -24.0, ratio, 12.0)))
    print(f"{detector} {ratio}:1: {worst:.5f} dB")
    assert worst < 0.02


@settings(max_examples=25)
@given(
    level=st.floats(-70, 0),
    threshold=st.floats(-60, 0),
    ratio=st.floats(1, 50),
    knee=st.one_of(st.just(0.0), st.floats(1, 30)),
)
def test_any_setting_of_the_compressor_settles_on_its_curve(
    level: float, threshold: float, ratio: float, knee: float
) -> None:
    parameters = {"threshold_db": threshold, "ratio": ratio, "knee_db": knee, "attack_ms": 5.0, "release_ms": 5.0}
    out = _settled("compressor", level, **parameters)
    assert out == pytest.approx(_curve(level, threshold, ratio, knee), abs=0.02)


@pytest.mark.parametrize("attack_ms", [1.0, 10.0, 80.0])
def test_attack_takes_its_time_constant(attack_ms: float) -> None:
    quiet, loud = _constant(-40.0, 10_000), _constant(-8.0, 40_000)
    audio = np.concatenate((quiet, loud), axis=1)
    out = apply("compressor", audio, threshold_db=-20.0, ratio=4.0, knee_db=0.0, attack_ms=attack_ms)
    reduction = -20 * np.log10(np.abs(out[0] / audio[0]))
    reached = np.argmax(reduction[10_000:] >= (1 - np.exp(-1)) * 9.0)
    assert reached / RATE * 1_000 == pytest.approx(attack_ms, rel=0.01, abs=0.05)


@pytest.mark.parametrize("release_ms", [20.0, 200.0])
def test_release_takes_its_time_constant(release_ms: float) -> None:
    audio = np.concatenate((_constant(-8.0, 20_000), _constant(-40.0, 40_000)), axis=1)
    out = apply("compressor", audio, threshold_db=-20.0, ratio=4.0, knee_db=0.0, attack_ms=1.0, release_ms=release_ms)
    reduction = -20 * np.log10(np.abs(out[0] / audio[0]))
    reached = np.argmax(reduction[20_000:] <= np.exp(-1) * 9.0)
    assert reached / RATE * 1_000 == pytest.approx(release_ms, rel=0.01)


def test_compressor_below_its_threshold_passes_every_bit() -> None:
    audio = noise(5_000, level=0.01)
    assert np.array_equal(apply("compressor", audio, threshold_db=-10.0, knee_db=0.0), audio)


def test_lookahead_lets_the_gain_fall_before_the_sound_comes() -> None:
    audio = np.concatenate((np.zeros((2, 5_000)), _constant(0.0, 5_000)), axis=1)
    common = {"threshold_db": -20.0, "ratio": 100.0, "knee_db": 0.0, "attack_ms": 1.0}
    late = apply("compressor", audio, **common)
    early = apply("compressor", audio, lookahead_ms=10.0, **common)
    assert abs(late[0, 5_000]) > 0.9
    assert abs(early[0, 5_000]) < 0.11


def test_sidechain_steers_the_compressor() -> None:
    bass, kick = _constant(-12.0), np.zeros((2, RATE))
    kick[:, 20_000:25_000] = 1.0
    out = apply("compressor", bass, key=kick, threshold_db=-20.0, ratio=10.0, attack_ms=1.0, release_ms=30.0)
    assert np.array_equal(out[:, :20_000], bass[:, :20_000])
    assert np.abs(out[0, 24_000]) < 0.2 * np.abs(bass[0, 24_000])
    assert out[0, -1] == pytest.approx(bass[0, -1], rel=1e-3)


def test_both_sides_are_turned_down_alike() -> None:
    audio = noise(20_000)
    audio[0] *= 5
    out = apply("compressor", audio, threshold_db=-30.0)
    assert np.allclose(out[0] / audio[0], out[1] / audio[1])


def test_multiband_at_rest_has_a_flat_response() -> None:
    ratios = {f"{name}_ratio": 1.0 for name in ("low", "mid", "high")}
    response = np.fft.rfft(apply("multiband_compressor", impulse(1 << 15), **ratios)[0])
    worst = np.abs(20 * np.log10(np.abs(response[1:]))).max()
    print(f"multiband sum: {worst:.2e} dB")
    assert worst < 0.01


@pytest.mark.parametrize(("hz", "band"), [(50.0, "low"), (700.0, "mid"), (9_000.0, "high")])
def test_multiband_compresses_only_the_band_that_is_loud(hz: float, band: str) -> None:
    settings_of = {f"{name}_threshold_db": (-40.0 if name == band else 0.0) for name in ("low", "mid", "high")}
    tone = sine(hz, RATE)
    assert level_db(apply("multiband_compressor", tone, **settings_of)[:, 20_000:]) < level_db(tone) - 8
    others = {name: 0.0 if value else -40.0 for name, value in settings_of.items()}
    assert level_db(apply("multiband_compressor", tone, **others)[:, 20_000:]) > level_db(tone) - 1.5


def test_multiband_gain_lifts_its_band() -> None:
    quiet = {f"{name}_threshold_db": 0.0 for name in ("low", "mid", "high")}
    tone = sine(50.0, RATE, level=0.1)
    out = apply("multiband_compressor", tone, low_gain_db=6.0, **quiet)
    assert level_db(out[:, 20_000:]) == pytest.approx(level_db(tone) + 6.0, abs=0.2)


@pytest.mark.parametrize("level", [-20.0, -44.0, -50.0, -60.0, -90.0])
def test_expander_has_its_static_curve(level: float) -> None:
    out = _settled("expander", level, threshold_db=-40.0, ratio=2.0, knee_db=0.0, range_db=-30.0, release_ms=20.0)
    under = max(0.0, -40.0 - level)
    assert out == pytest.approx(level - min(under, 30.0), abs=0.02)


def test_gate_opens_holds_and_closes() -> None:
    audio = np.concatenate((_constant(-70.0, 4_410), _constant(-20.0, 4_410), _constant(-70.0, 44_100)), axis=1)
    out = apply(
        "gate",
        audio,
        threshold_db=-40.0,
        range_db=-96.0,
        hold_ms=100.0,
        attack_ms=0.1,
        release_ms=10.0,
        hysteresis_db=3.0,
    )
    gain = np.abs(out[0] / audio[0])
    assert gain[4_000] == 0.0
    assert gain[4_410 + 200] == pytest.approx(1.0, abs=1e-3)
    # The detector falls 25 dB in about 58 ms, then the gate holds for 100 ms.
    opened = 8_820 + round(0.1 * RATE)
    assert gain[opened] > 0.99
    assert gain[opened + round(0.2 * RATE)] < 1e-3


def test_gate_does_not_chatter_between_its_two_thresholds() -> None:
    wobble = np.concatenate([_constant(-40.0 + (2.0 if n % 2 else -2.0), 400) for n in range(40)], axis=1)
    loud_first = np.concatenate((_constant(-20.0, 2_000), wobble), axis=1)
    out = apply("gate", loud_first, threshold_db=-38.5, hysteresis_db=6.0, hold_ms=0.0, attack_ms=0.1, release_ms=1.0)
    assert np.abs(out[0, 2_000:] / loud_first[0, 2_000:]).min() > 0.99


def test_sidechained_gate_follows_the_key() -> None:
    audio, key = _constant(-10.0, 20_000), np.zeros((2, 20_000))
    key[:, 10_000:] = 0.5
    out = apply("gate", audio, key=key, range_db=-96.0)
    assert not out[:, 5_000:9_999].any()
    assert out[0, -1] == pytest.approx(audio[0, -1], rel=1e-4)


def test_de_esser_turns_down_sibilants_and_leaves_the_voice() -> None:
    voice, hiss = sine(300.0, RATE, level=0.5), sine(9_000.0, RATE, level=0.3)
    assert level_db(apply("de_esser", hiss)[:, 10_000:]) < level_db(hiss) - 6
    assert level_db(apply("de_esser", voice)[:, 10_000:]) == pytest.approx(level_db(voice), abs=0.1)


def test_de_esser_is_exact_while_nothing_stands_out() -> None:
    audio = noise(8_000, level=0.001)
    assert np.array_equal(apply("de_esser", audio, threshold_db=-20.0), audio)


def test_transient_shaper_lifts_beginnings_whatever_the_level() -> None:
    clock = np.arange(RATE) / RATE
    hits = np.tile(np.exp(-8 * (clock % 0.5)) * np.sin(2 * np.pi * 200 * clock), (2, 1))
    first = slice(22_050 + 40, 22_050 + 600)
    for level in (0.5, 0.01):
        out = apply("transient_shaper", level * hits, attack_db=9.0)
        softer = apply("transient_shaper", level * hits, attack_db=-9.0)
        assert level_db(out[:, first]) > level_db(level * hits[:, first]) + 4
        assert level_db(softer[:, first]) < level_db(level * hits[:, first]) - 4


def test_transient_shaper_lengthens_endings() -> None:
    clock = np.arange(RATE) / RATE
    hit = np.tile(np.exp(-12 * clock) * np.sin(2 * np.pi * 200 * clock), (2, 1))
    out = apply("transient_shaper", hit, sustain_db=9.0)
    late = slice(8_000, 16_000)
    assert level_db(out[:, late]) > level_db(hit[:, late]) + 5


def test_transient_shaper_at_rest_passes_every_bit() -> None:
    audio = noise(5_000)
    assert np.array_equal(apply("transient_shaper", audio), audio)


def test_automated_threshold_moves_sample_by_sample() -> None:
    audio = _constant(-10.0, 20_000)
    lane = points((0.1, -10.0), (0.4, -40.0))
    out = apply("compressor", audio, automation={"threshold_db": lane}, ratio=100.0, knee_db=0.0, attack_ms=0.05)
    levels = 20 * np.log10(np.abs(out[0]))
    assert np.abs(np.diff(levels)).max() < 0.02
    # 30 dB over the threshold, of which a hundredth is left.
    assert levels[-1] == pytest.approx(-40.0 + 30.0 / 100.0, abs=0.01)
