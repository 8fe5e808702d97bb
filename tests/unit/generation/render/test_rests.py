"""Who has nothing to play stops working, and comes back as if it never had."""

from __future__ import annotations

import numpy as np
import pytest

from services.generation.composer.mix.dynamics import Compressor, CompressorSettings
from services.generation.composer.mix.echo import Echo
from services.generation.composer.mix.reverb import Reverb
from services.generation.composer.mix.stem import BusSettings, Sends, Stem
from services.generation.composer.mix.strip import Match
from services.generation.composer.render.channel import Channel
from services.generation.composer.render.timeline import Timeline
from services.generation.composer.score import Note, Part

RATE = 44_100
BLOCK = 11_008
BUS = BusSettings(reverb_seconds=0.3, delay_seconds=0.11, delay_feedback=0.2, drive_db=2.0, low_cut_hz=30.0)


def noise(seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((2, BLOCK)) * 0.1).astype(np.float32)


def silence() -> np.ndarray:
    return np.zeros((2, BLOCK), np.float32)


@pytest.mark.parametrize("make", [lambda: Echo(0.11, 0.2, RATE), lambda: Reverb(0.3, 6_000, RATE)])
def test_an_effect_that_rested_goes_on_as_one_that_did_not(make) -> None:
    resting, working = make(), make()
    rested = 0
    for number in range(24):
        block = noise(number) if number in (0, 1, 22, 23) else silence()
        outs = silence(), silence()
        working.process(block, outs[1])
        if not block.any() and resting.is_still():
            resting.rest(BLOCK)
            rested += 1
        else:
            resting.process(block, outs[0])
        assert np.abs(outs[0] - outs[1]).max() < 1e-5
    assert rested >= 3


def test_an_effect_that_still_sounds_is_not_still() -> None:
    for effect in (Echo(2.0, 0.2, RATE), Reverb(0.3, 6_000, RATE)):
        assert effect.is_still()
        effect.process(noise(1), silence())
        assert not effect.is_still()


def test_a_room_that_rested_for_any_time_sways_as_it_would_have() -> None:
    for frames in (64, 100, 512, 5_000):
        resting, working = Reverb(0.3, 6_000, RATE), Reverb(0.3, 6_000, RATE)
        resting.rest(frames)
        working.process(np.zeros((2, frames), np.float32), np.zeros((2, frames), np.float32))
        outs = silence(), silence()
        for room, out in zip((resting, working), outs, strict=True):
            room.process(noise(2), out)
        np.testing.assert_array_equal(*outs)


def test_a_stem_that_rested_goes_on_as_one_that_did_not() -> None:
    sends = [Sends(-10.0, -12.0), Sends(-120.0, -120.0)]
    resting, working = Stem(sends, BUS, RATE), Stem(sends, BUS, RATE)
    for number in range(24):
        parts = [noise(number) if number in (0, 22) else None, noise(number + 50) if number in (1, 23) else None]
        heard = resting.process(parts, frames=BLOCK)
        wanted = working.process([silence() if part is None else part for part in parts])
        assert np.abs(heard - wanted).max() < 1e-5, number
        if number == 21:
            assert not heard.any()


def test_a_compressor_lets_go_while_it_rests() -> None:
    settings = CompressorSettings(-30.0, 4.0, 0.005, 0.3)
    resting, working = Compressor(settings, RATE), Compressor(settings, RATE)
    for compressor in (resting, working):
        compressor.curve(noise(1))
        compressor.curve(silence())
    resting.rest(BLOCK)
    working.curve(silence())
    np.testing.assert_allclose(resting.curve(silence()), working.curve(silence()), rtol=1e-5)


def test_a_part_says_where_it_is_silent_and_misses_no_note(make_score, bank) -> None:
    score = make_score(30.0)
    part = Part("bell", "melody", 0, 0, False, (Note(2.0, 0.5, 69, 100), Note(30.0, 0.5, 72, 100)))
    timeline = Timeline(score, RATE)
    channel = Channel(timeline, part, bank, Match())
    blocks = [channel.render(BLOCK) for _ in range(int(20 * RATE / BLOCK))]
    sounding = [index for index, block in enumerate(blocks) if block is not None and np.abs(block).max() > 1e-3]
    first, second = (int(beats * 0.5 * RATE // BLOCK) for beats in (2.0, 30.0))
    assert sounding[0] == first
    assert second in sounding
    assert blocks[0] is None
    assert blocks[second - 2] is None
