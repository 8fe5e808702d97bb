"""The limiter's promise: nothing above the ceiling, on any meter, whatever goes in."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from services.processing.mastering.engineer import master
from services.processing.mastering.presets import PRESETS
from services.processing.media.measuring import measure
from services.shared.errors import AppError
from tests.support.adversarial import KINDS, adversarial, independent_peak

CEILING_DBTP = -1.0
# Preset and target by number.
SETTINGS = (("streaming", -14.0), ("loud", -9.0), ("club", -6.0), ("vinyl", -5.0))


def no_check():
    """Nobody cancels."""


def excess_db(folder, number):
    """How far the master of a signal is above its ceiling on the worst of three meters; None where it was refused."""
    samples, rate = adversarial(number)
    source, target = folder / "source.wav", folder / "master.flac"
    soundfile.write(source, samples, rate, subtype="FLOAT")
    preset, loudness = SETTINGS[number // KINDS % 4]
    try:
        master(
            source,
            target,
            PRESETS[preset],
            target_lufs=loudness,
            ceiling_dbtp=CEILING_DBTP,
            reference=None,
            scratch=folder / "shaped",
            check=no_check,
            report=lambda _done, _stage: None,
        )
    except AppError:
        return None
    made = soundfile.read(target, always_2d=True)[0]
    peaks = (20.0 * np.log10(independent_peak(made) + 1e-12), measure(target, no_check).true_peak_dbtp)
    return max(peaks) - CEILING_DBTP


def worst_of(folder, numbers):
    found = {number: excess_db(folder, number) for number in numbers}
    heard = {number: excess for number, excess in found.items() if excess is not None}
    assert len(heard) > 0.9 * len(found)
    worst = max(heard, key=lambda number: heard[number])
    print(f"{len(heard)} signals, {len(found) - len(heard)} refused; worst: number {worst}, {heard[worst]:+.3f} dB")
    return heard[worst]


def test_no_adversarial_signal_passes_the_ceiling(tmp_path):
    assert worst_of(tmp_path, range(2 * KINDS)) <= 0.0


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_none_of_a_thousand_adversarial_signals_passes_the_ceiling(tmp_path):
    assert worst_of(tmp_path, range(1_000)) <= 0.0
