"""Fades: gains as a function of the sample's place, straight or equal in power."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.processing.mixing.session import FadeCurve


def fade_gain(places: NDArray[np.float64], frames: float, curve: FadeCurve) -> NDArray[np.float64]:
    """Gain of a fade-in of `frames` samples, `places` samples after its beginning; 0 before and 1 after.

    `equal_power` is sin(πx/2): with the mirrored fade-out the powers add up to one.
    """
    if frames <= 0:
        return np.where(places >= 0, 1.0, 0.0)
    share = np.clip(places / frames, 0.0, 1.0)
    return share if curve == "linear" else np.sin(0.5 * np.pi * share)
