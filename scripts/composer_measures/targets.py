"""What the composer's figures must be: name, lowest, highest; means over a genre's seeds."""

from __future__ import annotations

import math

TARGETS = {
    "in_key": (0.95, 1.0),
    "strong_chord_tones": (0.65, 0.95),
    "repetition": (0.10, 0.40),
    "voice_movement": (0.0, 3.0),
    "bass_on_one": (0.90, 1.0),
    "ends_on_tonic": (1.0, 1.0),
    "leaps_over_9": (0.0, 0.03),
    "intervals": (0.0, 0.05),
    "durations": (0.0, 0.15),
    "shared_bars": (0.0, 0.5),
    # Of a drummer of flesh and blood.
    "hand_timing_ms": (8.0, 35.0),
    "hand_touch": (12.0, 127.0),
    "section_ends": (1.0, 1.0),
    # What songs share with the training corpus that were kept back from it, as `copied` measures it.
    "copied_runs": (0.0, 0.0169),
    "loudness_lufs": (-14.5, -13.5),
    "true_peak_dbtp": (-99.0, -1.0),
    "lra_lu": (4.0, 12.0),
    "contrast_db": (3.0, 99.0),
    # Octave bands of commercial recordings fall by about 2 dB an octave (5 dB an octave in density: Pestana et al.
    # 2013, "Spectral Characteristics of Popular Commercial Recordings"); a piano alone falls much faster.
    "tilt_db_octave": (-8.0, 0.0),
    # How far the octave that strays farthest lies outside of the style's band (`spectra`).
    "outside_band_db": (0.0, 0.5),
    "longest_silence": (0.0, 1.0),
    "dc": (0.0, 1e-3),
    "side_db": (-15.0, -3.0),
    "stem_sum_db": (-200.0, -60.0),
}


def within(name: str, value: float) -> bool:
    """Whether a figure is what it must be; what is unknown (NaN) or has no target is."""
    low, high = TARGETS.get(name, (-math.inf, math.inf))
    return math.isnan(value) or low - 1e-9 <= value <= high + 1e-9
