"""A score's beats as frames: what each part plays and when, and how the whole song's level moves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.generation.composer.mix.automation import GainLine, ducking_line, stepped_line
from services.generation.composer.sampler.controls import (
    EXPRESSION,
    MODULATION,
    PAN,
    SUSTAIN,
    VOLUME,
    ControlEvent,
    Controls,
)
from services.generation.composer.sampler.player import NoteEvent
from services.generation.composer.score import Part, Score

Float32 = NDArray[np.float32]

# Acoustic and electric bass drum of the General MIDI drum map.
_KICKS = (35, 36)
_SECTION_GLIDE_SECONDS = 0.06
_SHORTEST_FADE_SECONDS, _LONGEST_FADE_SECONDS = 0.5, 3.0
_LARGEST_FADE_SHARE = 0.25
# SoundFonts are voiced for firm playing and grow dull below it; loudness is matched later, so only the colour changes.
_FIRM_VELOCITY, _FIRM_PIANO_VELOCITY, _LARGEST_LIFT = 92, 100, 28
_PIANOS = range(4)


@dataclass(frozen=True, slots=True)
class Fade:
    """The song's last frames: a raised cosine down to silence, so that whatever still rings ends without a cut."""

    start: int
    end: int

    def block(self, start: int, frames: int) -> Float32 | None:
        """The linear gain of frames `[start, start + frames)`; None before the fade."""
        if start + frames <= self.start:
            return None
        places = (np.arange(start, start + frames, dtype=np.float64) - self.start) / max(self.end - self.start, 1)
        return (0.5 + 0.5 * np.cos(np.pi * np.clip(places, 0.0, 1.0))).astype(np.float32)


class Timeline:
    """Everything of a score that depends on time, at one sample rate."""

    def __init__(self, score: Score, rate_hz: int) -> None:
        self.score = score
        self.rate_hz = rate_hz
        self.total_frames = round(score.duration_seconds * rate_hz)
        self._frames: dict[int, tuple[Part, NDArray[np.int64], NDArray[np.int64]]] = {}
        self.sections = self._section_line()
        self.ducking = self._ducking_line()
        self.fade = self._fade()

    def frame(self, beats: float) -> int:
        """The frame on which a beat falls."""
        return round(beats * self.score.seconds_per_beat * self.rate_hz)

    def bar_frame(self, bar: int) -> int:
        """The frame on which a bar begins."""
        return self.frame(bar * self.score.beats_per_bar)

    def notes(self, part: Part, start: int = 0, end: int | None = None) -> list[NoteEvent]:
        """The notes of a part that sound in `[start, end)`, in frames counted from `start`.

        A melodic note that began before is struck at `start`; percussion that began before is left out.
        """
        end = self.total_frames if end is None else end
        firsts, lasts = self._note_frames(part)
        sounding = (firsts >= start) & (firsts < end)
        if not part.drums:
            sounding |= (firsts < start) & (lasts > start)
        lift = self._velocity_lift(part)
        events = []
        for index in np.flatnonzero(sounding).tolist():
            note = part.notes[index]
            first, last = int(firsts[index]) - start, int(lasts[index]) - start
            events.append(NoteEvent(max(first, 0), note.pitch, min(note.velocity + lift, 127), last))
        return events

    def _note_frames(self, part: Part) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and last frame of every note of a part, computed once: long songs are asked about in many windows."""
        kept = self._frames.get(id(part))
        if kept is None:
            beats = np.array([(note.start_beats, note.end_beats) for note in part.notes], np.float64).reshape(-1, 2)
            both = np.rint(beats * self.score.seconds_per_beat * self.rate_hz).astype(np.int64)
            # The part is kept beside its frames, so that no other part ever gets its id.
            kept = self._frames[id(part)] = (part, both[:, 0], both[:, 1])
        return kept[1], kept[2]

    @staticmethod
    def _velocity_lift(part: Part) -> int:
        """What is added to every velocity of a part, so that its mean is a firm one; drums keep their ghost notes."""
        if part.drums or not part.notes:
            return 0
        mean = sum(note.velocity for note in part.notes) / len(part.notes)
        firm = _FIRM_PIANO_VELOCITY if part.program in _PIANOS else _FIRM_VELOCITY
        return round(min(max(firm - mean, 0.0), _LARGEST_LIFT))

    def controls(self, part: Part, start: int = 0) -> Controls:
        """The controllers of a part, in frames counted from `start`."""

        def controller(number: int) -> list[ControlEvent]:
            changes = (change for change in part.controls if change.controller == number)
            return [ControlEvent(self.frame(change.start_beats) - start, change.value) for change in changes]

        return Controls(
            self.rate_hz,
            bends=[ControlEvent(self.frame(bend.start_beats) - start, bend.semitones) for bend in part.bends],
            modulation=controller(MODULATION),
            volume=controller(VOLUME),
            pan=controller(PAN),
            expression=controller(EXPRESSION),
            pedal=controller(SUSTAIN),
            wow_cents=0.0 if part.drums else self.score.mix.wow_cents,
        )

    def gain(self, start: int, frames: int) -> Float32 | None:
        """The song's own gain for a block: section levels and the final fade; None stands for unity."""
        section, fade = self.sections.block(start, frames), self.fade.block(start, frames)
        if section is None or fade is None:
            return fade if section is None else section
        return section * fade

    def _section_line(self) -> GainLine:
        steps = [
            (
                self.bar_frame(section.start_bar),
                self.bar_frame(section.end_bar),
                section.gain_db,
                section.gain_db + section.swell_db,
            )
            for section in self.score.sections
        ]
        return GainLine(stepped_line(steps or [(0, 0, 0.0, 0.0)], _SECTION_GLIDE_SECONDS * self.rate_hz))

    def _ducking_line(self) -> GainLine | None:
        mix = self.score.mix
        if mix.sidechain_db <= 0.0 or not any(part.sidechain for part in self.score.parts):
            return None
        kicks = {
            self.frame(note.start_beats)
            for part in self.score.parts
            if part.drums
            for note in part.notes
            if note.pitch in _KICKS
        }
        release = mix.sidechain_release_beats * self.score.seconds_per_beat
        return ducking_line(sorted(kicks), mix.sidechain_db, release, self.rate_hz) if kicks else None

    def _fade(self) -> Fade:
        music_ends = self.score.total_beats * self.score.seconds_per_beat
        tail = self.score.duration_seconds - music_ends
        longest = min(_LONGEST_FADE_SECONDS, _LARGEST_FADE_SHARE * self.score.duration_seconds)
        seconds = min(max(tail, _SHORTEST_FADE_SECONDS), longest)
        return Fade(self.total_frames - math.ceil(seconds * self.rate_hz), self.total_frames)
