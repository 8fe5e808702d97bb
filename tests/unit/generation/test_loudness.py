"""Loudness and true peak, beside libebur128."""

from __future__ import annotations

import numpy as np
import pyebur128
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.generation.loudness import SILENCE_LUFS, Loudness
from services.generation.true_peak import TruePeakMeter

RATE = 44_100


def music(seconds: float, level: float = 0.2, seed: int = 0, rate: int = RATE) -> np.ndarray:
    """Noise that swells and falls silent, `[n, 2]`: what gates are for."""
    draw = np.random.default_rng(seed)
    frames = round(seconds * rate)
    shape = np.repeat(draw.choice([0.0, 0.01, 0.3, 1.0], -(-frames // 3_000)), 3_000)[:frames, None]
    return (draw.standard_normal((frames, 2)) * shape * level).astype(np.float32)


def reference(audio: np.ndarray, rate: int = RATE) -> tuple[float, float]:
    """What libebur128 says: LUFS, and the true peak as an amplitude."""
    mode = pyebur128.MeasurementMode.MODE_I | pyebur128.MeasurementMode.MODE_TRUE_PEAK
    state = pyebur128.R128State(audio.shape[1], rate, mode)
    state.add_frames(np.ascontiguousarray(audio).reshape(-1), len(audio))
    peak = max(pyebur128.get_true_peak(state, channel) for channel in range(audio.shape[1]))
    return pyebur128.get_loudness_global(state), peak


def loudness(audio: np.ndarray, rate: int = RATE, block: int = 10_000) -> float:
    meter = Loudness(rate)
    for start in range(0, len(audio), block):
        meter.add(np.ascontiguousarray(audio[start : start + block].T))
    return meter.result()


def peak(audio: np.ndarray, rate: int = RATE, block: int = 10_000) -> float:
    meter = TruePeakMeter(rate, audio.shape[1])
    for start in range(0, len(audio), block):
        meter.add(np.ascontiguousarray(audio[start : start + block]))
    return meter.peak


@pytest.mark.parametrize("rate", [8_000, 32_000, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("seed", [1, 2])
def test_both_meters_read_what_libebur128_reads(rate: int, seed: int) -> None:
    audio = music(3.0, 0.4, seed, rate)
    wanted_loudness, wanted_peak = reference(audio, rate)
    assert loudness(audio, rate) == pytest.approx(wanted_loudness, abs=1e-4)
    assert peak(audio, rate) == pytest.approx(wanted_peak, rel=1e-5)


def test_the_quiet_parts_do_not_count() -> None:
    loud, silence = music(1.0, 0.5, 3), np.zeros((5 * RATE, 2), np.float32)
    mixed = np.concatenate([silence, loud, silence + np.float32(1e-4), silence])
    assert loudness(mixed) == pytest.approx(reference(mixed)[0], abs=1e-4)


@pytest.mark.parametrize("frames", [0, 1, 4_409, 17_639])
def test_less_than_a_block_reads_as_silence(frames: int) -> None:
    assert loudness(np.full((frames, 2), 0.5, np.float32)) == SILENCE_LUFS


def test_silence_reads_the_floor_and_no_peak() -> None:
    silence = np.zeros((RATE, 2), np.float32)
    assert loudness(silence) == SILENCE_LUFS
    assert peak(silence) == 0.0


@settings(max_examples=20, deadline=None)
@given(block=st.integers(1, 9_000), seed=st.integers(0, 99))
def test_the_cut_into_blocks_makes_no_difference(block: int, seed: int) -> None:
    audio = music(0.6, 0.4, seed)
    assert loudness(audio, block=block) == pytest.approx(loudness(audio, block=len(audio)), abs=1e-9)
    assert peak(audio, block=block) == peak(audio, block=len(audio))


def test_a_peak_between_samples_is_found() -> None:
    # A sine at a quarter of the rate whose samples all lie 3 dB below its crests.
    wave = np.sin(np.pi / 2 * np.arange(4_000) + np.pi / 4) * np.hanning(4_000)
    audio = np.repeat(wave[:, None], 2, axis=1).astype(np.float32)
    assert np.abs(audio).max() < 0.71
    assert peak(audio) == pytest.approx(1.0, abs=0.02)


def test_one_loud_channel_is_enough() -> None:
    audio = music(1.0, 0.3, 4)
    audio[:, 0] *= np.float32(0.01)
    assert peak(audio) == pytest.approx(peak(audio[:, 1:]), rel=1e-6)
