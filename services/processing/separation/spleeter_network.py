"""The U-Net of Spleeter for one stem, as Hennequin et al. describe it (JOSS 5(50):2154, 2020), and its weights.

Six strided convolutions down to 8 × 16, six transposed ones up, skip connections, a sigmoid mask. The network is fed
magnitudes `[B, 2, 512 frames, 1024 bins]` and yields its estimate of the stem's, in the same shape.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

import numpy as np
import torch
from numpy._core import multiarray
from torch import Tensor, nn
from torch.nn import functional

from services.shared.errors import AppError, ErrorCode

CHANNELS: Final = 2
# TensorFlow's "same" padding of a 5 × 5 kernel with stride 2 on even sizes: one before, two after.
_SAME: Final = (1, 2, 1, 2)
_WIDTHS: Final = (16, 32, 64, 128, 256, 512)
# tf.keras.layers.BatchNormalization and the slope that the published 2-stem configuration names.
_NORM_EPSILON: Final = 1e-3
_LEAK: Final = 0.2
# What a pickle of arrays is made of; the file names numpy's module as it was called before version 2.
_ALLOWED: Final[list[Callable[..., Any] | tuple[Callable[..., Any], str]]] = [
    (multiarray._reconstruct, "numpy.core.multiarray._reconstruct"),
    np.ndarray,
    np.dtype,
    np.dtypes.Float32DType,
]


class Down(nn.Module):
    """Halves both axes."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, width, 5, stride=2)
        self.norm = nn.BatchNorm2d(width, eps=_NORM_EPSILON)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The bare convolution, which the way up takes, and what goes on down. `[B, C, T, F]` → `[B, C', T/2, F/2]`."""
        y = self.convolution(functional.pad(x, _SAME))
        return y, functional.leaky_relu(self.norm(y), _LEAK)


class Up(nn.Module):
    """Doubles both axes."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.convolution = nn.ConvTranspose2d(channels, width, 5, stride=2)
        self.norm = nn.BatchNorm2d(width, eps=_NORM_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, T, F]` → `[B, C', 2T, 2F]`. Dropout is for training only and left out."""
        y: Tensor = self.convolution(x)[:, :, 1:-2, 1:-2]
        normed: Tensor = self.norm(functional.relu(y))
        return normed


class UNet(nn.Module):
    """One stem's network."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(Down(*pair) for pair in zip((CHANNELS, *_WIDTHS), _WIDTHS, strict=False))
        up_inputs = (_WIDTHS[5], *(2 * width for width in _WIDTHS[4::-1]))
        up_widths = (*_WIDTHS[4::-1], 1)
        self.up = nn.ModuleList(Up(*pair) for pair in zip(up_inputs, up_widths, strict=True))
        self.mask = nn.Conv2d(1, CHANNELS, 4, dilation=2, padding=3)

    def forward(self, magnitude: Tensor) -> Tensor:
        """`[B, 2, T, F]` → the same shape; T and F are multiples of 64."""
        skipped = []
        x = magnitude
        for down in self.down:
            bare, x = down(x)
            skipped.append(bare)
        # The deepest convolution goes up as it is, without norm and activation.
        x = skipped.pop()
        for number, up in enumerate(self.up):
            x = up(x if number == 0 else torch.cat((skipped.pop(), x), dim=1))
        estimate: Tensor = torch.sigmoid(self.mask(x)) * magnitude
        return estimate


def load_unet(path: Path) -> UNet:
    """The network with the weights of a published checkpoint, bit for bit.

    The file is a pickle: only arrays are let through. Raises INTERNAL for one that does not fit the network.
    """
    try:
        with torch.serialization.safe_globals(_ALLOWED):
            arrays = torch.load(path, map_location="cpu", weights_only=True)
        network = UNet()
        weights = {_our_name(name): torch.from_numpy(array) for name, array in arrays.items()}
        network.load_state_dict(weights | _counters(network))
    except (RuntimeError, KeyError, ValueError, TypeError, AttributeError, EOFError, UnpicklingError) as error:
        raise AppError(ErrorCode.INTERNAL, f"{path.name} holds no weights of Spleeter's network.") from error
    return network.eval()


def _our_name(name: str) -> str:
    """ "down3_conv.1.weight" → "down.2.convolution.weight"."""
    block, _, rest = name.partition(".")
    part, leaf = rest.split(".", 1)
    if block == "up7":
        return f"mask.{leaf}"
    if block.startswith("up"):
        return f"up.{int(block[2:]) - 1}.{'convolution' if part == '0' else 'norm'}.{leaf}"
    number, _, kind = block.removeprefix("down").partition("_")
    return f"down.{int(number) - 1}.{'convolution' if kind == 'conv' else 'norm'}.{leaf}"


def _counters(network: UNet) -> dict[str, Tensor]:
    """Batch counters, which training alone reads and the checkpoint leaves out."""
    return {name: value for name, value in network.state_dict().items() if name.endswith("num_batches_tracked")}
