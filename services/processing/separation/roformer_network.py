"""The networks BS-RoFormer (Lu et al., ICASSP 2024, arXiv:2309.02612) and Mel-Band RoFormer (Wang et al.,
arXiv:2310.01809): a spectrum is cut into bands, each becomes a vector, attention runs along time and along bands in
turn, and each band's vector becomes a complex mask for each stem.

The two differ in their bands (a partition, or overlapping ones as wide as the ear's) and in where they normalise. The
modules are named so that checkpoints as they are published fit; what a checkpoint is follows from its tensors' shapes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

CHANNELS: Final = 2
# Real and imaginary part of both channels.
_VALUES: Final = 2 * CHANNELS
_ROTARY_BASE: Final = 10_000.0
# What a layer works on at once: positions, and pairs of them that attend to each other.
_MOST_POSITIONS: Final = 1 << 13
_MOST_PAIRS: Final = 1 << 23

Bands = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Shape:
    """What the tensors of a checkpoint say. `bands` `[bands, bins]` says which bins a band holds."""

    stems: int
    width: int
    blocks: int
    time_layers: int
    band_layers: int
    heads: int
    head_width: int
    feed_forward: int
    mask_widths: tuple[int, ...]
    bands: Bands
    norm_each: bool

    @property
    def bins(self) -> int:
        """Bins of the spectrum."""
        return int(self.bands.shape[1])


class _Norm(nn.Module):
    """Root mean square normalisation with a gain (Zhang and Sennrich 2019)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, values: Tensor) -> Tensor:
        return functional.normalize(values, dim=-1) * (math.sqrt(values.shape[-1]) * self.gamma)


class _Attention(nn.Module):
    """Attention over positions `[B, N, D]` with rotary positions and a gate for each head."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        inner = shape.heads * shape.head_width
        self._heads, self._head_width = shape.heads, shape.head_width
        self.norm = _Norm(shape.width)
        self.to_qkv = nn.Linear(shape.width, 3 * inner, bias=False)
        self.to_gates = nn.Linear(shape.width, shape.heads)
        self.to_out = nn.Sequential(nn.Linear(inner, shape.width, bias=False))

    def forward(self, values: Tensor) -> Tensor:
        batch, positions, _ = values.shape
        values = self.norm(values)
        split = self.to_qkv(values).view(batch, positions, 3, self._heads, self._head_width)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(rotated(query), rotated(key), value)
        gated = found * self.to_gates(values).sigmoid().transpose(1, 2)[..., None]
        made: Tensor = self.to_out(gated.transpose(1, 2).reshape(batch, positions, -1))
        return made


class _FeedForward(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        # The gaps stand where training drops values.
        self.net = nn.ModuleDict({"0": _Norm(width), "1": nn.Linear(width, inner), "4": nn.Linear(inner, width)})

    def forward(self, values: Tensor) -> Tensor:
        made: Tensor = self.net["4"](functional.gelu(self.net["1"](self.net["0"](values))))
        return made


class _Transformer(nn.Module):
    def __init__(self, shape: Shape, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList([_Attention(shape), _FeedForward(shape.width, shape.feed_forward)]) for _ in range(layers)
        )
        self.norm = _Norm(shape.width) if shape.norm_each else nn.Identity()

    def forward(self, values: Tensor) -> Tensor:
        """Rows `[B, N, D]` know nothing of each other: some at a time, so that neither memory nor the time that a
        module takes grows with the length of a segment."""
        positions = values.shape[1]
        rows = max(1, min(_MOST_POSITIONS // positions, _MOST_PAIRS // positions**2))
        return torch.cat([self._some(part) for part in torch.split(values, rows)])

    def _some(self, values: Tensor) -> Tensor:
        for layer in self.layers:
            attention, feed_forward = layer.children()
            values = attention(values) + values
            values = feed_forward(values) + values
        made: Tensor = self.norm(values)
        return made


class _BandSplit(nn.Module):
    def __init__(self, sizes: Sequence[int], width: int) -> None:
        super().__init__()
        self._sizes = tuple(sizes)
        self.to_features = nn.ModuleList(nn.Sequential(_Norm(size), nn.Linear(size, width)) for size in sizes)

    def forward(self, values: Tensor) -> Tensor:
        parts = zip(torch.split(values, list(self._sizes), dim=-1), self.to_features, strict=True)
        return torch.stack([feature(part) for part, feature in parts], dim=-2)


class _MaskEstimator(nn.Module):
    def __init__(self, sizes: Sequence[int], width: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.to_freqs = nn.ModuleList(nn.ModuleList([_perceptron(width, hidden, 2 * size)]) for size in sizes)

    def forward(self, values: Tensor) -> Tensor:
        parts = zip(values.unbind(dim=-2), self.to_freqs, strict=True)
        return torch.cat([functional.glu(next(net.children())(part), dim=-1) for part, net in parts], dim=-1)


def _perceptron(width: int, hidden: Sequence[int], out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inner in hidden:
        layers += [nn.Linear(width, inner), nn.Tanh()]
        width = inner
    return nn.Sequential(*layers, nn.Linear(width, out))


class RoFormer(nn.Module):
    """Complex spectra `[B, 2, bins, T]` → masks `[B, stems, 2, bins, T]`."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        sizes = [int(count) * _VALUES for count in shape.bands.sum(axis=1)]
        self.band_split = _BandSplit(sizes, shape.width)
        self.layers = nn.ModuleList(
            nn.ModuleList([_Transformer(shape, shape.time_layers), _Transformer(shape, shape.band_layers)])
            for _ in range(shape.blocks)
        )
        self.final_norm = nn.Identity() if shape.norm_each else _Norm(shape.width)
        self.mask_estimators = nn.ModuleList(
            _MaskEstimator(sizes, shape.width, shape.mask_widths) for _ in range(shape.stems)
        )
        # Bins as the bands hold them, band after band; and how many bands hold a bin.
        self.register_buffer("bins", torch.from_numpy(np.nonzero(shape.bands)[1]), persistent=False)
        counts = torch.from_numpy(shape.bands.sum(axis=0).astype(np.float32))
        self.register_buffer("counts", counts, persistent=False)

    def forward(self, spectra: Tensor) -> Tensor:
        """See the class."""
        batch, _, bins, frames = spectra.shape
        held = spectra[:, :, self.get_buffer("bins")]
        # `[B, T, held bins, channels, real and imaginary]`, the order that the bands' weights were trained for.
        values = torch.view_as_real(held).permute(0, 3, 2, 1, 4).reshape(batch, frames, -1)
        values = self.band_split(values)
        for block in self.layers:
            along_time, along_bands = block.children()
            bands = values.shape[2]
            values = along_time(values.transpose(1, 2).reshape(batch * bands, frames, -1))
            values = values.view(batch, bands, frames, -1).transpose(1, 2)
            values = along_bands(values.reshape(batch * frames, bands, -1)).view(batch, frames, bands, -1)
        values = self.final_norm(values)
        masks = torch.stack([estimator(values) for estimator in self.mask_estimators], dim=1)
        masks = masks.view(batch, self.shape.stems, frames, -1, CHANNELS, 2)
        complex_masks = torch.view_as_complex(masks.contiguous()).permute(0, 1, 4, 3, 2)
        # What several bands say of a bin is averaged.
        summed = torch.zeros(
            batch, self.shape.stems, CHANNELS, bins, frames, dtype=complex_masks.dtype, device=spectra.device
        )
        summed.index_add_(3, self.get_buffer("bins"), complex_masks)
        return summed / self.get_buffer("counts")[:, None]


def rotated(values: Tensor) -> Tensor:
    """Rotary position embedding (Su et al. 2021) of `[…, N, D]`: neighbours in D are a pair."""
    positions, width = values.shape[-2:]
    steps = torch.arange(0, width, 2, device=values.device, dtype=torch.float32) / width
    angles = torch.arange(positions, device=values.device)[:, None] / _ROTARY_BASE**steps
    even, odd = values[..., 0::2], values[..., 1::2]
    cosine, sine = angles.cos(), angles.sin()
    return torch.stack((even * cosine - odd * sine, odd * cosine + even * sine), dim=-1).flatten(-2)


def partition(counts: Sequence[int]) -> Bands:
    """Bands that follow one another, of so many bins each."""
    edges = np.cumsum([0, *counts])
    bins = np.arange(edges[-1])
    made: Bands = (bins >= edges[:-1, None]) & (bins < edges[1:, None])
    return made


def mel_bands(count: int, bins: int, rate_hz: int) -> Bands:
    """Triangles on Slaney's mel scale (Auditory Toolbox 1998: linear to 1 kHz, then 27 steps to 6.4 times as much).

    The lowest and the highest bin, which lie on the triangles' feet, belong to the first and the last band.
    """
    linear, corner, step = 200.0 / 3.0, 1_000.0, math.log(6.4) / 27.0
    highest = corner / linear + math.log(rate_hz / 2.0 / corner) / step
    mels = np.linspace(0.0, highest, count + 2)
    hertz = np.where(mels < corner / linear, mels * linear, corner * np.exp(step * (mels - corner / linear)))
    centres = np.linspace(0.0, rate_hz / 2.0, bins)
    made: Bands = (centres > hertz[:-2, None]) & (centres < hertz[2:, None])
    made[0, 0] = made[-1, -1] = True
    return made


def normalized_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under one set of names: some writers number the two kinds of layers 1 and 2, and store tables that
    follow from the architecture."""
    kept = {name: tensor for name, tensor in tensors.items() if not name.endswith(_DERIVED)}
    if any(_FIRST_LAYER.match(name) for name in kept):
        return kept
    return {_LATER_LAYER.sub(lambda found: f"{found[1]}{int(found[2]) - 1}.", name): kept[name] for name in kept}


_DERIVED: Final = (".rotary_embed.freqs", ".rotary_embed.dummy")
_FIRST_LAYER: Final = re.compile(r"layers\.\d+\.0\.")
_LATER_LAYER: Final = re.compile(r"^(layers\.\d+\.)([12])\.")
_LAYER: Final = re.compile(r"layers\.(\d+)\.(\d+)\.layers\.(\d+)\.")
_MASK: Final = re.compile(r"mask_estimators\.0\.to_freqs\.0\.0\.(\d+)\.weight")


def shape_of(tensors: Mapping[str, Tensor], rate_hz: int) -> Shape:
    """What network a checkpoint is of. Raises ValueError, in words, for one that is neither of the two."""
    try:
        gains = [
            len(tensors[f"band_split.to_features.{band}.0.gamma"]) for band in range(_count(tensors, "band_split"))
        ]
        stems = _count(tensors, "mask_estimators")
        gates, qkv = (tensors[f"layers.0.0.layers.0.0.{name}.weight"] for name in ("to_gates", "to_qkv"))
        inner = len(tensors["layers.0.0.layers.0.1.net.1.weight"])
    except KeyError as error:
        raise ValueError(f"it has no {error.args[0]}") from None
    places = [tuple(map(int, found.groups())) for found in map(_LAYER.match, tensors) if found]
    depth = [1 + max((place[2] for place in places if place[1] == kind), default=-1) for kind in (0, 1)]
    masks = sorted((int(found[1]), name) for name in tensors if (found := _MASK.match(name)))
    if not gains or not stems or 0 in depth or not masks or any(gain <= 0 or gain % _VALUES for gain in gains):
        raise ValueError("it has no bands or layers of a stereo RoFormer")
    if not all(tensor.is_floating_point() for tensor in tensors.values()):
        raise ValueError("it holds numbers that are no weights")
    norm_each = "final_norm.gamma" not in tensors
    counts = [gain // _VALUES for gain in gains]
    bands = _mel_bands_of(counts, rate_hz) if norm_each else partition(counts)
    heads = len(gates)
    if len(qkv) % (3 * heads) or len(qkv) // (3 * heads) % 2:
        raise ValueError("its attention has no whole heads")
    return Shape(
        stems=stems, width=int(qkv.shape[1]), blocks=1 + max(place[0] for place in places), time_layers=depth[0],
        band_layers=depth[1], heads=heads, head_width=len(qkv) // (3 * heads), feed_forward=inner,
        mask_widths=tuple(len(tensors[name]) for _, name in masks[:-1]), bands=bands, norm_each=norm_each,
    )  # fmt: skip


def _mel_bands_of(counts: Sequence[int], rate_hz: int) -> Bands:
    """The mel bands of so many bins each, by the sizes of transforms that are in use."""
    for size in (2_048, 4_096, 1_024, 8_192):
        bands = mel_bands(len(counts), size // 2 + 1, rate_hz)
        if bands.sum(axis=1).tolist() == list(counts):
            return bands
    raise ValueError(f"its bands are no mel bands at {rate_hz:,} Hz")


def _count(tensors: Mapping[str, Tensor], name: str) -> int:
    pattern = re.compile(rf"{name}\.(?:to_features\.)?(\d+)\.")
    return 1 + max((int(found[1]) for found in map(pattern.match, tensors) if found), default=-1)
