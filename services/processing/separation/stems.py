"""Writes what a separator yields: at the master's own rate and channels, 24-bit FLAC, all with one gain.

Stems have to keep their levels so that they sum to the mix, but one alone may exceed full scale where the mix does
not. Then all of them are turned down by the same gain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from services.processing.media.quantization import to_int24
from services.processing.media.reading import BLOCK_FRAMES
from services.processing.separation.plan import Output
from services.processing.separation.separator import RATE_HZ, Check, Separator, Stems
from services.processing.separation.source import Master, Rechunk, exactly, resampled
from services.shared.errors import AppError, ErrorCode

# The largest 24-bit sample.
_FULL_SCALE: Final = 1.0 - 2.0**-23
_TARGET_PEAK: Final = 10.0 ** (-0.1 / 20.0)
_SEPARATED: Final = 0.9

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class WrittenStem:
    """One file. `energy_share` is its part of the mix's energy (0 to about 1)."""

    name: str
    path: Path
    peak: float
    energy_share: float


@dataclass(frozen=True, slots=True)
class Written:
    """What was written; every stem was multiplied by `gain` (1 unless one would have clipped)."""

    stems: tuple[WrittenStem, ...]
    gain: float


def write_stems(
    master: Master, separator: Separator, outputs: Sequence[Output], folder: Path, check: Check, progress: Progress
) -> Written:
    """Separate `master` and write each of `outputs` to `folder/<name>.flac`. `progress` hears fractions."""
    raw = [folder / f"{output.name}.f32" for output in outputs]
    peaks, energies, mix_energy = _separate(master, separator, outputs, raw, check, progress)
    loudest = max(peaks)
    gain = 1.0 if loudest <= _FULL_SCALE else _TARGET_PEAK / loudest
    stems = []
    for index, (output, file) in enumerate(zip(outputs, raw, strict=True)):
        path = folder / f"{output.name}.flac"

        def tell(done: float, index: int = index) -> None:
            progress(_SEPARATED + (1 - _SEPARATED) * (index + done) / len(outputs))

        _write_flac(file, path, master, gain, check, tell)
        file.unlink()
        share = energies[index] / mix_energy if mix_energy else 0.0
        stems.append(WrittenStem(output.name, path, peaks[index] * gain, share))
    return Written(tuple(stems), gain)


def _separate(
    master: Master,
    separator: Separator,
    outputs: Sequence[Output],
    raw: Sequence[Path],
    check: Check,
    progress: Progress,
) -> tuple[list[float], list[float], float]:
    """Write float32 samples of each output; answers peaks, energies and the mix's energy."""
    channels, count = master.info.channels, len(separator.stems)
    mixing = np.array([output.stem_gains for output in outputs], np.float32)
    mix_gains = np.array([output.mix_gain for output in outputs], np.float32)
    reader = Rechunk(master.raw(check).__next__, channels)
    peaks, energies, mix_energy, done = [0.0] * len(outputs), [0.0] * len(outputs), 0.0, 0
    files = [path.open("wb") for path in raw]
    try:
        for block in _at_own_rate(separator.separate(master, check), master, count):
            mix = reader.take(len(block))
            stems = block.reshape(len(block), count, channels)
            made = np.einsum("os,fsc->ofc", mixing, stems) + mix_gains[:, None, None] * mix
            if not np.isfinite(made).all():
                raise AppError(
                    ErrorCode.INTERNAL, "The separator made sound that is not finite; its weights are damaged."
                )
            mix_energy += float(np.sum(mix.astype(np.float64) ** 2))
            for index, (file, samples) in enumerate(zip(files, made, strict=True)):
                file.write(np.ascontiguousarray(samples, dtype=np.float32).tobytes())
                peaks[index] = max(peaks[index], float(np.max(np.abs(samples), initial=0.0)))
                energies[index] += float(np.sum(samples.astype(np.float64) ** 2))
            done += len(block)
            progress(_SEPARATED * done / master.info.frames)
    finally:
        for file in files:
            file.close()
    return peaks, energies, mix_energy


def _at_own_rate(pieces: Iterator[Stems], master: Master, count: int) -> Iterator[NDArray[np.float32]]:
    """`[frames, stems × channels]` at the master's rate, exactly as many frames as it has."""
    channels = master.info.channels

    def columns() -> Iterator[NDArray[np.float32]]:
        for piece in pieces:
            folded = piece.mean(axis=2, keepdims=True) if channels == 1 else piece
            yield np.ascontiguousarray(folded.transpose(1, 0, 2)).reshape(piece.shape[1], count * channels)

    samples = resampled(columns(), RATE_HZ, master.info.sample_rate_hz, count * channels)
    return exactly(samples, master.info.frames, count * channels)


def _write_flac(raw: Path, path: Path, master: Master, gain: float, check: Check, progress: Progress) -> None:
    channels = master.info.channels
    samples = np.memmap(raw, np.float32, "r").reshape(-1, channels)
    try:
        with soundfile.SoundFile(path, "w", master.info.sample_rate_hz, channels, "PCM_24", format="FLAC") as file:
            for start in range(0, len(samples), BLOCK_FRAMES):
                check()
                file.write(to_int24(samples[start : start + BLOCK_FRAMES] * np.float32(gain)))
                progress(min(1.0, (start + BLOCK_FRAMES) / len(samples)))
    except soundfile.LibsndfileError as error:
        # What is written is valid, so the disk is what is left.
        raise AppError(ErrorCode.STORAGE_FULL, "The scratch disk is full. Free some space and try again.") from error
