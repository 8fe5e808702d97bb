"""Master a folder of real music with every preset and see where it lands: `python scripts/check_mastering.py FOLDER`.

Each file is taken in as an upload is (decoded by the confined child, kept losslessly), mastered as a job does it and
then read by libebur128, which shares nothing with the meters that mastering steers by. Prints a line for each track and
preset while it goes, and one table at the end: what the track was, the largest distance to a preset's loudness, and how
far its highest true peak stays below the ceiling. Ends with 1 when a master is more than 0.2 LU off without saying that
its target is out of reach, or above its ceiling.

`--composed 8` adds songs by the composer, or masters nothing else where no folder is given; `--presets streaming,club`
takes fewer presets, `--seconds 60` only the beginning of each track. What is no sound that can be mastered (silence,
less than 0.4 s) is named and left out.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import soundfile

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from services.processing.importing.mastering_copy import keep  # noqa: E402
from services.processing.mastering.engineer import TOLERANCE_LU, Mastered, master  # noqa: E402
from services.processing.mastering.presets import PRESETS, Preset  # noqa: E402
from services.processing.media.measuring import Measured, measure  # noqa: E402
from services.shared.errors import AppError  # noqa: E402

ENDINGS = {".wav", ".flac", ".aiff", ".aif", ".mp3", ".ogg", ".oga", ".opus"}
_BLOCK = 65_536
_FIRST_SEED = 9_000


@dataclass
class Landed:
    """One track: what it was, and by preset how far off its loudness and its ceiling the master is."""

    name: str
    before: Measured
    error_lu: dict[str, float] = field(default_factory=dict)
    # How far the true peak is above the ceiling (below 0: under it), in dB.
    over_db: dict[str, float] = field(default_factory=dict)
    out_of_reach: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every loudness that was said to be met is, and every ceiling."""
        met = (abs(error) <= TOLERANCE_LU for name, error in self.error_lu.items() if name not in self.out_of_reach)
        return all(met) and all(over <= 0.0 for over in self.over_db.values())


def no_check() -> None:
    """Nobody cancels."""


def recordings(folder: Path | None, scratch: Path, seconds: float) -> Iterator[tuple[str, Path]]:
    """(name, lossless copy) of each file below `folder`; a copy lives until the next one is asked for."""
    if folder is None:
        return
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS):
        name = str(path.relative_to(folder))
        copy = scratch / "copy.flac"
        try:
            keep(path, copy, no_check, lambda _done: None)
        except AppError as error:
            print(f"{name}: left out. {error.message}", flush=True)
            continue
        yield name, _beginning(copy, scratch / "beginning.flac", seconds)


def _beginning(path: Path, target: Path, seconds: float) -> Path:
    info = soundfile.info(path)
    if info.duration <= seconds:
        return path
    left = int(seconds * info.samplerate)
    with (
        soundfile.SoundFile(path) as file,
        soundfile.SoundFile(target, "w", info.samplerate, info.channels, subtype=info.subtype) as out,
    ):
        while left:
            block = file.read(min(_BLOCK, left), dtype="int32", always_2d=True)
            out.write(block)
            left -= len(block)
    return target


def composed(count: int, scratch: Path, seconds: float) -> Iterator[tuple[str, Path]]:
    """(name, master) of songs by the composer, a genre each, before anything of a master's bus is on them."""
    if not count:
        return
    from services.generation.composer.genres.catalogue import GENRES
    from tests.support.composed_songs import Composer

    composer, genres = Composer(), sorted(GENRES)
    for number in range(count):
        genre = genres[number * len(genres) // count]
        folder = scratch / f"composed-{number}"
        yield f"composed: {genre}", composer.song(folder, genre, _FIRST_SEED + number, min(seconds, 60.0)).path


def mastered(source: Path, preset: Preset, scratch: Path) -> tuple[Mastered, Measured]:
    """One master, as a job makes it, and what libebur128 reads off it."""
    target = scratch / "master.flac"
    made = master(
        source,
        target,
        preset,
        target_lufs=preset.target_lufs,
        ceiling_dbtp=preset.ceiling_dbtp,
        reference=None,
        scratch=scratch / "shaped",
        check=no_check,
        report=lambda _done, _stage: None,
    )
    return made, measure(target, no_check)


def check(name: str, source: Path, presets: list[Preset], scratch: Path) -> Landed | None:
    """Master one track with each preset; None when it cannot be mastered at all."""
    landed = Landed(name, measure(source, no_check))
    for preset in presets:
        try:
            made, heard = mastered(source, preset, scratch)
        except AppError as error:
            print(f"{name}: left out. {error.message}", flush=True)
            return None
        landed.error_lu[preset.name] = heard.loudness_lufs - preset.target_lufs
        landed.over_db[preset.name] = heard.true_peak_dbtp - preset.ceiling_dbtp
        if not made.target_met:
            landed.out_of_reach.append(preset.name)
        print(
            f"{name}: {preset.name} asks {preset.target_lufs:g} LUFS, {preset.ceiling_dbtp:g} dBTP; "
            f"landed {heard.loudness_lufs:.2f} LUFS, {heard.true_peak_dbtp:.2f} dBTP"
            f"{'' if made.target_met else ' (said to be out of reach)'}; limiter {made.limiting_mean_db:.1f} dB "
            f"on average, {made.limiting_deepest_db:.1f} at most, {made.rounds} rounds",
            flush=True,
        )
    return landed


def table(found: list[Landed]) -> str:
    """All tracks in one Markdown table."""
    lines = [
        "| track | s | kHz | ch | LUFS | dBTP | largest error, LU | closest to the ceiling, dB | out of reach |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in found:
        before = each.before
        met = {name: error for name, error in each.error_lu.items() if name not in each.out_of_reach}
        worst = max(met, key=lambda name: abs(met[name]), default=None)
        close = max(each.over_db, key=lambda name: each.over_db[name])
        lines.append(
            f"| {each.name} | {before.duration_seconds:.0f} | {before.sample_rate_hz / 1_000:g} | {before.channels} "
            f"| {before.loudness_lufs:.1f} | {before.true_peak_dbtp:.1f} "
            f"| {'–' if worst is None else f'{met[worst]:+.3f} ({worst})'} "
            f"| {each.over_db[close]:+.2f} ({close}) | {', '.join(each.out_of_reach) or '–'} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Master everything and judge it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--composed", type=int, default=0, metavar="SONGS")
    parser.add_argument("--presets", default=",".join(PRESETS))
    parser.add_argument("--seconds", type=float, default=math.inf)
    arguments = parser.parse_args()
    if arguments.folder is None and not arguments.composed:
        parser.error("A folder with music is needed, or --composed with a number of songs.")
    if arguments.folder is not None and not arguments.folder.is_dir():
        parser.error(f"{arguments.folder} is no folder.")
    asked = arguments.presets.split(",")
    if unknown := [name for name in asked if name not in PRESETS]:
        parser.error(f"{', '.join(unknown)}: there is no such preset. There are {', '.join(PRESETS)}.")
    presets = [preset for name, preset in PRESETS.items() if name in asked]
    found = []
    with tempfile.TemporaryDirectory(prefix="mg-check-") as folder:
        scratch = Path(folder)
        tracks = itertools.chain(
            recordings(arguments.folder, scratch, arguments.seconds),
            composed(arguments.composed, scratch, arguments.seconds),
        )
        for name, source in tracks:
            if (landed := check(name, source, presets, scratch)) is not None:
                found.append(landed)
    if not found:
        print("Nothing in this folder can be mastered.")
        return 1
    missed = [each.name for each in found if not each.holds]
    print(f"\n{table(found)}\n")
    print(f"{len(found)} tracks, {len(presets)} presets each; with a miss: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
