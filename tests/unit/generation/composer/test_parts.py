"""What the players play: bass, chords, drums, cast and arrangement."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from services.generation.backends.protocol import GenerationRequest
from services.generation.composer.compose import make_plan
from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.instruments import INSTRUMENTS, family_programs, find_instrument
from services.generation.composer.prompt import read_request
from services.generation.composer.score import Part, Score


def _part(score: Score, name: str) -> Part:
    return next(part for part in score.parts if part.name == name)


def _programs(score: Score) -> set[int]:
    return {part.program for part in score.parts if not part.drums}


@pytest.mark.parametrize("genre", sorted(GENRES))
def test_the_bass_stands_on_chord_tones_on_beat_one(genre: str, song: Callable[..., Score]) -> None:
    good = total = 0
    for seed in range(4):
        score = song(seconds=45.0, seed=seed, spec={"genre": genre})
        request = GenerationRequest("", 45.0, "composer", seed, spec={"genre": genre})
        plan = make_plan(GENRES[genre], read_request(request), 45.0, seed)
        for part in score.parts:
            if part.stem != "bass":
                continue
            for note in part.notes:
                place = note.start_beats % score.beats_per_bar
                if min(place, score.beats_per_bar - place) < 0.12 and note.start_beats < plan.final_tick / 960 - 1:
                    tick = round(note.start_beats / score.beats_per_bar) * plan.meter.bar_ticks
                    total += 1
                    good += note.pitch % 12 in plan.harmony.at(tick).chord.pitch_classes
    assert total == 0 or good / total >= 0.9


@pytest.mark.parametrize("genre", sorted(GENRES))
def test_the_song_ends_on_its_tonic_and_rings(genre: str, song: Callable[..., Score]) -> None:
    for seed in range(3):
        score = song(seconds=32.0, seed=seed, spec={"genre": genre})
        request = GenerationRequest("", 32.0, "composer", seed, spec={"genre": genre})
        plan = make_plan(GENRES[genre], read_request(request), 32.0, seed)
        begin = (plan.final_tick + plan.ritardando_ticks) / 960 - 0.1
        pitched = [part for part in score.parts if not part.drums]
        final = [note for part in pitched for note in part.notes if note.start_beats > begin]
        assert len(final) >= 3
        chord = plan.harmony.at(plan.final_tick).chord
        assert plan.key.tonic in chord.pitch_classes
        assert all(note.pitch % 12 in chord.pitch_classes | {plan.key.tonic} for note in final)
        ends = max(note.end_beats for note in final) * score.seconds_per_beat
        assert score.duration_seconds - 3.5 < ends <= score.duration_seconds


def test_sections_end_with_a_fill_or_a_change(song: Callable[..., Score]) -> None:
    score = song(seconds=100.0, seed=4, spec={"genre": "rock"})
    drums = _part(score, "drums")

    def hits(bar: int) -> set[tuple[int, int]]:
        first = bar * score.beats_per_bar
        return {
            (note.pitch, round((note.start_beats - first) * 4))
            for note in drums.notes
            if first - 0.05 <= note.start_beats < first + score.beats_per_bar - 0.05
        }

    ends = [section.end_bar - 1 for section in score.sections[:-1] if section.bars >= 4 and hits(section.end_bar - 1)]
    assert ends
    assert all(hits(bar) != hits(bar - 1) for bar in ends)


@pytest.mark.parametrize(
    ("prompt", "program"),
    [
        ("bossa nova nylon guitar", 24),
        ("lofi with dusty piano", 0),
        ("funk with slap bass", 36),
        ("metal with choir", 52),
        ("reggae with steel drums", 114),
        ("house with accordion", 21),
        ("techno with cello", 42),
        ("ambient with shakuhachi", 77),
        ("rock with church organ", 19),
        ("pop with harp and oboe", 68),
        ("pop with harp and oboe", 46),
        ("synthwave with timpani", 47),
    ],
)
def test_asked_instruments_play(prompt: str, program: int, song: Callable[..., Score]) -> None:
    for seed in range(3):
        assert program in _programs(song(prompt, 40.0, seed))


@pytest.mark.parametrize("name", sorted(INSTRUMENTS))
def test_every_known_instrument_can_be_asked_for(name: str, song: Callable[..., Score]) -> None:
    instrument = INSTRUMENTS[name]
    for genre in ("ballad", "techno"):
        score = song("", 30.0, 5, spec={"genre": genre, "instruments": [name]})
        if instrument.role == "drums":
            assert any(part.drums for part in score.parts)
        elif instrument.lane:
            assert any(part.drums and part.notes for part in score.parts)
        else:
            programs = family_programs(instrument.family) if instrument.generic else {instrument.program}
            assert _programs(score) & programs


@pytest.mark.parametrize(
    ("prompt", "absent"),
    [
        ("lofi no drums", "drums"),
        ("rock without bass", "bass"),
        ("techno without drums or bass", "drums"),
        ("backing track, jazz", "melody"),
    ],
)
def test_roles_that_are_not_wanted_stay_silent(prompt: str, absent: str, song: Callable[..., Score]) -> None:
    for seed in range(3):
        score = song(prompt, 40.0, seed)
        assert all(part.stem != absent for part in score.parts)
        assert score.parts


def test_an_unwanted_instrument_is_replaced_not_mourned(song: Callable[..., Score]) -> None:
    for seed in range(4):
        score = song("pop without piano, without guitar", 40.0, seed)
        assert not _programs(score) & (family_programs("piano") | family_programs("guitar"))
        assert any(part.stem == "chords" for part in score.parts)


def test_solo_piano_is_a_piano_alone(song: Callable[..., Score]) -> None:
    score = song("sad solo piano", 45.0)
    assert {part.program for part in score.parts} == {0}
    assert not any(part.drums for part in score.parts)


def test_a_jazz_trio_is_three(song: Callable[..., Score]) -> None:
    for seed in range(4):
        score = song("jazz trio", 45.0, seed)
        assert _programs(score) == {0, 32}
        assert any(part.drums for part in score.parts)


def test_a_string_quartet_has_strings_only(song: Callable[..., Score]) -> None:
    assert _programs(song("string quartet", 45.0)) <= {40, 41, 42, 48}


@pytest.mark.parametrize("genre", ["ambient", "jazz", "pop", "techno"])
def test_taking_everything_away_leaves_one_player_who_hardly_rests(genre: str, song: Callable[..., Score]) -> None:
    score = song(genre, 20.0, spec={"without": ["drums", "bass", "chords", "melody", "pad"]})
    (part,) = score.parts
    played = {int(note.start_beats // score.beats_per_bar) for note in part.notes}
    assert len(played) >= score.bars - 2


def test_sections_that_silence_everybody_give_way(song: Callable[..., Score]) -> None:
    score = song("techno, only drums", 20.0, structure=[{"section": "outro", "bars": 8, "prompt": "no drums"}])
    assert [part.name for part in score.parts] == ["drums"]


def test_layers_enter_with_the_energy(song: Callable[..., Score]) -> None:
    score = song(seconds=90.0, seed=3, spec={"genre": "pop"})
    quiet, loud = (next(section for section in score.sections if section.name == name) for name in ("intro", "chorus"))

    def playing(section) -> int:  # type: ignore[no-untyped-def]
        first, last = section.start_bar * score.beats_per_bar, section.end_bar * score.beats_per_bar
        return sum(any(first <= note.start_beats < last for note in part.notes) for part in score.parts)

    assert playing(quiet) < playing(loud)


def test_something_sounds_from_the_first_beat(song: Callable[..., Score]) -> None:
    for genre in GENRES:
        for seed in range(4):
            score = song(seconds=30.0, seed=seed, spec={"genre": genre})
            assert min(note.start_beats for part in score.parts for note in part.notes) * score.seconds_per_beat < 0.05


def test_players_that_hold_notes_swell(song: Callable[..., Score]) -> None:
    score = song("string quartet", 45.0)
    assert any(change.controller == 11 for part in score.parts for change in part.controls)
    assert all(0 <= change.value <= 127 for part in score.parts for change in part.controls)
    assert not any(part.controls for part in song("solo piano", 30.0).parts)


@pytest.mark.parametrize(
    ("text", "name"),
    [("Rhodes", "electric piano"), ("pianos", "piano"), (" Nylon-String  Guitar", "nylon guitar"), ("theremin", None)],
)
def test_free_names_of_instruments_are_found(text: str, name: str | None) -> None:
    found = find_instrument(text)
    assert (found.name if found else None) == name
