"""Spleeter with two stems, streamed by segments of 512 frames (11.9 s).

Masks are ratios of squared estimates, as in the original. Its networks see bins below 11 kHz only and the original
leaves everything above silent. Here the voice keeps what is above where it clearly prevails between 8 and 11 kHz, as in
sibilants, and the accompaniment has the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import numpy as np
import torch
from torch import Tensor

from services.processing.separation.catalogue import ACCOMPANIMENT, VOCALS
from services.processing.separation.separator import Check, MixSource, Stems
from services.processing.separation.source import Rechunk
from services.processing.separation.spectral_stream import Synthesis, analyse, frame_count
from services.processing.separation.spleeter_network import UNet, load_unet

WINDOW: Final = 4096
HOP: Final = 1024
SEGMENT_FRAMES: Final = 512
# 0 to 11.0 kHz.
KNOWN_BINS: Final = 1024
_EXTENDED_FROM: Final = 768
_EPSILON: Final = 1e-10
_BINS: Final = WINDOW // 2 + 1

HighBand = Literal["extend", "silent"]


class Spleeter:
    """The loaded pair of networks. `high_band` "silent" is the original's way."""

    stems: tuple[str, ...] = (VOCALS, ACCOMPANIMENT)
    revision = "deezer-2stems"
    runtime = "torch"
    precision = "float32"

    def __init__(self, networks: tuple[UNet, UNet], device: str = "cpu", high_band: HighBand = "extend") -> None:
        self._device = torch.device(device)
        self._networks = tuple(_in_fast_layout(network.to(self._device)) for network in networks)
        self._window = torch.hann_window(WINDOW, device=self._device)
        self._high_band = high_band

    @classmethod
    def load(cls, vocals: Path, accompaniment: Path, device: str = "cpu") -> Spleeter:
        """From the two published checkpoints. Raises INTERNAL for files that are none."""
        return cls((load_unet(vocals), load_unet(accompaniment)), device)

    def separate(self, mix: MixSource, check: Check) -> Iterator[Stems]:
        """See `Separator.separate`."""
        pieces = mix.blocks(check)
        reader = Rechunk(pieces.__next__, 2)
        synthesis = Synthesis(self._window, HOP)
        frames_left, samples_left = frame_count(mix.frames, HOP), mix.frames
        overlap = np.zeros((WINDOW // 2, 2), np.float32)
        need = (SEGMENT_FRAMES - 1) * HOP + WINDOW
        while frames_left:
            count = min(SEGMENT_FRAMES, frames_left)
            frames_left -= count
            samples = np.concatenate((overlap, reader.take(need - len(overlap))))
            overlap = samples[SEGMENT_FRAMES * HOP :]
            made = self._segment(_filled(samples, need), count, check)
            with torch.inference_mode():
                ready = synthesis.add(made, last=not frames_left)
            block = np.ascontiguousarray(ready.cpu().numpy().transpose(0, 2, 1)[:, :samples_left])
            samples_left -= block.shape[1]
            yield block

    @torch.inference_mode()
    def _segment(self, samples: Stems, count: int, check: Check) -> Tensor:
        """Samples `[S, 2]` of one segment → spectra `[stem, channel, bins, count]`."""
        spectrum = analyse(torch.from_numpy(samples.T.copy()).to(self._device), self._window, HOP)
        # As in the original, the networks see silence after the end and not the half-filled frames there.
        spectrum[..., count:] = 0
        magnitude = spectrum[:, :KNOWN_BINS].abs().transpose(1, 2)[None].contiguous(memory_format=torch.channels_last)
        squares = []
        for network in self._networks:
            check()
            squares.append(network(magnitude)[0] ** 2)
        total = squares[0] + squares[1] + _EPSILON
        masks = torch.stack([(square + _EPSILON / 2) / total for square in squares]).transpose(2, 3)
        check()
        return spectrum[..., :count] * self._whole_band(masks[..., :count])

    def _whole_band(self, masks: Tensor) -> Tensor:
        above = _BINS - KNOWN_BINS
        if self._high_band == "silent":
            return torch.nn.functional.pad(masks, (0, 0, 0, above))
        vocals = masks[0, :, _EXTENDED_FROM:].mean(dim=-2, keepdim=True)
        # Only where the voice clearly prevails below: most of what is up there are cymbals.
        vocals = (2.0 * vocals - 1.0).clamp_min(0.0)
        high = torch.stack((vocals, 1.0 - vocals))
        return torch.cat((masks, high.expand(*masks.shape[:-2], above, masks.shape[-1])), dim=-2)


def _filled(samples: Stems, frames: int) -> Stems:
    return samples if len(samples) == frames else np.pad(samples, ((0, frames - len(samples)), (0, 0)))


def _in_fast_layout(network: UNet) -> UNet:
    """Convolutions of a CPU run about a third faster with channels last, on the same numbers."""
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network
