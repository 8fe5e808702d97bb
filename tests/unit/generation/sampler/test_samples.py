"""Samples are decoded as far as they are played, once, and within a bound."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from services.generation.composer.sampler.samples import Playback, Sample, SampleCache
from services.shared.errors import AppError
from tests.support.soundfont_builder import (
    MODES,
    PresetSpec,
    SampleSpec,
    ZoneSpec,
    build_soundfont,
    looped_font,
    looped_sine,
    sine,
)

ROOT = Path(__file__).resolve().parents[4]
RATE = 44_100


def long_font(seconds: float = 4.0, count: int = 1, *, vorbis: bool = True) -> bytes:
    samples = [SampleSpec(sine(220.0 + 10 * index, seconds)) for index in range(count)]
    zones = [ZoneSpec(index, keys=(index, index)) for index in range(count)]
    return build_soundfont(samples, [PresetSpec(zones)], vorbis=vorbis)


def playback(font, **changes) -> Playback:
    header = font.preset(0, 0).regions[0].sample
    values = {"start": 0, "end": None, "loop_start": 0, "loop_end": 0, "looped": False, "through": False, **changes}
    return Playback(sample=header, **values)


@pytest.mark.parametrize("vorbis", [True, False])
def test_only_what_is_played_is_decoded(open_bank, vorbis):
    bank = open_bank(long_font(vorbis=vorbis))
    instrument = bank.instrument(0, 0)
    sample = instrument.sample(instrument.settings(0, 90)[0])
    assert sample.decoded_bytes == 0
    instrument.ensure(sample, 1_000.0)
    first = sample.decoded_bytes
    assert 4_000 < first < 4 * RATE
    instrument.ensure(sample, 900.0)
    assert sample.decoded_bytes == first
    instrument.ensure(sample, 1e9)
    assert sample.decoded_bytes == 4 * 4 * RATE


def test_decoding_in_steps_gives_what_decoding_at_once_gives(open_font):
    font = open_font(long_font())
    steps, whole = (Sample(font.data[s.start : s.end], playback(font)) for s in [playback(font).sample] * 2)
    whole.ensure(1e9)
    for position in range(0, 5 * RATE, 7_919):
        steps.ensure(position)
    assert np.array_equal(steps.data, whole.data)


def test_offsets_cut_the_beginning_and_the_end(open_font):
    font = open_font(long_font(0.5, vorbis=False))
    sample = Sample(font.data[font.preset(0, 0).regions[0].sample.start :], playback(font, start=1_000, end=3_000))
    sample.ensure(1e9)
    assert sample.end - 16 == 2_000
    whole = Sample(font.data[font.preset(0, 0).regions[0].sample.start :], playback(font))
    whole.ensure(1e9)
    assert np.array_equal(sample.data[16 : 16 + 1_800], whole.data[1_016 : 1_016 + 1_800])


@pytest.mark.parametrize("loop", [(0, 0), (100, 50), (-5, 100), (0, 10**9), (10, 12)])
def test_impossible_loops_are_not_looped(open_font, loop):
    font = open_font(long_font(0.1, vorbis=False))
    made = playback(font, loop_start=loop[0], loop_end=loop[1], looped=True)
    header = made.sample
    assert not Sample(font.data[header.start : header.end], made).looped


def test_many_threads_decode_a_sample_once(open_bank):
    bank = open_bank(long_font())
    instrument = bank.instrument(0, 0)
    settings = instrument.settings(0, 90)[0]
    sample = instrument.sample(settings)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda position: instrument.ensure(sample, position), range(0, 4 * RATE, 4_000)))
    alone = Sample(bank.font.data[settings.playback.sample.start : settings.playback.sample.end], settings.playback)
    alone.ensure(1e9)
    assert np.array_equal(sample.data, alone.data)


def test_the_cache_keeps_to_its_bound_and_forgets_what_was_used_longest_ago(open_bank):
    bank = open_bank(long_font(1.0, 8), cache_bytes=3 * 4 * RATE)
    instrument = bank.instrument(0, 0)
    samples = []
    for key in range(8):
        samples.append(instrument.sample(instrument.settings(key, 90)[0]))
        instrument.ensure(samples[-1], 1e9)
        assert bank.samples.decoded_bytes <= 3 * 4 * RATE
    assert instrument.sample(instrument.settings(7, 90)[0]) is samples[7]
    assert instrument.sample(instrument.settings(0, 90)[0]) is not samples[0]


def test_a_forgotten_sample_still_plays_to_its_end(open_bank, play):
    notes = [(index * 0.2, 3.0, index, 90) for index in range(6)]
    small = play(open_bank(long_font(2.0, 6), cache_bytes=4 * RATE), notes, 2.5)
    large = play(open_bank(long_font(2.0, 6)), notes, 2.5)
    assert np.array_equal(small, large)


def test_a_compressed_sample_that_is_not_mono_is_refused(open_font):
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", RATE, 2, format="OGG", subtype="VORBIS") as file:
        file.write(np.zeros((1_000, 2), np.float32))
    font = open_font(long_font(0.1))
    with pytest.raises(AppError, match="not mono"):
        Sample(memoryview(buffer.getvalue()), playback(font))


def test_a_compressed_sample_that_is_no_vorbis_is_refused(open_font):
    font = open_font(long_font(0.1))
    with pytest.raises(AppError, match="cannot be decoded"):
        Sample(memoryview(b"OggS nonsense" * 20), playback(font))


def test_samples_beyond_any_level_are_refused(open_font):
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", RATE, 1, format="OGG", subtype="VORBIS") as file:
        file.write((sine(440, 0.2) / 32_768 * 100).astype(np.float32))
    font = open_font(long_font(0.1))
    sample = Sample(memoryview(buffer.getvalue()), playback(font))
    with pytest.raises(AppError, match="beyond any level"):
        sample.ensure(1e9)


def test_preloading_decodes_the_beginnings(open_bank):
    bank = open_bank(long_font(2.0, 4))
    bank.instrument(0, 0).preload(range(4), 90, 0.5)
    assert all(
        bank.instrument(0, 0).sample(bank.instrument(0, 0).settings(key, 90)[0]).decoded_bytes for key in range(4)
    )
    assert bank.samples.decoded_bytes < 4 * 4 * RATE


def test_an_empty_cache_holds_nothing(open_font):
    assert SampleCache(open_font(looped_font()).data, 100).decoded_bytes == 0


_SLICE = """
import sys
from pathlib import Path
import numpy as np
from services.generation.composer.sampler.bank import SoundBank
from services.generation.composer.sampler.controls import Controls
from services.generation.composer.sampler.player import NoteEvent, Player
bank = SoundBank(Path(sys.argv[1]), 44_100)
player = Player(bank.instrument(0, 0), [NoteEvent(100, 69, 100, 900), NoteEvent(300, 60, 80, 700)], Controls(44_100))
np.save(sys.argv[2], np.concatenate([player.render(512) for _ in range(4)], axis=1))
"""


def test_interpreted_kernels_play_what_compiled_ones_play(tmp_path):
    font = tmp_path / "font.sf2"
    zone = ZoneSpec(0, {MODES: 1, 8: 9_000, 10: 300, 22: 1_200, 6: 20, 38: -4_000})
    font.write_bytes(build_soundfont([looped_sine()], [PresetSpec([zone])]))
    outputs = []
    for off in ("0", "1"):
        outputs.append(tmp_path / f"{off}.npy")
        environment = {**os.environ, "NUMBA_DISABLE_JIT": off, "PYTHONPATH": str(ROOT)}
        subprocess.run(
            [sys.executable, "-c", _SLICE, str(font), str(outputs[-1])], env=environment, check=True, timeout=100
        )
    compiled, interpreted = (np.load(path) for path in outputs)
    assert np.abs(compiled).max() > 0.05
    assert np.abs(compiled - interpreted).max() < 1e-6
