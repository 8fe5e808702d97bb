"""Meters of rendered notes: what was written against what is heard.

The weights were learned from songs of other seeds (`scripts/train_listening.py`).
"""

from __future__ import annotations

from collections import Counter

import pytest

from services.processing.analysis.frames import Listener
from services.processing.analysis.song import describe
from tests.support.metered_songs import FEELS, metered_song
from tests.support.rendered_midi import RATE_HZ, sound_bank

FIRST_SEED = 11_000
SONGS = 20


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_meters_of_a_hundred_rendered_songs():
    bank, heard = sound_bank(), {}
    sure, right_and_sure = 0, 0
    for feel in FEELS:
        heard[feel] = Counter()
        for seed in range(FIRST_SEED, FIRST_SEED + SONGS):
            song = metered_song(bank, feel, seed)
            listener = Listener(RATE_HZ)
            listener.add(song.audio)
            bars = describe(listener.finish()).bars
            heard[feel][bars.meter.name] += 1
            if bars.meter_confidence >= 0.8:
                sure += 1
                right_and_sure += bars.meter.name == song.meter
        print(feel, dict(heard[feel]))
    for feel in ("3/4", "4/4", "4/4 swung"):
        assert heard[feel][feel.split()[0]] >= 0.9 * SONGS
    assert heard["4/4 swung"]["12/8"] == 0
    assert heard["6/8"]["6/8"] >= 0.75 * SONGS
    for feel in ("6/8", "12/8"):
        assert heard[feel]["6/8"] + heard[feel]["12/8"] >= 0.8 * SONGS
    assert right_and_sure >= 0.9 * sure >= 0.4 * SONGS * len(FEELS)
