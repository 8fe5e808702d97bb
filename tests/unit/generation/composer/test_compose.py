"""Whole songs: always a valid score, exactly as long as asked, the same for the same seed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.generation.backends.protocol import GenerationRequest
from services.generation.composer.compose import compose
from services.generation.composer.description import DESCRIPTION
from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.midi import midi_bytes
from services.generation.composer.score import STEMS, Score

ROOT = Path(__file__).parents[4]
MONOPHONIC = {"bass", "melody", "counter", "double"}


def _check(score: Score, seconds: float) -> None:
    assert score.duration_seconds == seconds
    assert score.parts
    assert len({part.name for part in score.parts}) == len(score.parts)
    end = score.duration_seconds / score.seconds_per_beat
    for part in score.parts:
        assert part.stem in STEMS
        assert 0 <= part.program <= 127
        assert part.notes
        sounding: dict[int, float] = {}
        before = (-1.0, -1)
        for note in part.notes:
            assert 0.0 <= note.start_beats < end
            assert note.duration_beats > 0.0
            assert note.end_beats <= end + 1e-9
            assert 0 <= note.pitch <= 127
            assert 1 <= note.velocity <= 127
            assert round(note.start_beats * 960) / 960 == note.start_beats
            assert (note.start_beats, note.pitch) > before
            before = (note.start_beats, note.pitch)
            voice = 0 if part.name in MONOPHONIC else note.pitch
            assert sounding.get(voice, 0.0) <= note.start_beats + 1e-9
            sounding[voice] = note.end_beats
    assert score.sections[0].start_bar == 0
    assert sum(section.bars for section in score.sections) == score.bars


@given(
    genre=st.sampled_from(sorted(GENRES)),
    seconds=st.one_of(st.floats(0.5, 8.0), st.floats(8.0, 100.0)),
    seed=st.integers(-(2**63), 2**63 - 1),
)
@settings(deadline=None, max_examples=80)
def test_every_length_and_seed_gives_a_sound_score(genre: str, seconds: float, seed: int) -> None:
    _check(compose(GenerationRequest("", seconds, "composer", seed, spec={"genre": genre})), seconds)


@given(
    prompt=st.text(max_size=2_000),
    seconds=st.floats(1.0, 40.0),
    seed=st.integers(0, 2**32),
    bpm=st.one_of(st.none(), st.floats(30.0, 300.0)),
    meter=st.sampled_from(["", "2/4", "3/4", "5/4", "6/4", "7/4", "6/8", "12/8"]),
)
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_any_prompt_tempo_and_meter_give_a_sound_score(
    prompt: str, seconds: float, seed: int, bpm: float | None, meter: str
) -> None:
    spec = {"meter": meter} if meter else {}
    score = compose(GenerationRequest(prompt, seconds, "composer", seed, bpm=bpm, spec=spec))
    _check(score, seconds)
    if bpm is not None:
        assert score.bpm == bpm


@given(
    key=st.sampled_from(
        ["C locrian", "F# phrygian", "Bb lydian", "A harmonic minor", "D melodic minor", "G mixolydian", "E dorian"]
    ),
    genre=st.sampled_from(sorted(GENRES)),
)
@settings(deadline=None, max_examples=40)
def test_every_mode_can_be_played_in_every_genre(key: str, genre: str) -> None:
    score = compose(GenerationRequest("", 20.0, "composer", 1, key=key, spec={"genre": genre}))
    assert score.key == key
    _check(score, 20.0)


@pytest.mark.parametrize("seconds", [1.0, 2.0, 3.3, 5.0])
def test_a_second_of_music_is_still_a_gesture(seconds: float, song: Callable[..., Score]) -> None:
    for genre in GENRES:
        score = song(seconds=seconds, seed=2, spec={"genre": genre})
        _check(score, seconds)
        assert sum(len(part.notes) for part in score.parts) >= 4


@pytest.mark.parametrize("genre", sorted(GENRES))
def test_ten_minutes_develop(genre: str, song: Callable[..., Score]) -> None:
    score = song(seconds=600.0, seed=1, spec={"genre": genre})
    _check(score, 600.0)
    assert len(score.sections) >= 6
    assert max(section.energy for section in score.sections) - min(section.energy for section in score.sections) > 0.15


@pytest.mark.skipif(sys.gettrace() is not None, reason="tracing multiplies the time")
@pytest.mark.parametrize(("seconds", "limit"), [(30.0, 0.1), (600.0, 1.0)])
def test_composing_is_quick(seconds: float, limit: float, song: Callable[..., Score]) -> None:
    spent = []
    for seed in range(3):
        started = time.process_time()
        song(seconds=seconds, seed=seed, spec={"genre": "pop"})
        spent.append(time.process_time() - started)
    assert min(spent) < limit


def test_the_seed_decides_the_notes(song: Callable[..., Score]) -> None:
    assert midi_bytes(song("pop", seed=5)) == midi_bytes(song("pop", seed=5))
    assert midi_bytes(song("pop", seed=5)) != midi_bytes(song("pop", seed=6))


def test_the_notes_are_the_same_in_every_process() -> None:
    code = (
        "import hashlib\n"
        "from services.generation.backends.protocol import GenerationRequest\n"
        "from services.generation.composer.compose import compose\n"
        "from services.generation.composer.midi import midi_bytes\n"
        "from services.generation.composer.genres.catalogue import GENRES\n"
        "digest = hashlib.sha256()\n"
        "for genre in GENRES:\n"
        "    request = GenerationRequest('with cello and congas', 25.0, 'composer', 3, spec={'genre': genre})\n"
        "    digest.update(midi_bytes(compose(request)))\n"
        "print(digest.hexdigest())\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={"PYTHONHASHSEED": hash_seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for hash_seed in ("0", "1", "4242")
    }
    assert len(digests) == 1


def test_removing_one_part_leaves_the_others_as_they_were(song: Callable[..., Score]) -> None:
    whole = {part.name: part.notes for part in song("pop", seed=8).parts}
    without = {part.name: part.notes for part in song("pop", seed=8, spec={"without": ["drums"]}).parts}
    assert "drums" not in without
    for name, notes in without.items():
        assert notes == whole[name]


@pytest.mark.parametrize(
    ("prompt", "bpm", "key", "meter"),
    [
        ("techno 130 bpm in C minor", 130.0, "C minor", (4, 4)),
        ("jazz waltz 3/4 at 171 bpm in Bb major", 171.0, "Bb major", (3, 4)),
        ("6/8 ballad in F# minor, 58.5 bpm", 58.5, "F# minor", (6, 8)),
        ("5/4 rock 150bpm, key of E", 150.0, "E major", (5, 4)),
        ("ambient 40 bpm D lydian", 40.0, "D lydian", (4, 4)),
    ],
)
def test_explicit_numbers_win(
    prompt: str, bpm: float, key: str, meter: tuple[int, int], song: Callable[..., Score]
) -> None:
    for seed in range(3):
        score = song(prompt, 37.0, seed)
        assert (score.bpm, score.key, score.time_signature) == (bpm, key, meter)


def test_slow_and_fast_change_the_tempo(song: Callable[..., Score]) -> None:
    slow, plain, fast = (song(f"{word} rock", 60.0).bpm for word in ("slow", "", "fast"))
    assert slow < plain < fast


def test_a_title_is_made_from_the_prompt_unless_given(song: Callable[..., Score]) -> None:
    assert song("dusty lofi, rainy night").title == "Dusty lofi, rainy night"
    assert song("x", title="Mine").title == "Mine"
    assert song("").title == "Pop"
    assert len(song("word " * 300).title) <= 60


def test_the_catalogue_entry_tells_the_truth(song: Callable[..., Score]) -> None:
    assert DESCRIPTION.id == "composer"
    assert DESCRIPTION.commercial_use
    assert DESCRIPTION.most_stored_bytes(30) == 30 * 44_100 * 2 * 2 * 6
    assert set(DESCRIPTION.parameters) == {
        "bpm",
        "key",
        "structure",
        "spec",
        "variation_of",
        "regenerate",
        "continue_from_id",
        "continue_at",
    }
    assert DESCRIPTION.outputs == ("audio", "stems", "midi")
    assert str(len(GENRES)) in DESCRIPTION.description
    assert song(seconds=DESCRIPTION.max_duration_seconds).duration_seconds == 600.0
