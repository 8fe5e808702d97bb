"""The plan of a song: every decision that its parts share. Writers read it and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from services.generation.composer.form import Section
from services.generation.composer.genres.profile import Genre
from services.generation.composer.harmony import ChordTimeline
from services.generation.composer.patterns import Meter
from services.generation.composer.pitch import Key
from services.generation.composer.score import TICKS_PER_BEAT
from services.generation.composer.spec import MusicSpec
from services.generation.composer.streams import Stream


@dataclass(frozen=True, slots=True)
class Plan:
    """Times are ticks on the straight grid: bars, then the final chord at `final_tick`, which rings until `end_tick`.

    `ritardando_ticks` is how much later than the grid the final chord comes;
    """

    seed: int
    genre: Genre
    spec: MusicSpec
    key: Key
    meter: Meter
    bpm: float
    sections: tuple[Section, ...]
    harmony: ChordTimeline
    bars: int
    final_tick: int
    end_tick: int
    ritardando_ticks: int = 0

    def stream(self, *path: str | int) -> Stream:
        """A stream of chance for one purpose."""
        return Stream(self.seed, self.genre.id, *path)

    def ticks(self, milliseconds: float) -> float:
        """A time in ticks at this tempo."""
        return milliseconds * self.bpm * TICKS_PER_BEAT / 60_000.0

    def section_of(self, bar: int) -> Section:
        """The section that a bar lies in; the last one for bars after it."""
        for section in self.sections:
            if bar < section.end_bar:
                return section
        return self.sections[-1]

    def energy_of(self, bar: int) -> float:
        """Energy of a bar of the song."""
        section = self.section_of(bar)
        return section.energy_at(bar - section.start_bar)

    @property
    def peak_energy(self) -> float:
        """The highest energy that any section reaches."""
        return max(max(section.energy_from, section.energy_to) for section in self.sections)
