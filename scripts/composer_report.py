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
from composer_measures import apart, beside, notes, prompts, sound
from composer_measures.targets import TARGETS, within

ROOT = Path(__file__).resolve().parent.parent


from services.generation.backends.composer import SOUNDFONT  # noqa: E402
from services.generation.composer.genres.catalogue import GENRES  # noqa: E402
from services.generation.composer.sampler.bank import SoundBank  # noqa: E402
from services.shared.assets.store import AssetStore  # noqa: E402

SYMBOLIC_SECONDS = 90.0
APART_SECONDS = 30.0


def symbolic(songs: list[notes.Song]) -> dict[str, float]:
    """Songs as notes; means over them."""
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


def audible(name: str, songs: list[notes.Song], bank: SoundBank, out: Path) -> dict[str, float]:
    """Songs as sound; means over them, and a spectrogram of the first."""
    rows = []
    for number, (_, score) in enumerate(songs):
        row = sound.render(score, bank)
        audio = row.pop("audio")
        if number == 0:
            figure, axis = plt.subplots(figsize=(9, 3.2))
            axis.specgram(audio.mean(axis=1) + 1e-9, NFFT=4096, Fs=sound.RATE, noverlap=2048, vmin=-140, cmap="magma")
            axis.set(yscale="symlog", ylim=(30, 20_000), title=f"{name}, seed 0", xlabel="s", ylabel="Hz")
            figure.savefig(out / f"{name}.png", dpi=70, bbox_inches="tight")
            plt.close(figure)
        rows.append(row)
    return {name: _mean(row[name] for row in rows) for name in rows[0]}


def _mean(values: Any) -> float:
    known = [value for value in values if not math.isnan(value)]
    return statistics.mean(known) if known else math.nan


def _verdict(name: str, value: float) -> str:
    return " " if within(name, value) else "!"


def _print_row(name: str, row: dict[str, float], *, first: bool) -> None:
    if first:
        print(f"{'genre':<12}" + "".join(f"{column[:11]:>12}" for column in row))
    cells = "".join(f"{value:>11.3f}{_verdict(column, value)}" for column, value in row.items())
    print(f"{name:<12}{cells}", flush=True)


def _beside(arguments: argparse.Namespace, bank: SoundBank | None) -> dict[str, dict[str, float]]:
    """The same figures for the prototype's kind of song, and for people's music where its data are at hand."""
    count = max(4, arguments.seeds)
    some = [genre for genre in arguments.genres if GENRES[genre].drums is not None] or arguments.genres
    names = [some[number % len(some)] for number in range(count)]
    groups = {"prototype": [beside.prototype_song(name, at, SYMBOLIC_SECONDS) for at, name in enumerate(names)]}
    if arguments.lieder is not None:
        groups["human"] = beside.human_songs(arguments.lieder, arguments.groove, count, SYMBOLIC_SECONDS)
    found = {}
    print("\nbeside them")
    for name, songs in groups.items():
        row = symbolic(songs)
        intervals = notes.divergence(row.pop("_sizes"), notes.CORPUS_INTERVALS)  # type: ignore[arg-type]
        lengths = notes.divergence(row.pop("_durations"), notes.CORPUS_DURATIONS)  # type: ignore[arg-type]
        row |= {"intervals": intervals, "durations": lengths}
        if bank is not None:
            row |= audible(name, songs[: max(2, arguments.audio_seeds)], bank, arguments.out)
        _print_row(name, row, first=True)
        found[name] = row
    return found


def _understood() -> dict[str, float]:
    """How strangers' prompts are understood; shares."""
    wishes = prompts.prompts("requests")
    refused = sum(len(prompts.not_honoured(row, 3)) for row in wishes)
    shares = {
        **{name: 1 - len(prompts.misheard(name)) / len(prompts.prompts(name)) for name in ("direct", "scenario")},
        "requests": 1 - refused / sum(map(prompts.wishes_of, wishes)),
    }
    print("\nprompts of strangers: " + ", ".join(f"{name} {share:.3f}" for name, share in shares.items()))
    return shares


def _apart(arguments: argparse.Namespace, bank: SoundBank | None) -> dict[str, float]:
    """Whether genres are told apart by their sound at one tempo and one loudness."""
    if bank is None or arguments.apart_seeds < 2 or len(arguments.genres) < 2:
        return {}
    songs: dict[str, list[apart.Float]] = {genre: [] for genre in arguments.genres}
    for seed in range(arguments.apart_seeds):
        for genre in arguments.genres:
            score = notes.song(genre, seed, APART_SECONDS, apart.BPM)[1]
            songs[genre].append(apart.features(sound.render(score, bank)["audio"]))
    shares = apart.told_apart(songs)
    print("\ntold apart by sound: " + ", ".join(f"{name} {share:.3f}" for name, share in shares.items()))
    return shares


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--audio-seeds", type=int, default=1, help="0: notes only")
    parser.add_argument("--apart-seeds", type=int, default=4, help="songs of each genre for the classifier; 0: none")
    parser.add_argument("--lieder", type=Path, help="the OpenScore Lieder corpus (scores/), for human music beside")
    parser.add_argument("--groove", type=Path, help="the Groove MIDI Dataset's folder (info.csv), for its drummers")
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
        row = symbolic([notes.song(genre, seed, SYMBOLIC_SECONDS) for seed in range(arguments.seeds)])
        sizes += row.pop("_sizes")  # type: ignore[arg-type]
        durations += row.pop("_durations")  # type: ignore[arg-type]
        if bank is not None:
            songs = [notes.song(genre, seed, arguments.seconds) for seed in range(arguments.audio_seeds)]
            row |= audible(genre, songs, bank, arguments.out)
        rows[genre] = row
        _print_row(genre, row, first=len(rows) == 1)
    print("\nover all genres (“!” beside a row: outside of its target)")
    for name in next(iter(rows.values())):
        values = [row[name] for row in rows.values() if not math.isnan(row[name])]
        low, high = TARGETS.get(name, (math.nan, math.nan))
        outside = sum(_verdict(name, value) == "!" for value in values)
        print(f"  {name:<20} mean {_mean(values):8.3f}   target {low:g} … {high:g}   genres outside: {outside}")
    intervals = notes.divergence(sizes, notes.CORPUS_INTERVALS)
    lengths = notes.divergence(durations, notes.CORPUS_DURATIONS)
    print(f"  interval divergence {intervals:.4f} bits (target ≤ 0.05), durations {lengths:.4f} (target ≤ 0.15)")
    beside_them = _beside(arguments, bank)
    understood = _understood()
    apart_figures = _apart(arguments, bank)
    whole = {"genres": rows, "beside": beside_them, "prompts": understood, "told_apart": apart_figures}
    (arguments.out / "report.json").write_text(json.dumps(whole, indent=1), encoding="utf-8")
    print(f"\n{arguments.out}/report.json and a spectrogram per genre")
    return 0


if __name__ == "__main__":
    sys.exit(main())
