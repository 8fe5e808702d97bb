"""Files that begin or end within the loudest sound stay below the ceiling there too, by a meter that is not ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from services.processing.mixing.bounce import bounce
from services.processing.mixing.edges import Edges, held_end
from tests.support.adversarial import independent_peak
from tests.support.mixing import RATE, Audio, noise, renderer, sine

_FRAMES = 12_000
CEILINGS = (-1.0, -6.0, 0.0)


def square(hz: float, phase: float) -> Audio:
    """Full scale from the first sample to the last, cut wherever its phase happens to be."""
    return np.sign(np.sin(2 * np.pi * (hz / RATE * np.arange(_FRAMES) + phase)) + 1e-9) * np.ones((2, 1))


def hostile(number: int) -> Audio:
    """Squares, alternations, clipped noise and tones between the samples, up to 12 dB beyond full scale."""
    random = np.random.default_rng(number)
    level = 10 ** (random.uniform(0, 12) / 20)
    clock = np.arange(_FRAMES)
    kind = number % 5
    if kind == 0:
        made = square(float(random.uniform(30, 9_000)), float(random.uniform()))
    elif kind == 1:
        made = np.where(clock % 2, 1.0, -1.0) * np.ones((2, 1))
    elif kind == 2:
        made = np.clip(3.0 * random.standard_normal((2, _FRAMES)), -1.0, 1.0)
    elif kind == 3:
        made = np.sin(2 * np.pi * random.uniform(0.2, 0.49) * clock + random.uniform(0, 6, (2, 1)))
    else:
        made = square(float(random.uniform(30, 300)), float(random.uniform())) * np.where(clock % 2, 1.0, 0.7)
    return level * made


def excess_db(path: Path, audio: Audio, ceiling: float | None, start: int, end: int, held: bool = True) -> float:
    """How far the file of a session is above its ceiling when only `start` to `end` of it are written."""
    made = renderer({"tracks": [{"track_id": "a"}], "master": {"ceiling_dbtp": ceiling}}, {"a": audio})
    bounced = bounce(
        made, path, rate_hz=RATE, start=start, end=end, longest_tail=0, wait_for_silence=False,
        ceiling_dbtp=ceiling if held else None, check=lambda: None, report=lambda _done, _what: None,
    )  # fmt: skip
    made.close()
    samples = soundfile.read(path, always_2d=True)[0]
    assert len(samples) == bounced.frames == end - start
    assert np.abs(samples).max() == pytest.approx(bounced.peak, abs=1e-6)
    return float(20 * np.log10(independent_peak(samples) + 1e-12)) - (ceiling or 0.0)


@pytest.mark.parametrize("phase", [0.0, 0.125, 0.25, 0.5, 0.8])
def test_square_that_is_cut_at_any_phase_stays_below_the_ceiling(tmp_path: Path, phase: float) -> None:
    for hz in (50.0, 441.0, 3_000.0):
        assert excess_db(tmp_path / "a.flac", 4.0 * square(hz, phase), -1.0, 0, _FRAMES) <= 0.0


def _worst(folder: Path, numbers: range) -> float:
    found = []
    for number in numbers:
        random = np.random.default_rng(10_000 + number)
        start = int(random.integers(1, 4_000)) if number % 2 else 0
        end = int(random.integers(5_000, _FRAMES))
        found.append((excess_db(folder / "a.flac", hostile(number), CEILINGS[number % 3], start, end), number))
    print(f"edges: {max(found)[0]:+.3f} dB against the ceiling at the closest, signal {max(found)[1]}")
    return max(found)[0]


def test_no_part_of_a_hostile_sound_passes_the_ceiling_at_its_edges(tmp_path: Path) -> None:
    assert _worst(tmp_path, range(20)) <= 0.0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_none_of_two_hundred_parts_passes_the_ceiling_at_its_edges(tmp_path: Path) -> None:
    assert _worst(tmp_path, range(20, 220)) <= 0.0


def test_the_cut_alone_would_pass_it(tmp_path: Path) -> None:
    # What the other tests are about: the limiter by itself knows nothing of where the file ends.
    found = [excess_db(tmp_path / "a.flac", hostile(number), -1.0, 0, 9_000, held=False) for number in range(10)]
    assert max(found) > 0.1


@pytest.mark.parametrize("frames", [0, 1, 30, 700, 1_465, 1_466, 3_000, 20_000])
@pytest.mark.parametrize("cut_before", [False, True])
def test_stream_keeps_its_length_and_what_is_quiet_its_bits(frames: int, cut_before: bool) -> None:
    audio = noise(frames, level=0.05)
    for block in (100, 1_000, 30_000):
        edges = Edges(RATE, 0.89, cut_before=cut_before)
        parts = [edges.pass_on(audio[:, start : start + block]) for start in range(0, frames, block)]
        assert np.array_equal(np.concatenate([*parts, edges.finish()], axis=1), audio)


def test_only_the_outermost_milliseconds_are_turned_down_and_without_a_step() -> None:
    # Cut at the crest of its wave.
    audio = np.tile(0.85 * np.cos(2 * np.pi * 40.0 * np.arange(-4_999, 1) / RATE), (2, 1))
    made = held_end(audio, RATE, 0.89)
    gains = made[0] / audio[0]
    assert np.array_equal(made[:, :-220], audio[:, :-220])
    assert np.abs(np.diff(gains)).max() < 0.02
    assert (np.diff(gains[-221:]) <= 1e-12).all()
    # Not further than it has to be.
    assert gains[-1] > 0.6


def test_end_that_has_nowhere_to_go_fades_out() -> None:
    # Louder than the ceiling all over: nothing that is done to the end alone can help, and nothing breaks.
    made = held_end(sine(1_000.0, 5_000, level=0.9), RATE, 0.1)
    assert abs(made[0, -1]) < 1e-3
    assert np.isfinite(made).all()
