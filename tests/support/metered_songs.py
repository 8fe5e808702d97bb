"""Songs as notes whose meter is known: 3/4, 4/4 straight and swung, 6/8 and 12/8, with chance in everything else."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.generation.composer.sampler.bank import SoundBank
from tests.support.rendered_midi import KnownNote, render

FEELS = ("3/4", "4/4", "4/4 swung", "6/8", "12/8")
_SCALE = (0, 2, 4, 5, 7, 9, 11)
_KICK, _SNARE, _STICK, _CLOSED, _RIDE = 36, 38, 37, 42, 51
_COMPS = (0, 4, 24, 25, 26, 48, 16, 11)
_BASSES = (32, 33, 34, 38)
_LEADS = (73, 40, 65, 80, 56, 22, 0)
# How the beats of a melody are divided: places in twelfths of a beat.
_RHYTHMS = {
    "straight": ((0,), (0, 6), (0, 6), (), (0, 3, 6, 9), (0, 9), (6,), (0, 6, 9)),
    "swung": ((0,), (0, 8), (0, 8), (), (8,), (0, 8), (0, 4, 8)),
    "compound": ((0,), (0, 8), (0, 4, 8), (0, 4, 8), (), (0, 4), (4, 8), (0, 6, 8)),
}


@dataclass(frozen=True)
class MeteredSong:
    """`beats` a bar, each `beat_seconds` long (a dotted quarter where `meter` is 6/8 or 12/8); `begin` is the one."""

    feel: str
    beats: int
    beat_seconds: float
    begin: float
    bars: int
    audio: NDArray[np.float32]

    @property
    def meter(self) -> str:
        """The time signature."""
        return self.feel.split()[0]


def metered_song(bank: SoundBank, feel: str, seed: int, seconds: float = 26.0) -> MeteredSong:
    """A song of three to five parts. Every choice hangs on the seed alone."""
    rng = random.Random(f"{feel} {seed}")
    kind = "compound" if feel.endswith("8") else "swung" if feel.endswith("swung") else "straight"
    beats = {"3/4": 3, "4/4": 4, "6/8": 2, "12/8": 4}[feel.split()[0]]
    slow, fast = {"straight": (72, 168), "swung": (80, 190), "compound": (44, 104)}[kind]
    beat = 60.0 / rng.uniform(slow, fast)
    begin, bars = rng.uniform(0.05, 0.7), max(6, int(seconds / beat / beats))
    writer = _Writer(rng, kind, beats, beat, begin, bars)
    parts = [
        (writer.comp(), rng.choice(_COMPS), False, rng.uniform(0.5, 1.0)),
        (writer.bass(), rng.choice(_BASSES), False, rng.uniform(0.6, 1.1)),
    ]
    if rng.random() < 0.75:
        parts.append((writer.drums(), 0, True, rng.uniform(0.4, 1.1)))
    if rng.random() < 0.8:
        parts.append((writer.lead(), rng.choice(_LEADS), False, rng.uniform(0.4, 0.9)))
    sounds = [(gain * render(bank, notes, program, drums=drums)) for notes, program, drums, gain in parts if notes]
    mix = np.zeros((max(len(sound) for sound in sounds), 2), np.float32)
    for sound in sounds:
        mix[: len(sound)] += sound
    return MeteredSong(feel, beats, beat, begin, bars, (mix * (0.7 / max(1e-9, float(np.abs(mix).max())))))


class _Writer:
    """The parts of one song."""

    def __init__(self, rng: random.Random, kind: str, beats: int, beat: float, begin: float, bars: int) -> None:
        self._rng, self._kind, self._beats, self._beat, self._begin = rng, kind, beats, beat, begin
        self._bars = bars
        self._loose = rng.uniform(0.0, 0.01)
        # Where the second half of a swung beat lies, in twelfths.
        self._swing = rng.uniform(7.2, 8.3)
        key = rng.randrange(12)
        loop = [rng.choice((0, 3, 4, 5, 1)) for _ in range(rng.choice((4, 4, 8)))]
        self._chords: list[tuple[int, tuple[int, ...]]] = []
        for bar in range(bars):
            degree = 0 if bar % len(loop) == 0 else loop[bar % len(loop)]
            tones = tuple(key + _SCALE[(degree + step) % 7] + 12 * ((degree + step) // 7) for step in (0, 2, 4))
            self._chords.append((tones[0], tones))
        self._scale = [key + 60 + step + 12 * octave for octave in (0, 1) for step in _SCALE]

    def _note(self, bar: int, twelfths: float, length: float, pitch: int, loud: int) -> KnownNote:
        """At so many twelfths of a beat after the bar's one, `length` of them long."""
        if self._kind == "swung" and 5.5 < twelfths % 12 < 8.5:
            twelfths = twelfths - twelfths % 12 + self._swing
        at = self._begin + (bar * self._beats + twelfths / 12) * self._beat + self._rng.gauss(0.0, self._loose)
        at = max(0.0, at)
        velocity = min(127, max(1, round(loud + self._rng.gauss(0.0, 6.0))))
        return KnownNote(at, at + max(0.05, length / 12 * self._beat), pitch, velocity)

    def _divisions(self) -> tuple[int, ...]:
        return {"straight": (0, 6), "swung": (0, 8), "compound": (0, 4, 8)}[self._kind]

    def _places(self) -> Iterator[tuple[int, int, int]]:
        """Every division of every beat: beat, which division, twelfths."""
        for beat in range(self._beats):
            for number, place in enumerate(self._divisions()):
                yield beat, number, 12 * beat + place

    def comp(self) -> list[KnownNote]:
        way = self._rng.choice(("block", "pulse", "broken", "after", "broken"))
        found = []
        for bar, (_, tones) in enumerate(self._chords):
            voiced = [52 + (tone - 52) % 12 for tone in tones]
            if way == "block":
                found += [self._note(bar, 0, 11.5 * self._beats, pitch, 80) for pitch in voiced]
                continue
            for index, (beat, number, place) in enumerate(self._places()):
                first = beat == 0 and number == 0
                if way == "broken":
                    arch = (*sorted(voiced), *sorted(voiced)[1:-1][::-1])
                    pitch = arch[index % len(arch)] + (0 if index % (2 * len(arch)) < len(arch) else 12)
                    found.append(self._note(bar, place, 5.0, pitch, 86 if first else 72))
                elif way == "pulse" and number == 0:
                    found += [self._note(bar, place, 9.0, pitch, 88 if first else 72) for pitch in voiced]
                elif way == "after" and (beat if self._kind != "compound" else number):
                    found += [self._note(bar, place, 4.0, pitch, 74) for pitch in voiced if number != 1 or beat]
        return found

    def bass(self) -> list[KnownNote]:
        way = self._rng.choice(("one", "beats", "fifths", "upbeat"))
        found = []
        for bar, (root, tones) in enumerate(self._chords):
            low = 36 + (root - 36) % 12
            fifth = 36 + (tones[2] - 36) % 12
            if way == "one":
                found.append(self._note(bar, 0, 11.0 * self._beats, low, 92))
                continue
            for beat in range(self._beats):
                pitch = fifth if way == "fifths" and beat == self._beats // 2 else low
                if way == "fifths" and beat not in (0, self._beats // 2):
                    continue
                found.append(
                    self._note(bar, 12 * beat, 10.0 if way != "upbeat" else 7.0, pitch, 95 if beat == 0 else 82)
                )
                if way == "upbeat" and self._rng.random() < 0.6:
                    found.append(self._note(bar, 12 * beat + self._divisions()[-1], 3.0, pitch, 76))
        return found

    def drums(self) -> list[KnownNote]:
        keeper = self._rng.choice((_CLOSED, _CLOSED, _RIDE))
        every = self._rng.random() < 0.75
        back = {2: (1,), 3: self._rng.choice(((1, 2), (2,), ())), 4: (1, 3)}[self._beats]
        extra = self._rng.choice((0.0, 0.15, 0.3))
        snare = self._rng.choice((_SNARE, _SNARE, _STICK))
        found = []
        for bar in range(self._bars):
            for beat, number, place in self._places():
                kick = number == 0 and (beat == 0 or (self._beats == 4 and beat == 2))
                if kick or (number > 0 and self._rng.random() < extra):
                    found.append(self._note(bar, place, 1.0, _KICK, 105 if kick else 85))
                if number == 0 and beat in back:
                    found.append(self._note(bar, place, 1.0, snare, 100))
                if number == 0 or (every and (self._kind != "swung" or beat % 2 == 1 or self._rng.random() < 0.3)):
                    found.append(self._note(bar, place, 1.0, keeper, 84 if number == 0 else 70))
        return found

    def lead(self) -> list[KnownNote]:
        rhythms, at = _RHYTHMS[self._kind], 7
        found = []
        for bar in range(self._bars):
            for beat in range(self._beats):
                places = self._rng.choice(rhythms)
                for index, place in enumerate(places):
                    at = min(len(self._scale) - 1, max(0, at + self._rng.choice((-2, -1, -1, 0, 1, 1, 2))))
                    end = places[index + 1] if index + 1 < len(places) else 12
                    found.append(self._note(bar, 12 * beat + place, 0.9 * (end - place), self._scale[at], 84))
        return found
