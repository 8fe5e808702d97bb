"""The multichannel Wiener filter: estimates of all sources → what they make of the mix together.

Each source is a Gaussian with a power for each bin and frame and a spatial covariance for each bin (Duong, Vincent and
Gribonval, IEEE TASLP 18(7), 2010); the posterior means sum to the mix.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

_EPSILON: Final = 1e-10
# Regularises the covariance of the mix relative to its power in the bin: −80 dB.
_FLOOR: Final = 1e-8


class WienerFilter:
    """For a stream of segments: spatial covariances are averages over what was heard, the recent counting most."""

    def __init__(self, memory: float = 0.7) -> None:
        # How much of the past counts when a new segment comes.
        self._memory = memory
        self._joint: Tensor | None = None
        self._power: Tensor | None = None

    def refine(self, estimates: Tensor, mix: Tensor) -> Tensor:
        """Complex estimates `[J, 2, F, T]` and mix `[2, F, T]` → complex `[J, 2, F, T]` that sum to the mix."""
        power = (estimates.abs() ** 2).mean(dim=1)
        joint = torch.einsum("jaft,jbft->jfab", estimates, estimates.conj())
        total = power.sum(dim=-1)
        if self._joint is not None and self._power is not None:
            joint = joint + self._memory * self._joint
            total = total + self._memory * self._power
        self._joint, self._power = joint, total
        spatial = joint / (total[..., None, None] + _EPSILON)
        covariance = torch.einsum("jft,jfab->ftab", power.to(spatial.dtype), spatial)
        floor = _FLOOR * (mix.abs() ** 2).mean(dim=0) + _EPSILON
        explained = torch.einsum("ftab,bft->fta", _inverse(covariance, floor), mix)
        refined: Tensor = torch.einsum("jft,jfab,ftb->jaft", power.to(spatial.dtype), spatial, explained)
        # The floor's share belongs to nobody; every source takes its part, so that nothing is lost.
        return refined + (mix - refined.sum(dim=0)) / len(refined)


def _inverse(matrix: Tensor, floor: Tensor) -> Tensor:
    """Of Hermitian 2 × 2 matrices `[F, T, 2, 2]` with `floor` `[F, T]` added to their diagonals."""
    a = matrix[..., 0, 0].real + floor
    d = matrix[..., 1, 1].real + floor
    b = matrix[..., 0, 1]
    determinant = (a * d - (b.abs() ** 2)).clamp_min(_EPSILON**2)
    first = torch.stack((d.to(b.dtype), -b), dim=-1)
    second = torch.stack((-b.conj(), a.to(b.dtype)), dim=-1)
    return torch.stack((first, second), dim=-2) / determinant[..., None, None]
