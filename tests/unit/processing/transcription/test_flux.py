"""The flux of a recording is that of its pieces."""

from __future__ import annotations

import numpy as np

from services.processing.transcription.flux import HOP, RATE_HZ, Flux


def test_flux_does_not_depend_on_how_the_sound_is_cut() -> None:
    t = np.arange(3 * RATE_HZ) / RATE_HZ
    sound = (np.sin(2 * np.pi * 1_000 * t) * np.exp(-(t % 0.54) / 0.02)).astype(np.float32)
    pieces, whole = Flux(), Flux()
    whole.add(sound)
    for start in range(0, len(sound), 777):
        pieces.add(sound[start : start + 777])
    frames = len(sound) // HOP
    # Products of matrices are rounded differently by how many rows they have: on some processors in the last bit.
    np.testing.assert_allclose(pieces.result(frames), whole.result(frames), rtol=1e-5, atol=1e-7)
    assert whole.result(frames).max() > 0.0
