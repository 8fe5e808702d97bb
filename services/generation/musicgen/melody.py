"""The melody conditioner: which pitch class is strongest, frame by frame.

The features are those of MusicGen's chroma conditioner: a power spectrogram (16,384 samples, hop 4,096) through
librosa's chroma filters (Ellis, 2007), and of each frame only the strongest class.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from services.generation.musicgen.configuration import ChromaConfiguration, CodecConfiguration

_TUNING_HZ = 440.0
_CENTRE_OCTAVE = 5.0
_OCTAVE_WIDTH = 2.0


@functools.lru_cache(maxsize=4)
def chroma_filters(sample_rate: int, window: int, bins: int = 12) -> Tensor:
    """Weights `[bins, window // 2 + 1]` from spectrum to pitch classes, C first.

    Each spectral line is a Gaussian bump on the circle of classes, as wide as the line is among semitones, scaled to
    unit length and weighted by a Gaussian over octaves around 5.
    """
    lines = np.arange(1, window) * sample_rate / window
    # Position on the circle in classes, A at 0; the lowest line lies an octave and a half below the next one's.
    place = bins * np.log2(lines / (_TUNING_HZ / 16.0))
    place = np.concatenate([[place[0] - 1.5 * bins], place])
    width = np.concatenate([np.maximum(np.diff(place), 1.0), [1.0]])
    half = round(bins / 2)
    distance = np.remainder(place[None] - np.arange(bins)[:, None] + half + 10 * bins, bins) - half
    weights = np.exp(-0.5 * (2.0 * distance / width[None]) ** 2)
    weights /= np.maximum(np.linalg.norm(weights, axis=0, keepdims=True), np.finfo(np.float64).tiny)
    weights *= np.exp(-0.5 * ((place / bins - _CENTRE_OCTAVE) / _OCTAVE_WIDTH) ** 2)
    weights = np.roll(weights, -3 * (bins // 12), axis=0)
    return torch.from_numpy(weights[:, : window // 2 + 1].astype(np.float32))


def pitch_classes(wave: NDArray[np.float32], sample_rate: int, chroma: ChromaConfiguration) -> Tensor:
    """The strongest pitch class `[T]` of each frame of a mono wave `[n]`; C where it is silent."""
    signal = torch.from_numpy(np.ascontiguousarray(wave, dtype=np.float32))
    missing = max(0, chroma.window - len(signal))
    signal = functional.pad(signal, (missing // 2, missing - missing // 2))
    spectrum = torch.stft(
        signal,
        chroma.window,
        chroma.hop,
        window=torch.hann_window(chroma.window),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    )
    return (chroma_filters(sample_rate, chroma.window, chroma.bins) @ spectrum.abs().pow(2)).argmax(dim=0)


def window_melodies(
    wave: NDArray[np.float32],
    chroma: ChromaConfiguration,
    codec: CodecConfiguration,
    start_frame: int,
    window_frames: int,
) -> Tensor:
    """The melody that a window of the song follows, `[T]`; a melody that is too short begins again.

    The first window hears the melody as it is, later ones from where they begin (audiocraft's way with long songs).
    """
    longest = window_frames * codec.hop_samples
    if start_frame == 0:
        heard = wave[:longest]
    else:
        heard = wave[(start_frame * codec.hop_samples + np.arange(longest)) % len(wave)]
    classes = pitch_classes(heard, codec.sample_rate, chroma)
    return classes[: math.ceil(longest / chroma.hop) + 1]
