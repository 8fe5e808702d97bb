"""Covers that are drawn from sound."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from services.processing.covers.painting import POINTS, drawn, painted
from services.processing.covers.sizes import SIZES, size_for
from services.shared.errors import AppError


def peaks(seed: int, level: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    shape = level * np.random.default_rng(seed).random(POINTS).astype(np.float32)
    return -shape, shape


def test_same_sound_is_the_same_picture_and_another_another() -> None:
    first, again, other = painted(*peaks(1), 160), painted(*peaks(1), 160), painted(*peaks(2), 160)
    assert first == again
    assert first != other
    with Image.open(io.BytesIO(first)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (160, 160))


def test_rounding_of_another_machine_changes_nothing() -> None:
    low, high = peaks(3)
    low, high = np.round(low, 2) + np.float32(0.001), np.round(high, 2) + np.float32(0.001)
    before = drawn(low, high, 160).astype(int)
    after = drawn(low + np.float32(1e-6), high + np.float32(1e-6), 160).astype(int)
    assert np.abs(before - after).max() <= 2


def test_louder_sound_is_a_wider_ring() -> None:
    def ring(level: float) -> float:
        pixels = drawn(-np.full(POINTS, level, np.float32), np.full(POINTS, level, np.float32), 320)
        # The ring is brighter than any ground.
        return float((pixels.max(axis=2) > 150).mean())

    widths = [ring(level) for level in (0.0, 0.2, 0.5, 1.0)]
    assert widths == sorted(widths)
    assert 0.0 < widths[0] < 0.05
    assert widths[3] > 0.4


def test_each_part_of_the_song_has_its_place_around_the_ring() -> None:
    """A burst in one place is one bump, wherever the ring begins."""
    high = np.zeros(POINTS, np.float32)
    high[40:60] = 1.0
    pixels = drawn(np.zeros(POINTS, np.float32), high, 320)
    place = (np.arange(320) + 0.5) / 160 - 1
    radius = np.hypot(place[None, :], place[:, None])
    # Between the ring at rest and its furthest reach.
    band = (radius > 0.7) & (radius < 0.8)
    bright = (pixels.max(axis=2) > 150) & band
    assert bright.sum() / band.sum() == pytest.approx(20 / POINTS, abs=0.03)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 8.0])
def test_what_is_no_sound_is_drawn_all_the_same(value: float) -> None:
    low, high = peaks(4)
    low[7] = high[9] = value
    assert drawn(low, high, 64).shape == (64, 64, 3)


def test_sizes_are_the_next_that_is_large_enough() -> None:
    assert [size_for(wanted) for wanted in (16, 160, 161, 640, 1_280)] == [160, 160, 320, 640, 1_280]
    assert sorted(SIZES) == list(SIZES)
    for wrong in (0, 15, 1_281, -1):
        with pytest.raises(AppError) as raised:
            size_for(wrong)
        assert raised.value.violations[0].pointer == "/size"
