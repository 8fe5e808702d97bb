"""Learns what tells tempo, key and meter: writes `services/processing/analysis/listening.json`.

    python scripts/train_listening.py [--songs 120] [--only meter]

Songs by the composer, rendered through the real SoundFont, are the examples: their tempo and key are known. The tempo
is a choice among candidates by their features, the key one of 24 rotations of the same profiles; both are softmax
regressions with a little weight decay. Parts cut out of each song teach the key not to rely on how a song ends. The
meter is a choice among readings of the beat, taught by songs that were asked for in a meter and by notes that are
written in one (`tests/support/metered_songs.py`). The tests use songs of other seeds (5,000 to 5,999, 11,000 to 11,999,
30,000 and up), which must stay unseen here.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from services.generation.composer.genres.catalogue import GENRES  # noqa: E402
from services.processing.analysis.frames import Frames, Listener  # noqa: E402
from services.processing.analysis.key import DISTRIBUTIONS, distributions  # noqa: E402
from services.processing.analysis.listening import listen  # noqa: E402
from services.processing.analysis.meter_finding import readings  # noqa: E402
from services.processing.analysis.tempo import candidates, curves, features, metrical_levels  # noqa: E402
from services.processing.analysis.weights import PATH  # noqa: E402
from tests.support.composed_songs import ComposedSong, Composer  # noqa: E402
from tests.support.metered_songs import FEELS, metered_song  # noqa: E402
from tests.support.rendered_midi import RATE_HZ, sound_bank  # noqa: E402

Float64 = NDArray[np.float64]

SEEDS = (*range(100, 160), *range(900, 960))
SECONDS = 40.0
DECAY = 0.003
PARTS = 2
TOLERANCE = 0.02

# The composer's 12/8 is a shuffle in 4/4, which teaches nothing about meters: that quarter of the songs is left out.
METERS = ("4/4", "3/4", "6/8", "12/8")
METERED_SEEDS = range(20_000, 20_063)
METERED_SECONDS = 30.0
NOTED_SEEDS = range(1_000, 1_028)
METER_DECAY = 0.02

Example = tuple[Float64, NDArray[np.bool_]]


def softmax_regression(examples: list[Example], decay: float = DECAY) -> Float64:
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
        return value / count + decay * float(weights @ weights), gradient / count + 2.0 * decay * weights

    start = np.zeros(examples[0][0].shape[1])
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B").x)


def tempo_example(song: ComposedSong, frames: Frames) -> Example:
    """Features of every candidate, and which ones are the tempo (as written or as tapped)."""
    repeats = curves(frames)
    found = candidates(repeats[0])
    wanted = (song.bpm, song.felt_bpm)
    right = np.array([any(abs(bpm / tempo - 1.0) < TOLERANCE for tempo in wanted) for bpm in found])
    return np.array([features(bpm, repeats) for bpm in found]), right


def key_example(song: ComposedSong, notes: NDArray[np.float32]) -> Example:
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


def meter_example(bpm: float, meter: str, frames: Frames) -> Example | None:
    """Features of every reading, and which ones have the right beats and meter; None where none has."""
    found = readings(frames, metrical_levels(frames))
    right = np.array([each.meter.name == meter and abs(each.bpm / bpm - 1.0) < 1.5 * TOLERANCE for each in found])
    return (np.array([each.features for each in found]), right) if right.any() else None


def heard(path: Path) -> Frames:
    """The song as the analysis hears it."""
    found = listen(
        path, musical=True, spectrogram=False, waveform=False, check=lambda: None, progress=lambda _done: None
    )
    if found.frames is None:
        raise AssertionError("nobody listened")
    return found.frames


def learn_tempo_and_key(songs: int) -> dict[str, Any]:
    """From songs in whatever meter their genres have."""
    random = np.random.default_rng(0)
    composer, genres = Composer(), sorted(GENRES)
    tempo, key = [], []
    with tempfile.TemporaryDirectory(prefix="mg-train-") as folder:
        for number, seed in enumerate(SEEDS[:songs]):
            place = Path(folder) / str(number)
            song = composer.song(place, genres[seed % 100 % len(genres)], seed, SECONDS)
            frames = heard(song.path)
            song.path.unlink()
            notes = frames.notes
            tempo.append(tempo_example(song, frames))
            key.append(key_example(song, notes))
            for _ in range(PARTS):
                start = int(random.uniform(0.0, 0.5) * len(notes))
                key.append(key_example(song, notes[start : start + int(random.uniform(0.35, 0.6) * len(notes))]))
            print(f"{number + 1}/{songs} {song.genre}", flush=True)
    rows = np.concatenate([found for found, _ in tempo])
    mean, deviation = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    learnable = [((found - mean) / deviation, right) for found, right in tempo if right.any()]
    tempo_weights, key_weights = softmax_regression(learnable), softmax_regression(key)
    print(f"{len(learnable)} of {len(tempo)} tempi are among their candidates")
    profiles = key_weights[:-1].reshape(2, DISTRIBUTIONS, 12)
    return {
        "tempo": {"mean": _rounded(mean), "deviation": _rounded(deviation), "weights": _rounded(tempo_weights)},
        "key": {
            "profiles": [[_rounded(row) for row in mode] for mode in profiles],
            "minor": round(float(key_weights[-1]), 4),
        },
    }


def learn_meter() -> dict[str, Any]:
    """From songs that were asked for in a meter, and from notes written in one."""
    composer, genres, bank = Composer(), sorted(GENRES), sound_bank()
    found: list[Example | None] = []
    with tempfile.TemporaryDirectory(prefix="mg-train-") as folder:
        for number, seed in enumerate(METERED_SEEDS):
            meter = METERS[(number % len(genres) + number // len(genres)) % len(METERS)]
            if meter == "12/8":
                continue
            song = composer.song(Path(folder) / str(seed), genres[number % len(genres)], seed, METERED_SECONDS, meter)
            found.append(meter_example(song.felt_bpm, song.meter, heard(song.path)))
            song.path.unlink()
    for feel in FEELS:
        for seed in NOTED_SEEDS:
            noted = metered_song(bank, feel, seed)
            listener = Listener(RATE_HZ)
            listener.add(noted.audio)
            found.append(meter_example(60.0 / noted.beat_seconds, noted.meter, listener.finish()))
    examples = [example for example in found if example is not None]
    rows = np.concatenate([features for features, _ in examples])
    # A feature that a meter has none of is 0 there, and says nothing of how it spreads.
    masked = np.ma.masked_equal(rows, 0.0)
    deviation = np.asarray(masked.std(axis=0).filled(0.0))
    deviation[deviation < 1e-6] = 1.0
    weights = softmax_regression([(features / deviation, right) for features, right in examples], METER_DECAY)
    print(f"{len(examples)} of {len(found)} meters are among their readings")
    return {"deviation": _rounded(deviation), "weights": _rounded(weights)}


def main() -> int:
    """Render, listen, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=int, default=len(SEEDS))
    parser.add_argument("--only", choices=("meter",))
    parser.add_argument("--output", type=Path, default=PATH)
    arguments = parser.parse_args()
    kept = json.loads(PATH.read_text(encoding="utf-8"))
    learned = kept if arguments.only else learn_tempo_and_key(arguments.songs)
    made = {"tempo": learned["tempo"], "meter": learn_meter(), "key": learned["key"]}
    arguments.output.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    print(f"written to {arguments.output}")
    return 0


def _rounded(values: Float64) -> list[float]:
    return [round(float(value), 4) for value in values]


if __name__ == "__main__":
    raise SystemExit(main())
