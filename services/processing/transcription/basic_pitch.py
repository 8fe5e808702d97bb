"""Runs Basic Pitch's network (Bittner et al., ICASSP 2022, arXiv:2203.09893) over audio of any length.

The network hears windows of 2 s and is unsure at their edges. Windows here start a whole number of its frames apart,
so that every frame of the result lies exactly `FRAME_SECONDS` after the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from services.processing.transcription.flux import Flux
from services.shared.errors import AppError, ErrorCode

RATE_HZ: Final = 22_050
_HOP: Final = 256
FRAME_SECONDS: Final = _HOP / RATE_HZ
LOWEST_PITCH: Final = 21
PITCHES: Final = 88
# Contours have three bins a semitone; the middle one is in tune.
CONTOUR_BINS: Final = 3

_WINDOW: Final = 2 * RATE_HZ - _HOP
# Frames that are dropped on each side of a window, and those that are kept.
_MARGIN: Final = 15
_KEPT: Final = 141
_BATCH: Final = 4
_INPUT: Final = "serving_default_input_2:0"
_OUTPUTS: Final = ("StatefulPartitionedCall:2", "StatefulPartitionedCall:1", "StatefulPartitionedCall:0")

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Activations:
    """What the network heard, 0 to 1: `onsets`, `notes` `[T, 88]`, `contours` `[T, 264]`; and the `flux` `[T]`."""

    onsets: Matrix
    notes: Matrix
    contours: Matrix
    flux: Matrix


class BasicPitch:
    """The loaded network. May be used from several threads."""

    def __init__(self, path: Path, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise AppError(ErrorCode.INTERNAL, f"{path.name} is no network that can be read.") from error

    def listen(
        self, samples: Iterator[Matrix], check: Callable[[], None], heard: Callable[[int], None] = lambda _: None
    ) -> Activations:
        """Mono samples `[frames]` at 22.05 kHz, block by block. `heard` is told how many were worked through."""
        parts: tuple[list[Matrix], ...] = ([], [], [])
        total = 0
        flux = Flux()

        def counted() -> Iterator[Matrix]:
            nonlocal total
            for block in samples:
                total += len(block)
                flux.add(block)
                yield block

        for batch in _batched(_windows(counted())):
            check()
            made = self._session.run(_OUTPUTS, {_INPUT: batch})
            for kept, part in zip(parts, made, strict=True):
                kept.append(part[:, _MARGIN : _MARGIN + _KEPT].reshape(-1, part.shape[-1]))
            heard(total)
        frames = max(1, -(-total // _HOP))
        onsets, notes, contours = (_joined(kept)[:frames] for kept in parts)
        return Activations(onsets, notes, contours, flux.result(frames))


def _joined(parts: list[Matrix]) -> Matrix:
    """One matrix; the list is emptied, so that nothing is held twice for longer than this."""
    whole: Matrix = np.concatenate(parts)
    parts.clear()
    return whole


def _windows(samples: Iterator[Matrix]) -> Iterator[Matrix]:
    held = np.zeros(_MARGIN * _HOP, np.float32)
    step = _KEPT * _HOP
    for block in samples:
        held = np.concatenate((held, block))
        while len(held) >= _WINDOW:
            yield held[:_WINDOW]
            held = held[step:]
    # What is kept of the last window has to reach to the end.
    while True:
        yield np.pad(held[:_WINDOW], (0, max(0, _WINDOW - len(held))))
        if len(held) <= (_MARGIN + _KEPT) * _HOP:
            return
        held = held[step:]


def _batched(windows: Iterator[Matrix]) -> Iterator[Matrix]:
    batch: list[Matrix] = []
    for window in windows:
        batch.append(window)
        if len(batch) == _BATCH:
            yield np.stack(batch)[:, :, None]
            batch = []
    if batch:
        yield np.stack(batch)[:, :, None]
