"""Whether genres can be told apart by ear: simple features of the sound, and linear discriminant analysis.

Tempo and loudness say nothing here: every song is written at one tempo, and levels are relative to the song's own.
"""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

BPM = 110.0
"""The tempo of every song that is classified."""

_RATE = 44_100
_FRAME, _HOP = 2_048, 1_024
_BANDS = 20
_ONSET_BANDS = ((30, 150), (150, 2_000), (2_000, 12_000))
_SHRINKAGE = 0.25

Float = NDArray[np.float64]


def features(audio: Float) -> Float:
    """What the sound is like: spectrum and how it moves, width by band, and where in the bar strokes fall."""
    left, right = audio[:, 0], audio[:, 1]
    mid, side = _power((left + right) / 2), _power((left - right) / 2)
    hertz = np.fft.rfftfreq(_FRAME, 1 / _RATE)
    edges = np.geomspace(40.0, 16_000.0, _BANDS + 1)
    bands = [(hertz >= low) & (hertz < high) for low, high in pairwise(edges)]
    nearest = [hertz == hertz[np.abs(hertz - edge).argmin()] for edge in edges]
    bands = [band if band.any() else nearest[at] for at, band in enumerate(bands)]
    loud = np.stack([mid[:, band].sum(axis=1) for band in bands], axis=1)
    wide = np.stack([side[:, band].sum(axis=1) for band in bands], axis=1)
    sounding = loud.sum(axis=1) > 1e-6 * loud.sum(axis=1).max()
    level = 10 * np.log10(loud[sounding] + 1e-12)
    level -= level.max(axis=1).mean()
    width = 10 * np.log10((wide[sounding].mean(axis=0) + 1e-12) / (loud[sounding].mean(axis=0) + 1e-12))
    flat = np.exp(np.log(mid[sounding] + 1e-12).mean(axis=1)) / (mid[sounding].mean(axis=1) + 1e-12)
    return np.concatenate(
        [
            level.mean(axis=0),
            level.std(axis=0),
            np.clip(width[::4], -60, 20),
            [10 * np.log10(flat.mean())],
            _strokes(mid, hertz),
        ]
    )


def as_features(values: list[float]) -> Float:
    """Features that were kept as numbers."""
    return np.asarray(values, dtype=np.float64)


def _power(signal: Float) -> Float:
    frames = np.lib.stride_tricks.sliding_window_view(signal, _FRAME)[::_HOP]
    return np.asarray(np.abs(np.fft.rfft(frames * np.hanning(_FRAME), axis=1)) ** 2)


def _strokes(power: Float, hertz: Float) -> Float:
    """Rises of energy by the sixteenth of the bar on which they fall, low, middle and high; each sums to one."""
    found = []
    sixteenth = np.arange(1, len(power)) * _HOP / _RATE * BPM / 60.0 * 4.0
    places = np.round(sixteenth).astype(int) % 16
    for low, high in _ONSET_BANDS:
        energy = np.log(power[:, (hertz >= low) & (hertz < high)].sum(axis=1) + 1e-9)
        rises = np.maximum(0.0, np.diff(energy))
        counts = np.bincount(places, weights=rises, minlength=16)
        found.append(np.sqrt(counts / max(1e-9, counts.sum())) * 20.0)
    return np.concatenate(found)


def told_apart(songs: dict[str, list[Float]]) -> dict[str, float]:
    """Shares of songs that are told right, each by a classifier that never heard its seed.

    `pairs` is the mean over all pairs of genres, `worst_pair` the lowest of them, `all` the choice among all genres.
    """
    names = sorted(name for name, own in songs.items() if len(own) >= 2)
    seeds = min(len(songs[name]) for name in names)
    right = {pair: [] for pair in combinations(names, 2)}  # type: dict[tuple[str, str], list[bool]]
    among_all = []
    for held in range(seeds):
        train = {name: np.array([own for at, own in enumerate(songs[name][:seeds]) if at != held]) for name in names}
        scores = _discriminant(train)
        for name in names:
            score = scores(songs[name][held])
            among_all.append(max(names, key=lambda other: score[other]) == name)
            for other in names:
                if other != name:
                    right[min(name, other), max(name, other)].append(score[name] > score[other])
    shares = {pair: float(np.mean(hits)) for pair, hits in right.items()}
    return {
        "genres": float(len(names)),
        "seeds": float(seeds),
        "pairs": float(np.mean(list(shares.values()))),
        "worst_pair": min(shares.values()),
        "all": float(np.mean(among_all)),
    }


def _discriminant(train: dict[str, Float]):  # type: ignore[no-untyped-def]
    """Linear discriminant analysis with a covariance shrunk to its diagonal (Friedman 1989, "Regularized discriminant
    analysis")."""
    pooled = np.concatenate(list(train.values()))
    scale = pooled.std(axis=0) + 1e-6
    means = {name: (own / scale).mean(axis=0) for name, own in train.items()}
    rest = np.concatenate([own / scale - means[name] for name, own in train.items()])
    covariance = rest.T @ rest / max(1, len(rest) - len(train))
    shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * np.diag(np.diag(covariance) + 1e-3)
    inverse = np.linalg.inv(shrunk)

    def scores(song: Float) -> dict[str, float]:
        return {name: float(-((song / scale - mean) @ inverse @ (song / scale - mean))) for name, mean in means.items()}

    return scores
