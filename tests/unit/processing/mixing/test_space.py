"""Delays, reverbs and their impulse responses."""

import numpy as np
import pytest
from scipy.signal import fftconvolve

from services.processing.mixing.catalogue.space import SPACES
from services.processing.mixing.effects.convolution import PARTITION
from services.processing.mixing.effects.impulse import impulse as response_of
from tests.support.mixing import RATE, Audio, apply, impulse, insert, level_db, noise, points


def decay_seconds(audio: Audio, rate: int = RATE) -> float:
    """T60 from the slope of Schroeder's integral between −5 and −35 dB (ISO 3382-1)."""
    energy = np.cumsum(np.sum(audio**2, axis=0)[::-1])[::-1]
    level = 10 * np.log10(energy / energy[0] + 1e-30)
    first, last = np.argmax(level < -5), np.argmax(level < -35)
    return float((last - first) / rate * 2)


@pytest.mark.parametrize("time_ms", [1.0, 10.0, 375.0, 1_234.5])
def test_delay_is_exact_to_the_sample(time_ms: float) -> None:
    out = apply("delay", impulse(3 * RATE, at=100), time_ms=time_ms, feedback=0.5, mix=1.0)
    gap = round(time_ms * RATE / 1_000)
    expected = np.zeros(3 * RATE)
    for number in range(3 * RATE // gap):
        place = 100 + (number + 1) * gap
        if place < len(expected):
            expected[place] += 0.5**number
    assert np.array_equal(out[0], expected)


@pytest.mark.parametrize(("note", "beats"), [("1/4", 1.0), ("1/8d", 0.75), ("1/8t", 1 / 3), ("1/1", 4.0)])
def test_synced_delay_keeps_the_songs_time(note: str, beats: float) -> None:
    out = apply("delay", impulse(6 * RATE), tempo=90.0, sync=note, feedback=0.0, mix=1.0)
    assert np.flatnonzero(out[0]).tolist() == [round(beats * 60 / 90 * RATE)]


def test_longest_note_at_the_slowest_tempo_fits() -> None:
    out = apply("delay", impulse(13 * RATE), tempo=20.0, sync="1/1", feedback=0.0, mix=1.0)
    assert np.flatnonzero(out[0]).tolist() == [12 * RATE]


def test_ping_pong_changes_sides() -> None:
    out = apply("delay", impulse(RATE), time_ms=100.0, feedback=0.5, ping_pong=True, mix=1.0)
    assert np.flatnonzero(out[0]).tolist() == [4_410, 13_230, 22_050, 30_870, 39_690]
    assert np.flatnonzero(out[1]).tolist() == [8_820, 17_640, 26_460, 35_280]


def test_repeats_lose_what_the_filters_take() -> None:
    wide = apply("delay", noise(RATE), time_ms=200.0, feedback=0.7, mix=1.0)
    dark = apply("delay", noise(RATE), time_ms=200.0, feedback=0.7, high_cut_hz=1_000.0, low_cut_hz=300.0, mix=1.0)
    assert level_db(dark[:, 30_000:]) < level_db(wide[:, 30_000:]) - 10


def test_moving_delay_time_bends_pitch_without_clicks() -> None:
    tone = np.tile(np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE), (2, 1))
    lane = points((0.0, 200.0), (1.0, 100.0))
    out = apply("delay", tone, automation={"time_ms": lane}, feedback=0.0, mix=1.0)
    # The line shrinks by a tenth of a second in one second: everything is heard ten per cent higher.
    expected = np.sin(
        2 * np.pi * 440 * np.clip(np.arange(RATE) / RATE - np.interp(np.arange(RATE), [0, RATE], [0.2, 0.1]), 0, None)
    )
    assert np.abs(out[0, 10_000:] - expected[10_000:]).max() < 1e-4


@pytest.mark.parametrize("decay", [0.5, 1.5, 4.0])
def test_reverb_decays_in_the_asked_time(decay: float) -> None:
    out = apply("reverb", impulse(int((decay + 1) * RATE)), decay_seconds=decay, damping_hz=20_000.0, mix=1.0)
    measured = decay_seconds(out)
    print(f"reverb: asked {decay} s, measured {measured:.2f} s")
    assert measured == pytest.approx(decay, rel=0.12)


def test_damping_shortens_the_highs() -> None:
    dark = apply("reverb", impulse(2 * RATE), decay_seconds=2.0, damping_hz=2_000.0, mix=1.0)
    bright = apply("reverb", impulse(2 * RATE), decay_seconds=2.0, damping_hz=20_000.0, mix=1.0)

    def highs(audio: Audio) -> float:
        return level_db(np.diff(audio[:, 20_000:40_000])) - level_db(audio[:, 20_000:40_000])

    assert highs(dark) < highs(bright) - 10


def test_reverb_is_about_as_loud_as_what_enters_it() -> None:
    for decay in (0.5, 3.0, 10.0):
        audio = noise(8 * RATE)
        out = apply("reverb", audio, decay_seconds=decay, damping_hz=20_000.0, low_cut_hz=20.0, modulation=0.0, mix=1.0)
        assert level_db(out[:, 5 * RATE :]) == pytest.approx(level_db(audio), abs=1.5)


def test_width_zero_makes_the_room_mono() -> None:
    out = apply("reverb", noise(RATE), width=0.0, mix=1.0)
    assert np.allclose(out[0], out[1], atol=1e-12)


def test_predelay_waits_whole_samples() -> None:
    near = apply("reverb", impulse(RATE), predelay_ms=0.0, mix=1.0)
    far = apply("reverb", impulse(RATE), predelay_ms=50.0, mix=1.0)
    first = int(np.argmax(np.abs(near[0]) > 1e-6))
    assert int(np.argmax(np.abs(far[0]) > 1e-6)) - first == pytest.approx(2_205, abs=24)


@pytest.mark.parametrize("space", SPACES)
def test_convolution_equals_the_plain_convolution(space: str) -> None:
    audio = noise(30_000)
    out = apply(
        "convolution_reverb",
        audio,
        space=space,
        decay_seconds=0.6,
        predelay_ms=0.0,
        mix=1.0,
        high_cut_hz=20_000.0,
        low_cut_hz=20.0,
    )
    made = response_of(space, 0.6, RATE)
    expected = np.stack([fftconvolve(audio[side], made[side])[:30_000] for side in range(2)])
    # The gentle filters of the wet sound are part of the effect.
    for corner, high in ((20_000.0, True), (20.0, False)):
        step = 1 - np.exp(-2 * np.pi * corner / RATE)
        low = np.zeros_like(expected)
        memory = np.zeros(2)
        for i in range(expected.shape[1]):
            memory += (expected[:, i] - memory) * step
            low[:, i] = memory
        expected = low if high else expected - low
    assert np.abs(out - expected).max() < 1e-9


def test_convolution_is_one_partition_late() -> None:
    assert insert("convolution_reverb", mix=1.0).latency == PARTITION


@pytest.mark.parametrize("space", SPACES)
def test_impulse_has_unit_energy_and_the_asked_decay(space: str) -> None:
    made = response_of(space, 1.5, RATE)
    assert np.sum(made**2, axis=1) == pytest.approx([1.0, 1.0])
    assert np.isfinite(made).all()
    measured = decay_seconds(made)
    print(f"{space}: asked 1.5 s, measured {measured:.2f} s")
    assert 0.9 < measured < 1.8
    assert np.array_equal(made, response_of(space, 1.5, RATE))
    assert abs(np.corrcoef(made)[0, 1]) < 0.2


def test_spring_chirps() -> None:
    made = response_of("spring", 2.0, RATE)[0]
    spectrum = np.abs(np.fft.rfft(made))
    hz = np.fft.rfftfreq(len(made), 1 / RATE)
    assert spectrum[(hz > 200) & (hz < 4_000)].mean() > 20 * spectrum[hz > 8_000].mean()
