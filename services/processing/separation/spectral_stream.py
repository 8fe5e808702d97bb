"""A short-time Fourier transform over a stream, and back: equal to `torch.stft`/`torch.istft` (centred, zero padding)
of the whole signal, with memory for one segment."""

from __future__ import annotations

import torch
from torch import Tensor


def frame_count(samples: int, hop: int) -> int:
    """Frames of a centred transform."""
    return 1 + samples // hop


def analyse(samples: Tensor, window: Tensor, hop: int) -> Tensor:
    """Frames of `samples` `[C, S]` that fit whole → complex `[C, bins, T]`."""
    frames = samples.unfold(-1, len(window), hop)
    spectrum: Tensor = torch.fft.rfft(frames * window, dim=-1).transpose(-1, -2)
    return spectrum


class Synthesis:
    """Overlap-add of consecutive segments of frames. One per signal of shape `[…, S]`."""

    def __init__(self, window: Tensor, hop: int) -> None:
        self._window = window
        self._hop = hop
        self._size = len(window)
        self._tail: Tensor | None = None
        self._weight_tail = torch.zeros(self._size - hop, device=window.device)
        # What a centred transform put before the first sample.
        self._skip = self._size // 2

    def add(self, spectrum: Tensor, *, last: bool) -> Tensor:
        """The next complex `[…, bins, T]` → the samples `[…, S]` that are final now; all that are left with `last`."""
        frames = torch.fft.irfft(spectrum.transpose(-1, -2), n=self._size, dim=-1) * self._window
        count, lead = frames.shape[-2], frames.shape[:-2]
        length = (count - 1) * self._hop + self._size
        summed = _overlap_add(frames.reshape(-1, count, self._size), self._hop).reshape(*lead, length)
        weights = (self._window**2).expand(1, count, self._size)
        weight = _overlap_add(weights, self._hop)[0]
        carried = self._size - self._hop
        if self._tail is not None:
            summed[..., :carried] += self._tail
        weight[:carried] += self._weight_tail
        ready = length if last else count * self._hop
        self._tail = summed[..., ready:].clone()
        self._weight_tail = weight[ready:].clone()
        samples = summed[..., :ready] / weight[:ready].clamp_min(1e-11)
        skipped = min(self._skip, ready)
        self._skip -= skipped
        return samples[..., skipped:]


def _overlap_add(frames: Tensor, hop: int) -> Tensor:
    """`[N, T, W]` → `[N, (T − 1)·hop + W]`; W is a multiple of the hop."""
    number, count, size = frames.shape
    steps = size // hop
    summed = torch.zeros(number, count + steps - 1, hop, dtype=frames.dtype, device=frames.device)
    for step in range(steps):
        summed[:, step : step + count] += frames[:, :, step * hop : (step + 1) * hop]
    return summed.reshape(number, -1)
