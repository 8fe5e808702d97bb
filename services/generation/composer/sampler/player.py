"""One instrument that plays its notes block by block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.generation.composer.sampler import kernel
from services.generation.composer.sampler.bank import Instrument
from services.generation.composer.sampler.controls import Automation, Controls
from services.generation.composer.sampler.interpolation import GUARD
from services.generation.composer.sampler.kernel import TICK
from services.generation.composer.sampler.samples import Sample
from services.generation.composer.sampler.voice import VoiceSettings

Float32 = NDArray[np.float32]

MAX_VOICES = 64
"""Voices of one instrument that may sound at once; a new one takes the place of the quietest."""


@dataclass(frozen=True, slots=True, order=True)
class NoteEvent:
    """A note in frames of the song."""

    start: int
    key: int
    velocity: int
    end: int


class _Voice:
    """A sounding region: its kernel vectors and the sample that it reads."""

    __slots__ = ("choked", "exclusive_class", "note", "parameters", "reach", "sample", "start", "state")

    def __init__(self, settings: VoiceSettings, sample: Sample, note: int, start: int, end: int) -> None:
        p = settings.parameters.copy()
        p[kernel.WRAP_START], p[kernel.WRAP_END], p[kernel.END] = sample.wrap_start, sample.wrap_end, sample.end
        p[kernel.LOOP_MODE] = 0.0 if not sample.looped else 2.0 if sample.through else 1.0
        p[kernel.RELEASE_AGE] = max(end - start, 0)
        self.parameters = p
        self.state = np.zeros(kernel.STATE, np.float64)
        self.state[kernel.POSITION] = GUARD
        self.sample = sample
        self.note = note
        self.start = start
        self.exclusive_class = settings.exclusive_class
        self.reach = settings.reach
        self.choked = False

    @property
    def gain(self) -> float:
        """How loud the voice is now; before its first block, how loud it will be."""
        return float(self.state[kernel.LAST_GAIN] if self.state[kernel.AGE] else self.parameters[kernel.GAIN])

    def choke(self, frame: int) -> None:
        """Fade quickly from a frame of the song on."""
        if not self.choked:
            self.parameters[kernel.CHOKE_AGE] = max(frame - self.start, 0)
            self.choked = True


class Player:
    """Plays the notes of one part through one instrument.

    A melodic key that is struck again while it sounds is released first; percussion rings on, as drums do.
    """

    def __init__(
        self, instrument: Instrument, notes: Iterable[NoteEvent], controls: Controls, *, percussion: bool = False
    ) -> None:
        self._instrument = instrument
        self._controls = controls
        self._notes = sorted(notes)
        self._ends = [controls.released_at(note.end) for note in self._notes]
        if not percussion:
            self._release_before_repeats()
        self._next = 0
        self._frame = 0
        self._voices: list[_Voice] = []

    @property
    def voices(self) -> int:
        """How many voices sound now."""
        return len(self._voices)

    def rests(self, frames: int) -> bool:
        """Whether the next block will be silent: nothing sounds, and no note begins in it."""
        later = self._next >= len(self._notes) or self._notes[self._next].start >= self._frame + frames
        return later and not self._voices

    def render(self, frames: int) -> Float32:
        """The next block, `[2, frames]`; `frames` is a multiple of `TICK`."""
        if frames % TICK:
            raise ValueError(f"A block is a multiple of {TICK} frames, not {frames}.")
        out = np.zeros((2, frames), np.float32)
        end = self._frame + frames
        while self._next < len(self._notes) and self._notes[self._next].start < end:
            self._strike(self._next)
            self._next += 1
        if self._voices:
            automation = self._controls.block(self._frame, frames)
            self._voices = [voice for voice in self._voices if self._sound(voice, automation, out)]
            balance = self._controls.balance(self._frame, frames)
            if balance is not None:
                out *= balance
        self._frame = end
        return out

    def _release_before_repeats(self) -> None:
        following: dict[int, int] = {}
        for index in range(len(self._notes) - 1, -1, -1):
            note = self._notes[index]
            self._ends[index] = min(self._ends[index], following.get(note.key, self._ends[index]))
            following[note.key] = note.start

    def _strike(self, index: int) -> None:
        note = self._notes[index]
        for settings in self._instrument.settings(note.key, note.velocity):
            if settings.exclusive_class:
                for voice in self._voices:
                    if voice.exclusive_class == settings.exclusive_class and voice.note != index:
                        voice.choke(note.start)
            sounding = [voice for voice in self._voices if not voice.choked]
            if len(sounding) >= MAX_VOICES:
                min(sounding, key=lambda voice: voice.gain).choke(note.start)
            # Voices that were choked fade for a moment; a flood of notes must not pile them up.
            if len(self._voices) < 2 * MAX_VOICES:
                sample = self._instrument.sample(settings)
                self._voices.append(_Voice(settings, sample, index, note.start, self._ends[index]))

    def _sound(self, voice: _Voice, automation: Automation, out: Float32) -> bool:
        """Add one voice to a block; False when it has ended."""
        offset = max(voice.start - self._frame, 0)
        position = voice.state[kernel.POSITION]
        self._instrument.ensure(voice.sample, position + voice.reach * (out.shape[1] - offset))
        return bool(
            kernel.render_voice(
                voice.sample.data,
                self._instrument.table,
                voice.parameters,
                voice.state,
                automation.bend_cents,
                automation.wheel,
                automation.expression,
                offset,
                out,
            )
        )
