"""What every processor of the mix promises: one sound however it is cut, nothing infinite, silence from silence."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.generation.composer.mix.biquad import FilterChain, bell, high_cut, high_shelf, low_cut
from services.generation.composer.mix.dynamics import Compressor, CompressorSettings
from services.generation.composer.mix.echo import Echo
from services.generation.composer.mix.panorama import Widener
from services.generation.composer.mix.reverb import Reverb
from services.generation.composer.mix.saturation import BitCrusher, Saturator
from services.generation.composer.mix.stem import BusSettings, Sends, Stem
from services.generation.composer.mix.strip import Match, Strip, StripSettings
from services.generation.composer.mix.vinyl import Vinyl

RATE = 44_100
BUS = BusSettings(drive_db=3.0, delay_seconds=0.05, low_cut_hz=30.0, high_cut_hz=12_000.0)


def in_place(processor):
    def run(block):
        block = block.copy()
        processor.process(block)
        return block

    return run


def added(processor):
    def run(block):
        out = np.zeros_like(block)
        processor.process(block, out)
        return out

    return run


def compressed(settings):
    processor = Compressor(settings, RATE)
    return lambda block: block * processor.curve(block)


def stemmed():
    stem = Stem([Sends(-6.0, -9.0), Sends(-120.0, -120.0)], BUS, RATE)
    return lambda block: stem.process([block, block[::-1] * np.float32(0.5)])


def noisy():
    vinyl = Vinyl(-30.0, 7, RATE)

    def run(block):
        out = np.zeros_like(block)
        vinyl.process(out)
        return out

    return run


MAKERS = {
    "filters": lambda: in_place(
        FilterChain([low_cut(120, RATE), bell(900, 4, 1.2, RATE), high_shelf(6_000, -3, RATE), high_cut(9_000, RATE)])
    ),
    "compressor": lambda: compressed(CompressorSettings(-24.0, 4.0, 0.005, 0.1)),
    "peak compressor": lambda: compressed(CompressorSettings(-24.0, 4.0, 0.0, 0.1, 0.0, 0.0)),
    "widener": lambda: in_place(Widener(0.7, RATE)),
    "saturator": lambda: in_place(Saturator(6.0, 0.5)),
    "crusher": lambda: in_place(BitCrusher(5, 0.5)),
    "reverb": lambda: added(Reverb(1.2, 6_000, RATE)),
    "echo": lambda: added(Echo(0.03, 0.5, RATE)),
    "strip": lambda: in_place(
        Strip(StripSettings("drums", -3.0, 0.4, 0.5, 50.0, 9_000.0, 8), Match(3.0, -2.0, 1.0), RATE)
    ),
    "stem": stemmed,
    "vinyl": noisy,
}


def music(frames: int, seed: int = 1):
    """Noise whose level moves, with some silence."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.uniform(0, 0.8, -(-frames // 500)), 500)[:frames]
    return (rng.standard_normal((2, frames)) * level * 0.3).astype(np.float32)


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(1, 5_999), max_size=6, unique=True))
def test_a_stream_in_pieces_is_the_whole_bit_for_bit(name, cuts):
    audio = music(6_000)
    whole = MAKERS[name]()(audio)
    pieces = MAKERS[name]()
    edges = [0, *sorted(cuts), 6_000]
    streamed = [pieces(np.ascontiguousarray(audio[:, a:b])) for a, b in itertools.pairwise(edges)]
    assert np.array_equal(np.concatenate(streamed, axis=1), whole)


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "vinyl"])
def test_silence_stays_silent(name):
    assert np.abs(MAKERS[name]()(np.zeros((2, 4_000), np.float32))).max() < 1e-9


@pytest.mark.parametrize("name", MAKERS)
def test_loud_input_stays_finite(name):
    assert np.isfinite(MAKERS[name]()(music(20_000) * 100)).all()


@pytest.mark.parametrize("name", ["reverb", "echo", "widener", "filters"])
def test_linear_processors_add_up(name):
    # Stems with a room of their own sum to the mix only because of this.
    first, second = music(9_000, 1), music(9_000, 2)
    apart = MAKERS[name]()(first) + MAKERS[name]()(second)
    assert np.abs(MAKERS[name]()(first + second) - apart).max() < 1e-5
