"""A piece of `make composer-report` in every run: other genres and seeds with each commit, the same targets."""

from __future__ import annotations

import os

import pytest

from scripts.composer_measures import notes, sound
from scripts.composer_measures.songs import song
from scripts.composer_measures.targets import TARGETS
from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.sampler.bank import SoundBank

pytestmark = pytest.mark.integration

SEED = int(os.environ.get("TEST_SAMPLE_SEED", "1")) % 2**31
SONGS = [(sorted(GENRES)[(SEED + 11 * number) % len(GENRES)], SEED % 10_007 + number) for number in range(2)]

# Targets hold for the mean over seeds; a single song may stray this much further, but in loudness.
FURTHER = {
    "lra_lu": 1.5,
    "contrast_db": 1.0,
    "side_db": 1.0,
    "tilt_db_octave": 1.0,
    "outside_band_db": 2.0,
}


@pytest.mark.parametrize(("genre", "seed"), SONGS)
def test_a_song_sounds_as_songs_must(genre: str, seed: int, bank: SoundBank) -> None:
    row = sound.render(song(genre, seed, 45.0)[1], bank)
    for name, (low, high) in TARGETS.items():
        further = FURTHER.get(name, 0.0)
        if name in row and row[name] == row[name]:
            assert low - further <= row[name] <= high + further, (name, row[name])


@pytest.mark.parametrize(("genre", "seed"), SONGS)
def test_a_songs_notes_are_as_notes_must_be(genre: str, seed: int) -> None:
    songs = [song(genre, seed + number, 60.0) for number in range(6)]
    tunes = [notes.melody_of(each) for each in songs]
    assert min(map(notes.in_key, tunes)) >= 0.95
    assert notes.wide_leaps(notes.interval_sizes(tunes)) <= 0.03
    assert max(notes.shared_bars(tunes[0], other) for other in tunes[1:]) < 0.5
    assert all(notes.ends_on_tonic(each) for each in songs)
    voices = [motion for motion in map(notes.voice_movement, songs) if motion == motion]
    assert not voices or sum(voices) / len(voices) <= 3.0
