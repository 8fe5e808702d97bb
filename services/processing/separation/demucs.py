"""Hybrid Transformer Demucs (Rouard et al., ICASSP 2023, arXiv:2211.08553), streamed; the networks are demucs-infer's.

Weights are safetensors only: demucs-infer's loader builds one whitelisted class and takes nothing else from the file.
The song is cut, weighted and joined exactly as `demucs_infer.apply.apply_model(shifts=0)` does it, but piece by piece.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import torch
import yaml
from demucs_infer.htdemucs import HTDemucs
from demucs_infer.safetensors import load_safetensors_model
from pydantic import BaseModel, ConfigDict, Field

from services.processing.separation.hub import LARGEST_RECIPE_BYTES
from services.processing.separation.interruption import Interruptible
from services.processing.separation.separator import RATE_HZ, Check, MixSource, Stems
from services.processing.separation.source import Rechunk
from services.shared.errors import AppError, ErrorCode

# How much of a segment the next one covers again: demucs' default.
OVERLAP: Final = 0.25
_SUFFIX: Final = ".safetensors"


@dataclass(frozen=True, slots=True)
class Bag:
    """Networks that work together. `weights[i][s]` is how much network i counts for stem s."""

    networks: tuple[HTDemucs, ...]
    weights: tuple[tuple[float, ...], ...]


class Demucs:
    """A loaded bag."""

    runtime = "torch"
    precision = "float32"

    def __init__(self, bag: Bag, revision: str, device: str = "cpu") -> None:
        first = bag.networks[0]
        self.stems: tuple[str, ...] = tuple(first.sources)
        self.revision = revision
        self._device = torch.device(device)
        self._networks = tuple(Interruptible(network.eval().to(self._device)) for network in bag.networks)
        self._shares = torch.tensor(bag.weights) / torch.tensor(bag.weights).sum(dim=0)
        self._segment = int(RATE_HZ * first.segment)
        self._stride = int((1 - OVERLAP) * self._segment)

    def separate(self, mix: MixSource, check: Check) -> Iterator[Stems]:
        """See `Separator.separate`."""
        mean, deviation = _level(mix, check)
        # Normalised before anything is padded: silence is 0 for the network.
        normal = ((block - mean) / deviation for block in mix.blocks(check))
        reader = Rechunk(normal.__next__, 2)
        weight = _triangle(self._segment)
        # Samples from one segment before the current one on: the last, short segment borrows from its left.
        held = np.zeros((self._segment, 2), np.float32)
        ahead = reader.take(self._segment)
        made = np.zeros((len(self.stems), self._segment, 2), np.float32)
        total = np.zeros(self._segment, np.float32)
        for offset in range(0, mix.frames, self._stride):
            length = min(self._segment, mix.frames - offset)
            around = np.concatenate((held, ahead[:length], np.zeros((self._segment, 2), np.float32)))
            # demucs centres a short segment in the length that the network was trained on.
            left = (self._segment - length) // 2
            window = around[self._segment - left :][: self._segment]
            estimate = self._apply(window, check)[:, left : left + length]
            made[:, :length] += weight[:length, None] * estimate
            total[:length] += weight[:length]
            ready = min(self._stride, length) if offset + self._stride < mix.frames else length
            yield made[:, :ready] / total[None, :ready, None] * deviation + mean
            made, total = _shifted(made, self._stride, axis=1), _shifted(total, self._stride, axis=0)
            held = np.concatenate((held, ahead[: self._stride]))[-self._segment :]
            ahead = np.concatenate((ahead[self._stride :], reader.take(self._stride)))

    @torch.inference_mode()
    def _apply(self, window: Stems, check: Check) -> Stems:
        """One segment `[S, 2]` → `[stems, S, 2]`; `check` runs before each module of each network."""
        segment = torch.from_numpy(np.ascontiguousarray(window.T, np.float32))[None].to(self._device)
        joined = torch.zeros(len(self.stems), 2, self._segment)
        for network, share in zip(self._networks, self._shares, strict=True):
            joined += network(segment, check)[0].cpu() * share[:, None, None]
        made: Stems = joined.numpy().transpose(0, 2, 1)
        return made


def load_bag(files: Sequence[Path], weights: Sequence[Sequence[float]] | None = None) -> Bag:
    """The networks of some checkpoints. Raises INTERNAL, naming the file, for one that is none."""
    networks = tuple(_network(path) for path in files)
    first = networks[0]
    for path, network in zip(files, networks, strict=True):
        if (network.sources, network.samplerate, network.audio_channels) != (first.sources, RATE_HZ, 2):
            raise AppError(ErrorCode.INTERNAL, f"{path.name} does not fit the other networks of its model.")
        if network.segment != first.segment:
            raise AppError(ErrorCode.INTERNAL, f"{path.name} has another segment length than its fellows.")
    rows = weights if weights is not None else [[1.0] * len(first.sources)] * len(networks)
    counts = len(rows) == len(networks) and all(len(row) == len(first.sources) for row in rows)
    if not counts or min(map(sum, zip(*rows, strict=True))) <= 0:
        raise AppError(ErrorCode.INTERNAL, "The bag's weights do not fit its networks.")
    return Bag(networks, tuple(tuple(float(value) for value in row) for row in rows))


def find_bag(folder: Path, name: str) -> tuple[list[Path], list[list[float]] | None] | None:
    """The files of `name` below `folder`, and the bag's weights; None when they are not there.

    Either `<name>.safetensors`, or a folder `<name>/` as demucs publishes it: `<name>.yaml` with `models` (file names
    without ending) and `weights`, or a single safetensors file.
    """
    single = folder / f"{name}{_SUFFIX}"
    return ([single], None) if single.is_file() else bag_in(folder / name, name)


def bag_in(home: Path, name: str) -> tuple[list[Path], list[list[float]] | None] | None:
    """The networks of a published folder, and the bag's weights; None when it holds none, or not all that it names."""
    recipe = home / f"{name}.yaml"
    if recipe.is_file():
        said = _recipe(recipe)
        files = [home / f"{Path(signature).name}{_SUFFIX}" for signature in said.models]
        return (files, said.weights) if all(file.is_file() for file in files) else None
    found = sorted(home.glob(f"*{_SUFFIX}")) if home.is_dir() else []
    return (found, None) if len(found) == 1 else None


class _Recipe(BaseModel):
    """Which networks make a bag, and how much each counts for each stem."""

    # Published ones say more, for programs that cut songs in other ways.
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    models: Annotated[list[str], Field(min_length=1, max_length=16)]
    weights: Annotated[list[list[Annotated[float, Field(ge=0)]]] | None, Field(max_length=16)] = None


def _recipe(path: Path) -> _Recipe:
    """Raises INTERNAL, naming the file, for one that says nothing of the kind."""
    reason = "it is too large"
    try:
        if path.stat().st_size <= LARGEST_RECIPE_BYTES:
            return _Recipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValueError, OSError, RecursionError) as error:
        reason = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
    raise AppError(ErrorCode.INTERNAL, f"{path.name} is no recipe of a bag: {reason}.")


def _network(path: Path) -> HTDemucs:
    try:
        return load_safetensors_model(path)
    except Exception as error:
        raise AppError(ErrorCode.INTERNAL, f"{path.name} holds no network of Demucs: {error}") from error


def _level(mix: MixSource, check: Check) -> tuple[np.float32, np.float32]:
    """Mean and deviation of the mono mix: the networks were trained on songs of one level."""
    count, total, squares = 0, 0.0, 0.0
    for block in mix.blocks(check):
        mono = block.mean(axis=1, dtype=np.float64)
        count += len(mono)
        total += float(mono.sum())
        squares += float((mono**2).sum())
    mean = total / count
    variance = max(0.0, (squares - count * mean**2) / max(1, count - 1))
    return np.float32(mean), np.float32(variance**0.5 + 1e-8)


def _triangle(length: int) -> Stems:
    """The weight of a segment's samples: 1 in its middle, nearly 0 at its ends."""
    rising = np.arange(1, length // 2 + 1, dtype=np.float32)
    falling = np.arange(length - length // 2, 0, -1, dtype=np.float32)
    weight = np.concatenate((rising, falling))
    made: Stems = weight / weight.max()
    return made


def _shifted(samples: Stems, by: int, axis: int) -> Stems:
    """Moved to the left, zeros after it."""
    moved = np.zeros_like(samples)
    if axis == 0:
        moved[:-by] = samples[by:]
    else:
        moved[:, :-by] = samples[:, by:]
    return moved
