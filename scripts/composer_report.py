"""Measure the composer over genres and seeds: `make composer-report`, or `python scripts/composer_report.py --help`.

Prints a row per genre, the figures over all of them beside their targets, and leaves tables (JSON) and spectrograms
below `--out`. Symbolic measures take seconds; each rendered song takes some seconds of two cores.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from composer_measures import notes, sound

ROOT = Path(__file__).resolve().parent.parent


from services.generation.backends.composer import SOUNDFONT  # noqa: E402
from services.generation.composer.genres.catalogue import GENRES  # noqa: E402
from services.generation.composer.sampler.bank import SoundBank  # noqa: E402
from services.shared.assets.store import AssetStore  # noqa: E402

SYMBOLIC_SECONDS = 90.0
# Name, lowest, highest.
TARGETS = {
    "in_key": (0.95, 1.0),
    "strong_chord_tones": (0.65, 0.95),
    "repetition": (0.10, 0.40),
    "voice_movement": (0.0, 3.0),
    "bass_on_one": (0.90, 1.0),
    "ends_on_tonic": (1.0, 1.0),
    "leaps_over_9": (0.0, 0.03),
    "shared_bars": (0.0, 0.5),
    "loudness_lufs": (-14.5, -13.5),
    "true_peak_dbtp": (-99.0, -1.0),
    "lra_lu": (4.0, 12.0),
    "longest_silence": (0.0, 1.0),
    "dc": (0.0, 1e-3),
    "side_db": (-15.0, -3.0),
    "stem_sum_db": (-200.0, -60.0),
}


def symbolic(genre: str, seeds: int) -> dict[str, float]:
    """One genre's songs as notes; means over the seeds."""
    songs = [notes.song(genre, seed, SYMBOLIC_SECONDS) for seed in range(seeds)]
    tunes = [notes.melody_of(each) for each in songs]
    sizes = notes.interval_sizes(tunes)
    timing, touch = zip(*(notes.drum_spread(score, 4, 6) for _, score in songs), strict=True)
    return {
        "in_key": _mean(map(notes.in_key, tunes)),
        "strong_chord_tones": _mean(map(notes.strong_chord_tones, tunes)),
        "repetition": _mean(map(notes.repetition, tunes)),
        "leaps_over_9": notes.wide_leaps(sizes),
        "voice_movement": _mean(map(notes.voice_movement, songs)),
        "bass_on_one": _mean(map(notes.bass_on_one, songs)),
        "ends_on_tonic": _mean(float(notes.ends_on_tonic(each)) for each in songs),
        "drum_timing_ms": _mean(timing),
        "drum_touch": _mean(touch),
        "shared_bars": max((notes.shared_bars(a, b) for a, b in combinations(tunes, 2)), default=math.nan),
        "_sizes": sizes,
        "_durations": notes.duration_classes(tunes),
    }


def audible(genre: str, seeds: int, seconds: float, bank: SoundBank, out: Path) -> dict[str, float]:
    """One genre's songs as sound; means over the seeds, and a spectrogram of the first."""
    rows = []
    for seed in range(seeds):
        row = sound.render(notes.song(genre, seed, seconds)[1], bank)
        audio = row.pop("audio")
        if seed == 0:
            figure, axis = plt.subplots(figsize=(9, 3.2))
            axis.specgram(audio.mean(axis=1) + 1e-9, NFFT=4096, Fs=sound.RATE, noverlap=2048, vmin=-140, cmap="magma")
            axis.set(yscale="symlog", ylim=(30, 20_000), title=f"{genre}, seed 0", xlabel="s", ylabel="Hz")
            figure.savefig(out / f"{genre}.png", dpi=70, bbox_inches="tight")
            plt.close(figure)
        rows.append(row)
    return {name: _mean(row[name] for row in rows) for name in rows[0]}


def _mean(values: Any) -> float:
    known = [value for value in values if not math.isnan(value)]
    return statistics.mean(known) if known else math.nan


def _verdict(name: str, value: float) -> str:
    low, high = TARGETS.get(name, (-math.inf, math.inf))
    return " " if math.isnan(value) or low - 1e-9 <= value <= high + 1e-9 else "!"


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--audio-seeds", type=int, default=1, help="0: notes only")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of rendered songs")
    parser.add_argument("--genres", nargs="*", default=sorted(GENRES))
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "composer-report")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    bank = None
    if arguments.audio_seeds:
        store = AssetStore(ROOT / "var" / "assets")
        store.fetch(SOUNDFONT)
        bank = SoundBank(store.path(SOUNDFONT), sound.RATE)
    rows: dict[str, dict[str, float]] = {}
    sizes, durations = notes.Counter[int](), notes.Counter[int]()
    for genre in arguments.genres:
        row = symbolic(genre, arguments.seeds)
        sizes += row.pop("_sizes")  # type: ignore[arg-type]
        durations += row.pop("_durations")  # type: ignore[arg-type]
        if bank is not None:
            row |= audible(genre, arguments.audio_seeds, arguments.seconds, bank, arguments.out)
        rows[genre] = row
        if len(rows) == 1:
            print(f"{'genre':<12}" + "".join(f"{name[:11]:>12}" for name in row))
        print(
            f"{genre:<12}" + "".join(f"{value:>11.3f}{_verdict(name, value)}" for name, value in row.items()),
            flush=True,
        )
    print("\nover all genres (“!” beside a row: outside of its target)")
    for name in next(iter(rows.values())):
        values = [row[name] for row in rows.values() if not math.isnan(row[name])]
        low, high = TARGETS.get(name, (math.nan, math.nan))
        outside = sum(_verdict(name, value) == "!" for value in values)
        print(f"  {name:<20} mean {_mean(values):8.3f}   target {low:g} … {high:g}   genres outside: {outside}")
    intervals = notes.divergence(sizes, notes.CORPUS_INTERVALS)
    lengths = notes.divergence(durations, notes.CORPUS_DURATIONS)
    print(f"  interval divergence {intervals:.4f} bits (target ≤ 0.05), durations {lengths:.4f} (target ≤ 0.15)")
    (arguments.out / "report.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(f"\n{arguments.out}/report.json and a spectrogram per genre")
    return 0


if __name__ == "__main__":
    sys.exit(main())
