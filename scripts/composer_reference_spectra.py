"""Measure the reference curves of `composer_measures.spectra`: people's notes through the styles' own instruments, and
released recordings. `python scripts/composer_reference_spectra.py --lieder …/scores --recorded …/songs` prints the
constants of that module.

`--recorded` is a folder whose subfolders hold one song each, as files that sum to it (the Debian packages
fretsonfire-songs-muldjord and fretsonfire-songs-sectoid have `song.ogg` and `guitar.ogg`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import soundfile
from composer_measures import beside, sound, spectra

from services.generation.backends.composer import SOUNDFONT
from services.generation.composer.sampler.bank import SoundBank
from services.shared.assets.store import AssetStore

ROOT = Path(__file__).resolve().parent.parent


def recorded(folder: Path) -> list[spectra.Float]:
    """Relative octave levels of each song below a folder."""
    found = []
    for song in sorted({path.parent for path in folder.rglob("*.ogg")}):
        pieces = []
        for path in sorted(song.glob("*.ogg")):
            with soundfile.SoundFile(path) as file:
                rate = file.samplerate
                pieces.append(np.concatenate([block.mean(axis=1) for block in file.blocks(65_536, always_2d=True)]))
        frames = min(map(len, pieces))
        whole = np.sum([piece[:frames] for piece in pieces], axis=0)
        found.append(spectra.octaves(whole[:, None], rate))
        print(f"# {song.name}: {np.round(found[-1], 1).tolist()}", flush=True)
    return found


def main() -> int:
    """Print the constants."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lieder", type=Path, help="the OpenScore Lieder corpus (scores/)")
    parser.add_argument("--recorded", type=Path, help="a folder of songs")
    parser.add_argument("--songs", type=int, default=6, help="human songs a style")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--styles", nargs="*", default=spectra.HUMAN_STYLES)
    arguments = parser.parse_args()
    if arguments.recorded is not None:
        curves = recorded(arguments.recorded)
        strays = max(float(np.abs(curve[:7] - curve[:7].mean() - spectra.POP.middle).max()) for curve in curves)
        print(f"_RECORDED = {_constant(curves)}  # strays from pop by {strays:.1f} dB at most", flush=True)
    if arguments.lieder is not None:
        store = AssetStore(ROOT / "var" / "assets")
        store.fetch(SOUNDFONT)
        bank = SoundBank(store.path(SOUNDFONT), sound.RATE)
        for genre in arguments.styles:
            songs = beside.human_songs_for(genre, arguments.lieder, arguments.songs, arguments.seconds)
            rendered = [sound.render(score, bank)["audio"] for _, score in songs]
            print(
                f'    "{genre}": {_constant([spectra.octaves(audio, sound.RATE) for audio in rendered])},', flush=True
            )
    return 0


def _constant(curves: list[spectra.Float]) -> str:
    """Mean and deviation of curves, as a literal."""
    mean, deviation = np.mean(curves, axis=0), np.std(curves, axis=0, ddof=1)
    return f"({tuple(np.round(mean - mean.mean(), 1).tolist())}, {tuple(np.round(deviation, 1).tolist())})"


if __name__ == "__main__":
    sys.exit(main())
