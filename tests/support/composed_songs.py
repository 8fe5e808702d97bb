"""Songs by the composer with everything that is known about them: tempo, key, chords, bars."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from services.generation.backends.composer import SOUNDFONT
from services.generation.backends.protocol import GenerationRequest
from services.generation.composer.compose import compose, make_plan
from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.prompt import read_request
from services.generation.composer.render.bounce import bounce
from services.generation.composer.render.progress import Progress
from services.generation.composer.sampler.bank import SoundBank
from services.generation.composer.score import TICKS_PER_BEAT
from services.shared.assets.store import AssetStore

ASSETS = Path(__file__).resolve().parents[2] / "var" / "assets"
RATE = 44_100


@dataclass(frozen=True)
class ComposedChord:
    """Times in seconds; `third` is 3, 4 or None for chords without one."""

    start: float
    end: float
    root: int
    third: int | None


@dataclass(frozen=True)
class ComposedSong:
    """`bpm` counts quarter notes; `felt_bpm` the beats that are tapped (dotted quarters in 6/8).

    Times in seconds. `sounding_until` is where the last bar ends and the final chord begins to ring.
    """

    genre: str
    path: Path
    bpm: float
    meter: str
    compound: bool
    tonic: int
    minor: bool
    bar_seconds: float
    sounding_until: float
    chords: tuple[ComposedChord, ...]
    # Where sections begin, the first one left out.
    borders: tuple[float, ...]
    # What each section is ("verse", "chorus"), the first one as well.
    kinds: tuple[str, ...]

    @property
    def felt_bpm(self) -> float:
        """Tapped beats a minute."""
        return self.bpm * 2.0 / 3.0 if self.compound else self.bpm


class _Scratch:
    """A generation context that only offers a folder."""

    def __init__(self, folder: Path) -> None:
        self.scratch = folder

    def check(self) -> None:
        """Nobody cancels."""

    def progress(self, fraction: float, stage: str, eta_seconds: float | None = None) -> None:
        """Nobody watches."""

    def start(self, sample_rate_hz: int, channels: int, total_samples: int | None) -> None:
        """Nobody listens."""

    def audio(self, samples: object) -> None:
        """Nobody listens."""


class Composer:
    """Renders songs through the real SoundFont; fetched once if nobody has yet."""

    def __init__(self) -> None:
        self._bank = SoundBank(AssetStore(ASSETS).fetch(SOUNDFONT), RATE)

    def song(self, folder: Path, genre: str, seed: int, seconds: float, meter: str = "") -> ComposedSong:
        """One song of a genre, as `master.flac` in a folder that is made; in one of its meters unless one is named."""
        folder.mkdir(parents=True)
        asked = {"genre": genre, **({"meter": meter} if meter else {})}
        request = GenerationRequest("", seconds, "composer", seed, spec=asked)
        plan = make_plan(GENRES[genre], read_request(request), seconds, seed)
        with ThreadPoolExecutor(1) as executor:
            made = bounce(compose(request), self._bank, executor, Progress(_Scratch(folder)))
        for stem in made.stems.values():
            stem.unlink()
        tick = 60.0 / plan.bpm / TICKS_PER_BEAT
        return ComposedSong(
            genre=genre,
            path=made.master_path,
            bpm=plan.bpm,
            meter=plan.spec.meter,
            compound=plan.meter.compound,
            tonic=plan.key.tonic,
            minor=plan.key.minor_like,
            bar_seconds=plan.meter.bar_ticks * tick,
            sounding_until=plan.final_tick * tick,
            chords=tuple(
                ComposedChord(
                    span.start * tick,
                    span.end * tick,
                    span.chord.root,
                    next((tone for tone in (4, 3) if tone in span.chord.tones), None),
                )
                for span in plan.harmony.spans
            ),
            borders=tuple(section.start_bar * plan.meter.bar_ticks * tick for section in plan.sections[1:]),
            kinds=tuple(section.kind for section in plan.sections),
        )
