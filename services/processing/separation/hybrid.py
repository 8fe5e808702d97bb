"""Several separators as one: a weighted mean of their spectra for each stem, then a Wiener filter over all stems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import torch

from services.processing.separation.catalogue import VOCALS
from services.processing.separation.separator import Check, MixSource, Separator, Stems
from services.processing.separation.source import Rechunk
from services.processing.separation.spectral_stream import Synthesis, analyse, frame_count
from services.processing.separation.wiener import WienerFilter

WINDOW: Final = 4096
HOP: Final = 1024
SEGMENT_FRAMES: Final = 256

# For vocals, by what the networks publish on MUSDB18-HQ: the optimum for independent errors would be 0.36 to 0.64, but
# errors of separators agree, which favours the better one. Every other stem has only one member that knows it.
_VOCAL_WEIGHTS: Final = {"spleeter-2stems": 0.25, "htdemucs": 0.75}

Weights = Mapping[str, Mapping[str, float]]


class Hybrid:
    """`members` by id; `weights[stem][member]` replaces the usual weights of that stem."""

    runtime = "torch"
    precision = "float32"

    def __init__(self, members: Mapping[str, Separator], stems: Sequence[str], weights: Weights) -> None:
        self.stems: tuple[str, ...] = tuple(stems)
        self.revision = "+".join(member.revision for member in members.values())
        self._members = tuple(members.values())
        self._window = torch.hann_window(WINDOW)
        rows = [_shares(stem, members, weights.get(stem)) for stem in self.stems]
        # `[stems, all stems of all members]`.
        self._mixing = torch.tensor(rows, dtype=torch.complex64)

    def separate(self, mix: MixSource, check: Check) -> Iterator[Stems]:
        """See `Separator.separate`. All members run side by side, so that nothing of a song is kept."""
        readers = [Rechunk(mix.blocks(check).__next__, 2)]
        for member in self._members:
            readers.append(Rechunk(_columns(member.separate(mix, check)).__next__, 2 * len(member.stems)))
        wiener, synthesis = WienerFilter(), Synthesis(self._window, HOP)
        overlaps = [np.zeros((WINDOW // 2, reader.channels), np.float32) for reader in readers]
        need = (SEGMENT_FRAMES - 1) * HOP + WINDOW
        frames_left, samples_left = frame_count(mix.frames, HOP), mix.frames
        while frames_left:
            count = min(SEGMENT_FRAMES, frames_left)
            frames_left -= count
            spectra = []
            for index, reader in enumerate(readers):
                samples = np.concatenate((overlaps[index], reader.take(need - len(overlaps[index]))))
                overlaps[index] = samples[SEGMENT_FRAMES * HOP :]
                filled = np.pad(samples, ((0, need - len(samples)), (0, 0)))
                spectra.append(analyse(torch.from_numpy(filled.T.copy()), self._window, HOP)[..., :count])
            check()
            with torch.inference_mode():
                heard = torch.cat(spectra[1:])
                heard = heard.reshape(-1, 2, *heard.shape[1:])
                estimates = torch.einsum("os,scft->ocft", self._mixing, heard)
                refined = wiener.refine(estimates, spectra[0])
                ready = synthesis.add(refined, last=not frames_left)
            block = np.ascontiguousarray(ready.numpy().transpose(0, 2, 1)[:, :samples_left])
            samples_left -= block.shape[1]
            yield block


def _shares(stem: str, members: Mapping[str, Separator], asked: Mapping[str, float] | None) -> list[float]:
    """How much each stem of each member counts for `stem`; they sum to 1."""
    # Guests count only where they are asked to.
    usual = _VOCAL_WEIGHTS if stem == VOCALS else dict.fromkeys(_VOCAL_WEIGHTS, 1.0)
    weights = {name: (asked if asked else usual).get(name, 0.0) for name in members}
    row = [weights[name] if each == stem else 0.0 for name, member in members.items() for each in member.stems]
    return [value / sum(row) for value in row]


def _columns(pieces: Iterator[Stems]) -> Iterator[Stems]:
    """`[stems, frames, 2]` → `[frames, stems × 2]`."""
    for piece in pieces:
        yield np.ascontiguousarray(piece.transpose(1, 0, 2)).reshape(piece.shape[1], -1)
