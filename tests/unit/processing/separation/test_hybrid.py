"""The hybrid weighs its members by stem as it is told, and its stems are the mix: with members of noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest
import torch

from services.processing.separation import hybrid as subject
from services.processing.separation.hybrid import HOP, Hybrid
from services.processing.separation.wiener import WienerFilter

FOUR = ("drums", "bass", "other", "vocals")
TWO = ("vocals", "accompaniment")
SEGMENT_FRAMES = 16
# More than two segments, and no multiple of anything.
FRAMES = 2 * SEGMENT_FRAMES * HOP + 5_432


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several segments within a second of sound."""
    monkeypatch.setattr(subject, "SEGMENT_FRAMES", SEGMENT_FRAMES)


class ArrayMix:
    """A mix in memory, in blocks of an awkward size."""

    def __init__(self, samples: np.ndarray) -> None:
        self._samples, self.frames = samples, len(samples)

    def blocks(self, check: Callable[[], None]) -> Iterator[np.ndarray]:
        for start in range(0, self.frames, 30_011):
            check()
            yield self._samples[start : start + 30_011]


class Fake:
    """A separator that answers what it was given, in pieces of its own length."""

    revision, runtime, precision = "fake", "torch", "float32"

    def __init__(self, stems: tuple[str, ...], answer: np.ndarray, piece: int) -> None:
        self.stems, self._answer, self._piece = stems, answer, piece

    def separate(self, mix: ArrayMix, check: Callable[[], None]) -> Iterator[np.ndarray]:
        for start in range(0, mix.frames, self._piece):
            check()
            yield self._answer[:, start : start + self._piece]


class Unrefined(WienerFilter):
    """Lets the weighted means through, so that they can be compared."""

    def refine(self, estimates: torch.Tensor, mix: torch.Tensor) -> torch.Tensor:
        return estimates


def noise(*shape: int, seed: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def members() -> tuple[dict[str, Fake], dict[str, dict[str, np.ndarray]]]:
    """Two separators with pieces of different length, and what each answers for each stem."""
    two, four = noise(2, FRAMES, 2, seed=1), noise(4, FRAMES, 2, seed=2)
    fakes = {"spleeter-2stems": Fake(TWO, two, 3_001), "htdemucs": Fake(FOUR, four, 19_991)}
    said = {name: dict(zip(fake.stems, fake._answer, strict=True)) for name, fake in fakes.items()}
    return fakes, said


def separated(fakes: Mapping[str, Fake], weights: Mapping[str, Mapping[str, float]], mix: np.ndarray) -> np.ndarray:
    made = Hybrid(fakes, FOUR, weights).separate(ArrayMix(mix), lambda: None)  # type: ignore[arg-type]
    return np.concatenate(list(made), axis=1)


def test_stems_are_means_weighted_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "WienerFilter", Unrefined)
    fakes, said = members()
    made = separated(fakes, {"vocals": {"spleeter-2stems": 0.4, "htdemucs": 0.6}}, noise(FRAMES, 2, seed=3))
    assert made.shape == (4, FRAMES, 2)
    wanted = 0.4 * said["spleeter-2stems"]["vocals"] + 0.6 * said["htdemucs"]["vocals"]
    np.testing.assert_allclose(made[FOUR.index("vocals")], wanted, atol=2e-6)
    for stem in FOUR[:3]:
        np.testing.assert_allclose(made[FOUR.index(stem)], said["htdemucs"][stem], atol=2e-6)


def test_weights_count_by_their_proportion_and_for_their_stem_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "WienerFilter", Unrefined)
    one, other = noise(4, FRAMES, 2, seed=4), noise(4, FRAMES, 2, seed=5)
    fakes = {"htdemucs": Fake(FOUR, one, 44_100), "roformer-4stems": Fake(FOUR, other, 7_777)}
    weights = {
        "drums": {"htdemucs": 0.2, "roformer-4stems": 0.6},
        "bass": {"roformer-4stems": 0.5},
        "vocals": {"htdemucs": 1.0},
    }
    made = separated(fakes, weights, noise(FRAMES, 2, seed=6))
    wanted = (0.25 * one[0] + 0.75 * other[0], other[1], one[2], one[3])
    for stem, found, expected in zip(FOUR, made, wanted, strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-6, err_msg=stem)


def test_usual_weights_of_the_voice_favour_demucs_three_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "WienerFilter", Unrefined)
    fakes, said = members()
    made = separated(fakes, {}, noise(FRAMES, 2, seed=7))
    wanted = 0.25 * said["spleeter-2stems"]["vocals"] + 0.75 * said["htdemucs"]["vocals"]
    np.testing.assert_allclose(made[FOUR.index("vocals")], wanted, atol=2e-6)


@pytest.mark.parametrize("frames", [1, 4_095, FRAMES])
def test_refined_stems_sum_to_the_mix_whatever_the_members_say(frames: int) -> None:
    fakes, _ = members()
    mix = noise(frames, 2, seed=8)
    made = separated(fakes, {}, mix)
    assert made.shape == (4, frames, 2)
    np.testing.assert_allclose(made.sum(axis=0), mix, atol=1e-5)


def test_members_that_are_right_leave_right_stems() -> None:
    truth = noise(4, FRAMES, 2, seed=9)
    # Each source has a time of its own, so that the filter confuses them only where one follows another.
    for index in range(4):
        truth[index, np.arange(FRAMES) // 9_600 % 4 != index] = 0.0
    rest = np.stack((truth[3], truth[:3].sum(axis=0)))
    fakes = {"spleeter-2stems": Fake(TWO, rest, 1_007), "htdemucs": Fake(FOUR, truth, 25_537)}
    made = separated(fakes, {}, truth.sum(axis=0))
    error = 10 * np.log10(np.sum((made - truth) ** 2) / np.sum(truth**2))
    assert error < -10.0


@pytest.mark.parametrize("last_check", [1, 5, 14])
def test_cancel_inside_a_segment_ends_the_hybrid_there(last_check: int) -> None:
    class StopNowError(Exception):
        pass

    seen = 0

    def check() -> None:
        nonlocal seen
        seen += 1
        if seen == last_check:
            raise StopNowError

    fakes, _ = members()
    pieces = Hybrid(fakes, FOUR, {}).separate(ArrayMix(noise(FRAMES, 2, seed=10)), check)  # type: ignore[arg-type]
    with pytest.raises(StopNowError):
        for _ in pieces:
            pass
    assert seen == last_check
