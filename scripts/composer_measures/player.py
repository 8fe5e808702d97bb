"""One song played and measured in a process of its own: songs side by side keep every core busy, whereas the threads of
a single song wait for one another, and for the measuring after it.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from services.generation.composer.sampler.bank import SoundBank
from services.generation.composer.score import Score

from . import apart, sound
from .songs import song

_banks: list[SoundBank] = []


def players(count: int, soundfont: Path) -> ProcessPoolExecutor:
    """So many processes that play these instruments."""
    return ProcessPoolExecutor(count, get_context("spawn"), _open, (soundfont,))


def _open(soundfont: Path) -> None:
    _banks.append(SoundBank(soundfont, sound.RATE))


def sound_of(genre: str, seed: int, seconds: float, picture: Path | None) -> dict[str, float]:
    """A song's measures as sound; its spectrogram where a picture is asked for."""
    row = sound.render(song(genre, seed, seconds)[1], _banks[0], threads=1)
    audio = row.pop("audio")
    if picture is not None:
        from . import plots  # draws, which most songs do without

        plots.spectrogram(audio, f"{genre}, seed {seed}", picture)
    return {measure: float(value) for measure, value in row.items()}


def sound_as(score: Score) -> dict[str, float]:
    """The same of a score that is no song of the composer's."""
    row = sound.render(score, _banks[0], threads=1)
    row.pop("audio")
    return {measure: float(value) for measure, value in row.items()}


def ear_on(genre: str, seed: int, seconds: float) -> list[float]:
    """What a classifier hears of a song at its one tempo."""
    audio = sound.master(song(genre, seed, seconds, apart.BPM)[1], _banks[0], threads=1)
    return [float(each) for each in apart.features(audio)]
