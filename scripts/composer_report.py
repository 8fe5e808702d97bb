"""Measure the composer over genres and seeds: `make composer-report`, or `python scripts/composer_report.py --help`.

Prints a row per genre and the figures over all of them beside their targets, and leaves tables (JSON, Markdown) and
pictures below `--out`. Every figure is kept in `kept.jsonl` there as soon as it is known, so an interrupted report goes
on where it stopped. A kept figure counts only for the very files that made it: a change of the composer, of its
instruments or of a measure makes what hangs on it anew, a change of one style's profile that style alone. Progress is
told on stderr. Songs are played seed by seed, all styles of one before the next; a song of 45 s takes about three
seconds of one core.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path
from typing import Any

from composer_measures import apart, beside, copied, notes, player, plots, prompts
from composer_measures.kept import Kept, Sources
from composer_measures.songs import Song, song
from composer_measures.targets import TARGETS, within
from composer_training import lieder

ROOT = Path(__file__).resolve().parent.parent


from services.generation.backends.composer import SOUNDFONT  # noqa: E402
from services.generation.composer.genres.catalogue import GENRES  # noqa: E402
from services.shared.assets.store import AssetStore  # noqa: E402

SYMBOLIC_SECONDS = 90.0
APART_SECONDS = 30.0
KEPT_BACK = 10
"""Every so-manyth song of the corpus was kept back from training (`train_composer.py`)."""
HELD_OUT = "held out"
PICTURED = ("lofi", "house", "jazz", "orchestral", "piano", "metal")
SPREAD = ("lra_lu", "contrast_db", "side_db", "true_peak_dbtp", "outside_band_db")

Row = dict[str, float]


def symbolic(songs: list[Song]) -> dict[str, float]:
    """Songs as notes; means over them."""
    tunes = [notes.melody_of(each) for each in songs]
    sizes = notes.interval_sizes(tunes)
    timing, touch = zip(*(notes.drum_spread(score, 4, 6) for _, score in songs), strict=True)
    hand_timing, hand_touch = zip(*map(notes.hand_spread, songs), strict=True)
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
        "hand_timing_ms": _mean(hand_timing),
        "hand_touch": _mean(hand_touch),
        "section_ends": _mean(map(notes.section_ends, songs)),
        "shared_bars": max((notes.shared_bars(a, b) for a, b in combinations(tunes, 2)), default=math.nan),
        "_sizes": sizes,
        "_durations": notes.duration_classes(tunes),
    }


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


class Report:
    """The figures of one call, kept as they come."""

    def __init__(self, arguments: argparse.Namespace, pool: ProcessPoolExecutor | None, instruments: str) -> None:
        self.arguments = arguments
        self.pool = pool
        self._sources = Sources(ROOT, instruments)
        rendered = len(arguments.genres) * (arguments.audio_seeds + arguments.apart_seeds) if pool else 0
        self._kept = Kept(arguments.out / "kept.jsonl", len(arguments.genres) + rendered + len(self.groups()))

    def groups(self) -> tuple[str, ...]:
        """What stands beside the composer."""
        return ("prototype", "human") if self.arguments.lieder is not None else ("prototype",)

    def notes(self, genre: str) -> Row:
        """A genre's songs as notes; `_sizes` and `_durations` are counts."""
        seeds = self.arguments.seeds

        def make() -> Row:
            return symbolic([song(genre, seed, SYMBOLIC_SECONDS) for seed in range(seeds)])

        state = self._sources.state([genre], "notes")
        return _counted(self._kept.figures(f"notes of {genre}, {seeds} seeds, {SYMBOLIC_SECONDS:g} s", state, make))

    def copied_runs(self) -> Row:
        """Share of runs of twelve notes that the training corpus has too, by style, and of the songs kept back from
        training; nothing without the corpus. Reading it takes two minutes.
        """
        arguments = self.arguments
        if arguments.lieder is None:
            return {}

        def make() -> Row:
            corpus = [[tone.pitch for tone in each.tones] for each in lieder.songs(arguments.lieder)]
            known = copied.known_runs(tune for number, tune in enumerate(corpus) if number % KEPT_BACK)
            found = {HELD_OUT: copied.copied(corpus[::KEPT_BACK], known)}
            for genre in arguments.genres:
                tunes = (notes.melody_of(song(genre, seed, SYMBOLIC_SECONDS)) for seed in range(arguments.seeds))
                found[genre] = copied.copied([[note.pitch for note in tune.notes] for tune in tunes], known)
            return found

        state = self._sources.state(arguments.genres, "notes", "copied")
        return dict(self._kept.figures(f"runs of {len(arguments.genres)} styles, {arguments.seeds} seeds", state, make))

    def sounds(self) -> dict[str, list[Row]]:
        """Every style's songs as sound."""
        arguments = self.arguments
        seconds = arguments.seconds
        return self._played(
            arguments.audio_seeds,
            lambda genre, seed: f"sound of {genre}, seed {seed}, {seconds:g} s",
            ("sound", "spectra"),
            lambda genre, seed: (
                player.sound_of, genre, seed, seconds, arguments.out / f"{genre}.png" if seed == 0 else None,
            ),
        )  # fmt: skip

    def features(self) -> dict[str, list[apart.Float]]:
        """What a classifier hears of every style's songs."""
        kept = self._played(
            self.arguments.apart_seeds,
            lambda genre, seed: f"ear on {genre}, seed {seed}, {APART_SECONDS:g} s",
            ("apart",),
            lambda genre, seed: (player.ear_on, genre, seed, APART_SECONDS),
        )
        return {genre: [apart.as_features(each) for each in own] for genre, own in kept.items()}

    def _played(
        self,
        seeds: int,
        name_of: Callable[[str, int], str],
        measures: tuple[str, ...],
        work_of: Callable[[str, int], tuple[Any, ...]],
    ) -> dict[str, list[Any]]:
        """Figures of songs by style, seed by seed, so that an unfinished report knows a little of every style; the
        players work on what is not known yet. In a report of what is kept, only that.
        """
        if self.pool is None:
            raise AssertionError("A report of notes only was asked for sound.")
        states = {genre: self._sources.state([genre], *measures) for genre in self.arguments.genres}
        songs = [(genre, seed) for seed in range(seeds) for genre in self.arguments.genres]
        if self.arguments.kept_only:
            songs = [each for each in songs if self._kept.has(name_of(*each), states[each[0]])]
        awaited = {
            each: self.pool.submit(*work_of(*each))
            for each in songs
            if not self._kept.has(name_of(*each), states[each[0]])
        }
        found: dict[str, list[Any]] = {genre: [] for genre in self.arguments.genres}
        for genre, seed in songs:
            made = awaited.get((genre, seed))
            make = made.result if made is not None else dict[str, float]
            found[genre].append(self._kept.figures(name_of(genre, seed), states[genre], make))
        return found

    def beside(self, group: str) -> Row:
        """The same figures for the prototype's kind of song, or for people's music."""
        arguments, pool = self.arguments, self.pool
        count = max(4, arguments.seeds)
        rendered = max(2, arguments.audio_seeds) if pool else 0

        def make() -> Row:
            songs = _songs_beside(arguments, group, count)
            row = symbolic(songs)
            row["intervals"] = notes.divergence(row.pop("_sizes"), notes.CORPUS_INTERVALS)  # type: ignore[arg-type]
            row["durations"] = notes.divergence(row.pop("_durations"), notes.CORPUS_DURATIONS)  # type: ignore[arg-type]
            if pool is None:
                return row
            return row | _means(list(pool.map(player.sound_as, [score for _, score in songs[:rendered]])))

        state = self._sources.state(arguments.genres, "notes", "sound", "spectra", "beside")
        return dict(self._kept.figures(f"{group}, {count} songs, {rendered} rendered", state, make))


def _counted(row: dict[str, Any]) -> Row:
    """A row whose counts were JSON."""
    for name in ("_sizes", "_durations"):
        row = {**row, name: Counter({int(key): count for key, count in row[name].items()})}
    return row


def _means(rows: list[Row]) -> Row:
    return {name: _mean(row[name] for row in rows) for name in rows[0]}


def _songs_beside(arguments: argparse.Namespace, group: str, count: int) -> list[Song]:
    if group == "human":
        return beside.human_songs(arguments.lieder, arguments.groove, count, SYMBOLIC_SECONDS)
    some = [genre for genre in arguments.genres if GENRES[genre].drums is not None] or arguments.genres
    names = [some[number % len(some)] for number in range(count)]
    return [beside.prototype_song(name, at, SYMBOLIC_SECONDS) for at, name in enumerate(names)]


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


def _apart(report: Report) -> Row:
    """Whether genres are told apart by their sound at one tempo and one loudness."""
    arguments = report.arguments
    if report.pool is None or arguments.apart_seeds < 2 or len(arguments.genres) < 2:
        return {}
    songs = report.features()
    if sum(len(own) >= 2 for own in songs.values()) < 2:
        return {}
    shares = apart.told_apart(songs)
    print("\ntold apart by sound: " + ", ".join(f"{name} {share:.3f}" for name, share in shares.items()))
    return shares


def _overall(rows: dict[str, Row]) -> dict[str, tuple[float, int]]:
    """Mean over the genres of each measure, and how many genres are outside of its target."""
    found = {}
    for name in dict.fromkeys(name for row in rows.values() for name in row):
        values = [row[name] for row in rows.values() if not math.isnan(row.get(name, math.nan))]
        found[name] = _mean(values), sum(_verdict(name, value) == "!" for value in values)
    return found


def _markdown(report: Report, rows: dict[str, Row], whole: dict[str, Any]) -> str:
    """The tables as a page."""
    arguments = report.arguments
    said = [
        "# The composer's report",
        "",
        f"Made by `make composer-report`: notes of {arguments.seeds} seeds a style ({SYMBOLIC_SECONDS:g} s each), "
        f"sound of {arguments.audio_seeds} ({arguments.seconds:g} s each). **Bold**: outside of its target, which "
        "holds for the mean over seeds. What each measure is and where its target comes from: "
        "[the composer](composer.md#how-it-is-measured).",
        "",
        "## Over all styles",
        "| measure | target | mean | styles outside | lowest, highest song | songs out | human | prototype's kind |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    others = [whole["beside"].get(name, {}) for name in ("human", "prototype")]
    for name, (mean, outside) in _overall(rows).items():
        if name.startswith("octave_"):
            continue
        low, high = TARGETS.get(name, (math.nan, math.nan))
        target = "" if math.isnan(low) else f"{low:g} … {high:g}"
        cells = (_cell(name, each.get(name, math.nan)) for each in others)
        single = " | ".join(_of_songs(name, whole["songs"]))
        said.append(f"| {name} | {target} | {mean:.3g} | {outside or ''} | {single} | {' | '.join(cells)} |")
    for name in ("intervals", "durations"):
        cells = (_cell(name, each.get(name, math.nan)) for each in others)
        low, high = TARGETS[name]
        said.append(f"| {name} | {low:g} … {high:g} | {_cell(name, whole[name])} | | | | {' | '.join(cells)} |")
    for title, shown in (("As notes", _NOTES), ("As sound", _SOUND)):
        columns = [name for name in shown if any(name in row for row in rows.values())]
        if not columns:
            continue
        said += ["", f"## {title}", f"| style | {' | '.join(columns)} |", "| --- " * (len(columns) + 1) + "|"]
        said += [
            f"| {genre} | " + " | ".join(_cell(c, row.get(c, math.nan)) for c in columns) + " |"
            for genre, row in rows.items()
        ]
    for name, title in (("told_apart", "Told apart by sound"), ("prompts", "Strangers' prompts understood")):
        if whole[name]:
            shares = ", ".join(f"{what.replace('_', ' ')} {share:.3g}" for what, share in whole[name].items())
            said += ["", f"{title}: {shares}."]
    if any(whole["songs"].values()):
        said += ["", "## Pictures"]
        said += [f"![{title}](pictures/{name}.png)" for name, title in _PICTURES.items()]
    return "\n".join(said) + "\n"


_NOTES = (
    "in_key", "strong_chord_tones", "repetition", "leaps_over_9", "shared_bars", "copied_runs", "voice_movement",
    "bass_on_one", "ends_on_tonic", "drum_timing_ms", "drum_touch", "hand_timing_ms", "hand_touch", "section_ends",
)  # fmt: skip
_SOUND = (
    "loudness_lufs", "true_peak_dbtp", "lra_lu", "contrast_db", "side_db", "longest_silence", "tilt_db_octave",
    "outside_band_db", "stem_sum_db",
)  # fmt: skip
_PICTURES = {
    "composer-balance": "Each style's songs in its band of reference curves",
    "composer-spread": "Each song's levels, and between which lines they must lie",
    "composer-spectrograms": "Six spectrograms",
}


def _of_songs(name: str, songs: dict[str, list[Row]]) -> tuple[str, str]:
    """The lowest and the highest of a measure of single songs, and how many of how many lie outside of the target,
    which is for the mean over a style's songs."""
    values = [row[name] for own in songs.values() for row in own if not math.isnan(row.get(name, math.nan))]
    if not values:
        return "", ""
    outside = sum(not within(name, value) for value in values)
    return f"{min(values):.3g} … {max(values):.3g}", f"{outside} of {len(values)}" if name in TARGETS else ""


def _cell(name: str, value: float) -> str:
    if math.isnan(value):
        return ""
    return f"**{value:.3g}**" if _verdict(name, value) == "!" else f"{value:.3g}"


def _write(report: Report, rows: dict[str, Row], songs: dict[str, list[Row]], whole: dict[str, Any]) -> None:
    """The page and its pictures below `--out`."""
    out = report.arguments.out
    (out / "report.json").write_text(json.dumps(whole, indent=1), encoding="utf-8")
    pictures = out / "pictures"
    pictures.mkdir(exist_ok=True)
    (out / "composer-report.md").write_text(_markdown(report, rows, whole), encoding="utf-8")
    heard = {genre: own for genre, own in songs.items() if own}
    if heard:
        plots.balance(heard, pictures / "composer-balance.png")
        plots.spread(heard, SPREAD, pictures / "composer-spread.png")
        shown = [path for name in PICTURED if (path := out / f"{name}.png").exists()]
        if shown:
            plots.side_by_side(shown, pictures / "composer-spectrograms.png")


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--audio-seeds", type=int, default=20, help="0: notes only")
    parser.add_argument("--apart-seeds", type=int, default=20, help="songs of each genre for the classifier; 0: none")
    parser.add_argument("--lieder", type=Path, help="the OpenScore Lieder corpus (scores/), for human music beside")
    parser.add_argument("--groove", type=Path, help="the Groove MIDI Dataset's folder (info.csv), for its drummers")
    parser.add_argument("--seconds", type=float, default=45.0, help="length of rendered songs")
    parser.add_argument("--players", type=int, default=os.cpu_count() or 1, help="songs played side by side")
    parser.add_argument("--genres", nargs="*", default=sorted(GENRES))
    parser.add_argument("--kept-only", action="store_true", help="play no song that an earlier call did not play")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "composer-report")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        store, pool = AssetStore(ROOT / "var" / "assets"), None
        if arguments.audio_seeds:
            store.fetch(SOUNDFONT)
            pool = player.players(arguments.players, store.path(SOUNDFONT))
            stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        _report(Report(arguments, pool, store.spec(SOUNDFONT).sha256))
    return 0


def _report(report: Report) -> None:
    """Find every figure, print it and write the page."""
    arguments = report.arguments
    songs: dict[str, list[Row]] = {genre: [] for genre in arguments.genres}
    if report.pool is not None:
        songs = report.sounds()
    rows: dict[str, Row] = {genre: report.notes(genre) for genre in arguments.genres}
    sizes, durations = Counter[int](), Counter[int]()
    copies = report.copied_runs()
    for genre, row in rows.items():
        sizes += row.pop("_sizes")  # type: ignore[arg-type]
        durations += row.pop("_durations")  # type: ignore[arg-type]
        row.update(_means(songs[genre]) if songs[genre] else {})
        row.update({"copied_runs": copies[genre]} if copies else {})
        _print_row(genre, row, first=genre == arguments.genres[0])
    print("\nover all genres (“!” beside a row: outside of its target)")
    for name, (mean, outside) in _overall(rows).items():
        low, high = TARGETS.get(name, (math.nan, math.nan))
        print(f"  {name:<20} mean {mean:8.3f}   target {low:g} … {high:g}   genres outside: {outside}")
    intervals = notes.divergence(sizes, notes.CORPUS_INTERVALS)
    lengths = notes.divergence(durations, notes.CORPUS_DURATIONS)
    print(f"  interval divergence {intervals:.4f} bits (target ≤ 0.05), durations {lengths:.4f} (target ≤ 0.15)")
    print("\nbeside them")
    others = {group: report.beside(group) for group in report.groups()}
    if copies:
        others["human"]["copied_runs"] = copies[HELD_OUT]
    for group, row in others.items():
        _print_row(group, row, first=True)
    whole = {
        "genres": rows,
        "songs": songs,
        "beside": others,
        "intervals": intervals,
        "durations": lengths,
        "prompts": _understood(),
        "told_apart": _apart(report),
    }
    _write(report, rows, songs, whole)
    print(f"\n{arguments.out}: report.json, composer-report.md and its pictures, a spectrogram per genre")


if __name__ == "__main__":
    sys.exit(main())
