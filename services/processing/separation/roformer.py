"""Checkpoints of the RoFormer family (BS-RoFormer, Mel-Band RoFormer) that an operator put here, streamed by segments.

A checkpoint is a safetensors file and, beside it, the YAML that it is published with; of that the hop, the length of a
segment and the stems are read, and nothing in it is called.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import torch
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from services.processing.separation.catalogue import ACCOMPANIMENT
from services.processing.separation.interruption import Interruptible
from services.processing.separation.roformer_network import CHANNELS, RoFormer, normalized_names, shape_of
from services.processing.separation.separator import RATE_HZ, Check, MixSource, Stems
from services.processing.separation.source import Rechunk
from services.shared.errors import AppError, ErrorCode

SUFFIXES: Final = (".safetensors", ".yaml")
_LARGEST_CONFIG: Final = 65_536
# Every sample is estimated this many times, by segments that begin so much later than each other.
OVERLAP: Final = 2


class _Part(BaseModel):
    # Published files hold much more, which training needed.
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class _Model(_Part):
    stft_hop_length: Annotated[int, Field(ge=64, le=4_096)]
    stft_normalized: bool = False
    zero_dc: bool = False
    skip_connection: bool = False


class _Training(_Part):
    instruments: Annotated[tuple[str, ...], Field(min_length=1, max_length=16)]
    target_instrument: str | None = None


class _Audio(_Part):
    chunk_size: Annotated[int, Field(ge=RATE_HZ, le=60 * RATE_HZ)] = 8 * RATE_HZ
    sample_rate: int = RATE_HZ


class Config(_Part):
    """What a checkpoint's own tensors do not say."""

    model: _Model
    training: _Training
    audio: _Audio = Field(default_factory=_Audio)

    @property
    def stems(self) -> tuple[str, ...]:
        """What the network was trained to find."""
        target = self.training.target_instrument
        return tuple(name.lower() for name in ((target,) if target else self.training.instruments))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network and how it wants to be used."""

    network: RoFormer
    config: Config


class RoFormerSeparator:
    """A loaded checkpoint. One that finds a single stem yields what it leaves as `accompaniment` too."""

    runtime = "torch"
    precision = "float32"

    def __init__(self, checkpoint: Checkpoint, revision: str, device: str = "cpu") -> None:
        config = checkpoint.config
        self.revision = revision
        self._found = config.stems
        self._with_rest = len(self._found) == 1
        self.stems: tuple[str, ...] = (*self._found, ACCOMPANIMENT) if self._with_rest else self._found
        self._device = torch.device(device)
        self._network = Interruptible(checkpoint.network.eval().to(self._device))
        self._size = 2 * (checkpoint.network.shape.bins - 1)
        self._hop = config.model.stft_hop_length
        self._normalized, self._zero_dc = config.model.stft_normalized, config.model.zero_dc
        self._window = torch.hann_window(self._size, device=self._device)
        # Whole steps, so that every sample has the same number of estimates.
        self._step = config.audio.chunk_size // OVERLAP
        self._segment = OVERLAP * self._step

    def separate(self, mix: MixSource, check: Check) -> Iterator[Stems]:
        """See `Separator.separate`. `check` runs before each module of the network."""
        reader = Rechunk(mix.blocks(check).__next__, CHANNELS)
        weight = fading(self._segment)
        window = np.zeros((self._segment, CHANNELS), np.float32)
        made = np.zeros((len(self.stems), self._segment, CHANNELS), np.float32)
        total = np.zeros(self._segment, np.float32)
        # The first segment ends with the song's first step, so that its beginning is estimated as often as the rest.
        begin = self._step - self._segment
        while begin < mix.frames:
            check()
            fresh = reader.take(self._step)
            window = np.concatenate((window[self._step :], np.pad(fresh, ((0, self._step - len(fresh)), (0, 0)))))
            made += weight[:, None] * self._estimates(window, check)
            total += weight
            ready = made[:, : self._step] / total[None, : self._step, None]
            first, last = max(0, -begin), min(self._step, mix.frames - begin)
            if last > first:
                yield ready[:, first:last]
            made = np.concatenate((made[:, self._step :], np.zeros_like(made[:, : self._step])), axis=1)
            total = np.concatenate((total[self._step :], np.zeros_like(total[: self._step])))
            begin += self._step

    @torch.inference_mode()
    def _estimates(self, window: Stems, check: Check) -> Stems:
        """One segment `[S, 2]` → `[stems, S, 2]`."""
        samples = torch.from_numpy(np.ascontiguousarray(window.T)).to(self._device)
        spectra = torch.stft(
            samples, self._size, self._hop, window=self._window, normalized=self._normalized, return_complex=True
        )
        estimated = self._network(spectra[None], check)[0] * spectra
        if self._zero_dc:
            estimated[:, :, 0] = 0
        heard: Tensor = torch.istft(
            estimated.reshape(-1, *estimated.shape[2:]), self._size, self._hop, window=self._window,
            normalized=self._normalized, length=len(window),
        )  # fmt: skip
        found: Stems = heard.view(-1, CHANNELS, len(window)).transpose(1, 2).cpu().numpy()
        return np.concatenate((found, window[None] - found)) if self._with_rest else found


def fading(length: int) -> Stems:
    """The weight of a segment's samples: highest in its middle, low where it knows only one side, nowhere 0."""
    made: Stems = np.sin(np.pi * (np.arange(length, dtype=np.float32) + 0.5) / length) ** 2 + np.float32(1e-4)
    return made


def find_checkpoint(folder: Path, name: str) -> tuple[Path, Path] | None:
    """The weights and the configuration of `name` in `folder`; None unless both are there."""
    weights, config = (folder / f"{name}{suffix}" for suffix in SUFFIXES)
    return (weights, config) if weights.is_file() and config.is_file() else None


def load_checkpoint(weights: Path, config_file: Path, stems: Sequence[str]) -> Checkpoint:
    """The network of a checkpoint that finds `stems`. Raises INTERNAL, naming the file, for one that does not fit."""
    config = _config(config_file)
    if {*config.stems} - {*stems} or len(config.stems) not in (1, len(stems)):
        raise _unfit(config_file, f"it finds {', '.join(config.stems)}, and {', '.join(stems)} are wanted")
    try:
        tensors = normalized_names(load_file(weights))
        network = RoFormer(shape_of(tensors, RATE_HZ))
        network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except (SafetensorError, ValueError, RuntimeError, OSError) as error:
        raise _unfit(weights, str(error).splitlines()[0][:300]) from error
    if network.shape.stems != len(config.stems):
        raise _unfit(weights, f"it has {network.shape.stems} stems and its configuration {len(config.stems)}")
    if config.model.stft_hop_length > network.shape.bins // 2:
        raise _unfit(config_file, "its hop is longer than half a transform")
    return Checkpoint(network, config)


def _config(path: Path) -> Config:
    try:
        if path.stat().st_size > _LARGEST_CONFIG:
            raise _unfit(path, "it is too large for a configuration")
        config = Config.model_validate(_Plain(path.read_text(encoding="utf-8")).get_single_data())
    except (yaml.YAMLError, ValidationError, UnicodeDecodeError, OSError, RecursionError) as error:
        raise _unfit(path, str(error).splitlines()[0][:300]) from error
    if config.audio.sample_rate != RATE_HZ:
        raise _unfit(path, f"it was trained at {config.audio.sample_rate:,} Hz, and {RATE_HZ:,} are wanted")
    if config.model.skip_connection:
        raise _unfit(path, "its skip connections are not known here")
    return config


class _Plain(yaml.SafeLoader):
    """Published files write lists as Python's tuples; nothing else of Python is known to this loader."""


def _sequence(loader: yaml.SafeLoader, node: Any) -> list[Any]:
    return loader.construct_sequence(node)


_Plain.add_constructor("tag:yaml.org,2002:python/tuple", _sequence)


def _unfit(path: Path, why: str) -> AppError:
    return AppError(ErrorCode.INTERNAL, f"{path.name} is no RoFormer that can be run: {why}.")
