"""Learns what tells tempo and key: writes `services/processing/analysis/listening.json`.

    python scripts/train_listening.py [--songs 120]

Songs by the composer, rendered through the real SoundFont, are the examples: their tempo and key are known. The tempo
is a choice among candidates by their features, the key one of 24 rotations of the same profiles; both are softmax
regressions with a little weight decay. Parts cut out of each song teach the key not to rely on how a song ends. The
tests use songs of other seeds (5,000 and up), which must stay unseen here.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from services.generation.composer.genres.catalogue import GENRES  # noqa: E402
from services.processing.analysis.frames import Frames  # noqa: E402
from services.processing.analysis.key import DISTRIBUTIONS, distributions  # noqa: E402
from services.processing.analysis.listening import listen  # noqa: E402
from services.processing.analysis.tempo import candidates, curves, features  # noqa: E402
from services.processing.analysis.weights import PATH  # noqa: E402
from tests.support.composed_songs import ComposedSong, Composer  # noqa: E402

Float64 = NDArray[np.float64]

SEEDS = (*range(100, 160), *range(900, 960))
SECONDS = 40.0
DECAY = 0.003
PARTS = 2
TOLERANCE = 0.02


def softmax_regression(examples: list[tuple[Float64, NDArray[np.bool_]]]) -> Float64:
    """Weights under which the right rows `[rows]` of each example's features `[rows, n]` are the likeliest."""

    def loss(weights: Float64) -> tuple[float, Float64]:
        value, gradient = 0.0, np.zeros_like(weights)
        for rows, right in examples:
            scores = rows @ weights
            likelihood = np.exp(scores - scores.max())
            likelihood /= likelihood.sum()
            share = likelihood * right
            value -= float(np.log(share.sum() + 1e-12))
            gradient += rows.T @ (likelihood - share / max(share.sum(), 1e-12))
        count = len(examples)
        return value / count + DECAY * float(weights @ weights), gradient / count + 2.0 * DECAY * weights

    start = np.zeros(examples[0][0].shape[1])
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B").x)


def tempo_example(song: ComposedSong, frames: Frames) -> tuple[Float64, NDArray[np.bool_]]:
    """Features of every candidate, and which ones are the tempo (as written or as tapped)."""
    repeats = curves(frames)
    found = candidates(repeats[0])
    wanted = (song.bpm, song.felt_bpm)
    right = np.array([any(abs(bpm / tempo - 1.0) < TOLERANCE for tempo in wanted) for bpm in found])
    return np.array([features(bpm, repeats) for bpm in found]), right


def key_example(song: ComposedSong, notes: NDArray[np.float32]) -> tuple[Float64, NDArray[np.bool_]]:
    """One row for each of 24 keys: the distributions seen from its tonic, in the columns of its mode."""
    found = distributions(notes)
    width = DISTRIBUTIONS * 12
    rows = np.zeros((24, 2 * width + 1))
    for mode in (0, 1):
        for tonic in range(12):
            columns = slice(mode * width, (mode + 1) * width)
            rows[mode * 12 + tonic, columns] = np.roll(found, -tonic, axis=1).ravel()
            rows[mode * 12 + tonic, -1] = mode
    right = np.zeros(24, dtype=np.bool_)
    right[song.minor * 12 + song.tonic] = True
    return rows, right


def main() -> int:
    """Render, listen, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=int, default=len(SEEDS))
    parser.add_argument("--output", type=Path, default=PATH)
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    composer, genres = Composer(), sorted(GENRES)
    tempo, key = [], []
    with tempfile.TemporaryDirectory(prefix="mg-train-") as folder:
        for number, seed in enumerate(SEEDS[: arguments.songs]):
            place = Path(folder) / str(number)
            song = composer.song(place, genres[seed % 100 % len(genres)], seed, SECONDS)
            heard = listen(
                song.path,
                musical=True,
                spectrogram=False,
                waveform=False,
                check=lambda: None,
                progress=lambda _done: None,
            )
            song.path.unlink()
            if heard.frames is None:
                raise AssertionError("nobody listened")
            notes = heard.frames.notes
            tempo.append(tempo_example(song, heard.frames))
            key.append(key_example(song, notes))
            for _ in range(PARTS):
                start = int(random.uniform(0.0, 0.5) * len(notes))
                key.append(key_example(song, notes[start : start + int(random.uniform(0.35, 0.6) * len(notes))]))
            print(f"{number + 1}/{arguments.songs} {song.genre}", flush=True)
    rows = np.concatenate([found for found, _ in tempo])
    mean, deviation = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    learnable = [((found - mean) / deviation, right) for found, right in tempo if right.any()]
    tempo_weights, key_weights = softmax_regression(learnable), softmax_regression(key)
    profiles = key_weights[:-1].reshape(2, DISTRIBUTIONS, 12)
    made = {
        "tempo": {"mean": _rounded(mean), "deviation": _rounded(deviation), "weights": _rounded(tempo_weights)},
        "key": {
            "profiles": [[_rounded(row) for row in mode] for mode in profiles],
            "minor": round(float(key_weights[-1]), 4),
        },
    }
    arguments.output.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    print(f"{len(learnable)} of {len(tempo)} tempi are among their candidates; written to {arguments.output}")
    return 0


def _rounded(values: Float64) -> list[float]:
    return [round(float(value), 4) for value in values]


if __name__ == "__main__":
    raise SystemExit(main())
