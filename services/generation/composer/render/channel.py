"""One part as a source of audio: the player, the strip behind it, and the kick that ducks it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.generation.composer.mix.automation import GainLine
from services.generation.composer.mix.levels import STILL
from services.generation.composer.mix.stem import BusSettings, Sends
from services.generation.composer.mix.strip import Match, Strip, StripSettings
from services.generation.composer.render.timeline import Timeline
from services.generation.composer.sampler.bank import SoundBank
from services.generation.composer.sampler.player import Player
from services.generation.composer.score import Part, Score

Float32 = NDArray[np.float32]


def part_player(timeline: Timeline, part: Part, bank: SoundBank, start: int = 0, end: int | None = None) -> Player:
    """A player of the notes of a part that begin in `[start, end)`."""
    instrument = bank.instrument(part.bank, part.program)
    notes = timeline.notes(part, start, end)
    return Player(instrument, notes, timeline.controls(part, start), percussion=part.drums)


def strip_settings(score: Score, part: Part) -> StripSettings:
    """A part's place in the mix."""
    return StripSettings(
        stem=part.stem,
        gain_db=part.gain_db,
        pan=part.pan,
        width=part.width,
        low_cut_hz=part.low_cut_hz,
        high_cut_hz=min(part.high_cut_hz, 20_000.0),
        bit_depth=0 if part.drums else score.mix.bit_depth,
        air_db=part.air_db,
    )


def part_sends(part: Part) -> Sends:
    """A part's sends."""
    return Sends(part.reverb_send_db, part.delay_send_db)


def bus_settings(score: Score) -> BusSettings:
    """What the genre asks of all stems."""
    mix = score.mix
    return BusSettings(
        reverb_seconds=mix.reverb_seconds,
        reverb_dark_hz=mix.reverb_dark_hz,
        delay_seconds=mix.delay_beats * score.seconds_per_beat,
        delay_feedback=mix.delay_feedback,
        drive_db=mix.drive_db,
        low_cut_hz=mix.master_low_cut_hz,
        weight_db=mix.weight_db,
        body_db=mix.body_db,
        high_cut_hz=mix.master_high_cut_hz,
        width_db=mix.width_db,
    )


class Channel:
    """Renders one part, block after block."""

    def __init__(self, timeline: Timeline, part: Part, bank: SoundBank, match: Match) -> None:
        self._player = part_player(timeline, part, bank)
        self._strip = Strip(strip_settings(timeline.score, part), match, timeline.rate_hz)
        self._ducking: GainLine | None = timeline.ducking if part.sidechain else None
        self._frame = 0
        self._still = True

    def render(self, frames: int) -> Float32 | None:
        """The next block, `[2, frames]`; None while the part is silent."""
        rests = self._player.rests(frames)
        audio = self._player.render(frames)
        if rests and self._still:
            self._strip.rest(frames)
        else:
            self._strip.process(audio)
            self._still = rests and float(np.abs(audio).max()) < STILL
        if self._ducking and not self._still:
            duck = self._ducking.block(self._frame, frames)
            if duck is not None:
                audio *= duck
        self._frame += frames
        return None if rests and self._still else audio
