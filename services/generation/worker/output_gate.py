"""The gate that every finished song passes before anybody hears it: sound, and as stated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soundfile

from services.generation.backends.protocol import GeneratedTrack
from services.generation.mastering import LoudnessMeter

CEILING_DBTP = -1.0
# Meters of the same standard differ by this much on one signal (EBU Tech 3341 allows +0.2/−0.4 dB).
PEAK_TOLERANCE_DB = 0.2
LOUDNESS_TOLERANCE_LU = 0.5
QUIETEST_PEAK_DBTP = -60.0
# A constant part of −50 dBFS; what is short may end in the middle of a slow wave, which is none.
DC_LIMIT = 0.003
_DC_SECONDS = 0.01
_BLOCK_SAMPLES = 65_536
_FULL_SCALE = 1.0 - 2.0**-15


class OutputRefused(Exception):  # noqa: N818 — an outcome, not an error
    """The song did not pass; the reason is for the log."""


@dataclass(slots=True)
class _Scan:
    samples: int = 0
    peak: float = 0.0
    sums: np.ndarray | float = 0.0


def check_output(track: GeneratedTrack, ceiling_dbtp: float = CEILING_DBTP) -> None:
    """Measure the master and compare it with what the backend states. Raises `OutputRefused`. Blocking.

    Checked: it decodes and is as long as stated, finite, not silent, not clipped, true peak at most the ceiling, no
    constant part, loudness as stated.
    """
    try:
        file = soundfile.SoundFile(track.master_path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise OutputRefused(f"the master cannot be read: {error}") from error
    with file:
        _require(
            (file.samplerate, file.channels) == (track.sample_rate_hz, track.channels),
            f"the master has {file.samplerate} Hz and {file.channels} channels",
        )
        meter = LoudnessMeter(file.samplerate, file.channels)
        scan = _Scan()
        for block in file.blocks(_BLOCK_SAMPLES, dtype="float32", always_2d=True):
            _require(bool(np.isfinite(block).all()), "the master holds values that are not finite")
            scan.samples += len(block)
            scan.peak = max(scan.peak, float(np.abs(block).max()))
            scan.sums = scan.sums + block.sum(axis=0, dtype=np.float64)
            meter.add(block)
    measured = meter.result()
    seconds = scan.samples / track.sample_rate_hz
    stated = round(track.duration_seconds * track.sample_rate_hz)
    _require(abs(scan.samples - stated) <= 1, f"the master has {scan.samples} samples, stated are {stated}")
    _require(measured.true_peak_dbtp >= QUIETEST_PEAK_DBTP, f"silent: {measured.true_peak_dbtp:.1f} dBTP")
    _require(scan.peak < _FULL_SCALE, "the master is clipped")
    _require(
        measured.true_peak_dbtp <= ceiling_dbtp + PEAK_TOLERANCE_DB, f"true peak {measured.true_peak_dbtp:.2f} dBTP"
    )
    constant = float(np.abs(scan.sums).max()) / scan.samples
    _require(constant <= DC_LIMIT + _DC_SECONDS / seconds, f"constant part of {constant:.4f}")
    _require(
        abs(measured.loudness_lufs - track.loudness_lufs) <= LOUDNESS_TOLERANCE_LU,
        f"{measured.loudness_lufs:.1f} LUFS, stated are {track.loudness_lufs:.1f}",
    )


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise OutputRefused(reason)
