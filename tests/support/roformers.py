"""Small RoFormers with weights that a formula gives, so that another implementation can be given the same."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import torch
from torch import Tensor

from services.processing.separation.roformer_network import RoFormer, Shape, mel_bands, partition

# As BS-RoFormer's authors cut 1,025 bins.
BANDS = (*(2,) * 24, *(4,) * 12, *(12,) * 8, *(24,) * 8, *(48,) * 8, 128, 129)


def shape(*, mel: bool = False, stems: int = 1) -> Shape:
    """Two blocks of eight values a band."""
    return Shape(
        stems=stems,
        width=8,
        blocks=2,
        time_layers=1,
        band_layers=1,
        heads=2,
        head_width=4,
        feed_forward=32,
        mask_widths=(32,),
        bands=mel_bands(60, 1_025, 44_100) if mel else partition(BANDS),
        norm_each=mel,
    )


def weights_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by name and shape alone."""
    made = {}
    for name, tensor in tensors.items():
        steps = torch.arange(tensor.numel(), dtype=torch.float64) + zlib.crc32(name.encode()) % 1_000
        waves = torch.sin(steps * 1.7) * 0.5 + torch.sin(steps * 0.37) * 0.3
        made[name] = (waves + (1.0 if name.endswith("gamma") else 0.0)).float().view(tensor.shape)
    return made


def network(**options: object) -> RoFormer:
    """A network with those weights."""
    made = RoFormer(shape(**options))  # type: ignore[arg-type]
    made.load_state_dict(weights_of(made.state_dict()))
    return made.eval()


def music(frames: int) -> Tensor:
    """`[2, frames]` of gliding tones."""
    at = torch.arange(frames, dtype=torch.float64) / 44_100
    left = torch.sin(2 * torch.pi * (200 + 900 * at) * at) + 0.3 * torch.sin(2 * torch.pi * 5_000 * at)
    right = torch.sin(2 * torch.pi * (330 + 500 * at) * at) + 0.2 * torch.sin(2 * torch.pi * 9_000 * at)
    return (0.4 * torch.stack([left, right])).float()
