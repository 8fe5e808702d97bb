"""The genre data is sound, and the genres differ."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from services.generation.composer.chord import parse_chord
from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.genres.forms import CYCLES, ENERGIES, FORMS, LETTERS, SECTION_WORDS
from services.generation.composer.genres.modal import MODAL_HARMONY
from services.generation.composer.genres.profile import DRUM_PITCHES, Genre, Harmony
from services.generation.composer.genres.rhythms import BEAT_CELLS, CELLS, CLOSERS, COMPOUND_CELLS
from services.generation.composer.instruments import INSTRUMENT_WORDS, INSTRUMENTS
from services.generation.composer.lexicon import (
    ENSEMBLES,
    GENRE_WORDS,
    INSTRUMENT_GENRES,
    MOOD_GENRES,
    MOOD_WORDS,
    MOODS,
)
from services.generation.composer.patterns import Meter, compile_pattern
from services.generation.composer.pitch import MODES, make_key
from services.generation.composer.score import STEMS, Score

METERS = [Meter(2), Meter(3), Meter(4), Meter(5), Meter(6), Meter(7), Meter(3, compound=True)]


@pytest.fixture(params=sorted(GENRES))
def genre(request: pytest.FixtureRequest) -> Genre:
    return GENRES[request.param]


def _numerals(harmony: Harmony) -> set[str]:
    texts = [*harmony.verse, *harmony.chorus, *harmony.bridge, *harmony.turnarounds, *harmony.cadences, *harmony.finals]
    return {numeral for text in texts for numeral in text.replace("|", " ").split()}


def test_there_are_many_genres() -> None:
    assert len(GENRES) >= 20


def test_every_numeral_is_a_chord_in_its_mode(genre: Genre) -> None:
    for mode, harmony in genre.harmony.items():
        for numeral in _numerals(harmony):
            parse_chord(numeral, make_key(0, mode))


def test_every_mode_that_a_genre_draws_has_its_own_harmony(genre: Genre) -> None:
    assert {mode for mode, _ in genre.modes} <= set(genre.harmony) <= set(MODES)


def test_final_chords_rest_on_the_tonic(genre: Genre) -> None:
    for mode, harmony in genre.harmony.items():
        roots = {parse_chord(numeral, make_key(0, mode)).root for numeral in harmony.finals}
        assert roots == {0}, f"{genre.id} {mode} ends elsewhere"


def test_every_pattern_fits_every_meter(genre: Genre) -> None:
    lanes = [groove.lanes for groove in genre.drums.grooves] if genre.drums else []
    texts = [text for lane in lanes for text in lane.values()]
    texts += [text for layer in genre.layers for level in layer.patterns for text in level if text != "w"]
    for text, meter in itertools.product(texts, METERS):
        compile_pattern(text, meter)


def test_drum_lanes_exist_and_fills_are_rectangular(genre: Genre) -> None:
    if genre.drums is None:
        return
    for groove in genre.drums.grooves:
        assert set(groove.lanes) <= set(DRUM_PITCHES)
        assert 0.0 <= groove.low < groove.high <= 1.0
    for fill in genre.drums.fills:
        assert set(fill) <= set(DRUM_PITCHES)
        assert len({len(text) for text in fill.values()}) == 1


def test_layers_are_well_formed(genre: Genre) -> None:
    names = [layer.name for layer in genre.layers]
    assert len(names) == len(set(names))
    assert "drums" not in names
    for layer in genre.layers:
        assert layer.stem in STEMS
        assert layer.role in {"bass", "chords", "pad", "melody", "double", "counter", "riser"}
        assert all(0 <= program <= 127 for program in layer.programs)
        assert layer.high - layer.low >= 12 or layer.role == "riser"
        assert bool(layer.patterns) == (layer.role in {"bass", "chords"})
    assert sum(layer.role == "melody" for layer in genre.layers) == 1
    assert genre.melody.cells in CELLS
    assert not genre.melody.solo_cells or genre.melody.solo_cells in CELLS
    assert genre.form in FORMS
    assert genre.tempo.low <= genre.tempo.typical <= genre.tempo.high


def test_bass_stays_below_the_loudness_match(genre: Genre) -> None:
    for layer in genre.layers:
        if layer.role == "bass":
            assert layer.gain_db <= -0.5


def test_forms_grow_by_known_sections_and_start_at_one_bar() -> None:
    for family, templates in FORMS.items():
        sizes = []
        for template in (*templates, *CYCLES[family]):
            pairs = [entry.partition(":") for entry in template.split() if entry != "*"]
            assert all(kind in ENERGIES for kind, _, _ in pairs)
            sizes.append(sum(int(count) for _, _, count in pairs))
        assert sizes[0] == 1
        assert list(sizes[: len(templates)]) == sorted(sizes[: len(templates)])
    assert set(LETTERS) == set(ENERGIES)
    assert set(SECTION_WORDS.values()) <= set(ENERGIES)


def test_rhythm_cells_have_their_lengths() -> None:
    assert all(len(cell) == 8 for cells in CELLS.values() for cell, _ in cells)
    assert all(len(cell) == 4 for cells in BEAT_CELLS.values() for cell, _ in cells)
    assert all(len(cell) == 6 for cells in COMPOUND_CELLS.values() for cell, _ in cells)
    assert all(len(cell) == 16 for cell, _ in CLOSERS)
    assert set(BEAT_CELLS) == set(CELLS)


def test_every_mode_can_be_harmonised() -> None:
    for mode in MODES:
        for numeral in _numerals(MODAL_HARMONY[mode]):
            parse_chord(numeral, make_key(2, mode))


def test_lexicon_names_only_what_exists() -> None:
    assert {genre for genre, _ in GENRE_WORDS.values()} == set(GENRES)
    assert set(MOOD_WORDS.values()) == set(MOODS)
    assert set(INSTRUMENT_WORDS.values()) <= set(INSTRUMENTS)
    assert {genre for rows in INSTRUMENT_GENRES.values() for genre, _ in rows} <= set(GENRES)
    assert set(INSTRUMENT_GENRES) <= set(INSTRUMENTS)
    assert set(MOOD_GENRES) == set(MOODS)
    assert set(MOOD_GENRES.values()) <= set(GENRES)
    assert {name for players, _ in ENSEMBLES.values() for name in players} <= set(INSTRUMENTS)


def _features(score: Score) -> dict[str, object]:
    drums = next((part for part in score.parts if part.drums), None)
    hits: frozenset[tuple[int, int]] = frozenset()
    if drums is not None:
        hits = frozenset((note.pitch, round(note.start_beats % score.beats_per_bar * 4)) for note in drums.notes)
    return {
        "tempo": round(score.bpm / 12),
        "instruments": frozenset((part.program, part.drums) for part in score.parts),
        "groove": hits,
    }


def test_any_two_genres_differ_in_two_of_tempo_instruments_and_groove(song: Callable[..., Score]) -> None:
    scores = {name: song(seconds=40.0, seed=3, spec={"genre": name}) for name in GENRES}
    features = {name: _features(score) for name, score in scores.items()}
    for first, second in itertools.combinations(GENRES, 2):
        one, other = features[first], features[second]
        differences = one["tempo"] != other["tempo"]
        shared = one["instruments"] & other["instruments"]  # type: ignore[operator]
        union = one["instruments"] | other["instruments"]  # type: ignore[operator]
        differences += len(shared) / len(union) < 0.6
        hits = one["groove"] | other["groove"]  # type: ignore[operator]
        common = one["groove"] & other["groove"]  # type: ignore[operator]
        differences += len(hits) > 0 and len(common) / len(hits) < 0.7
        assert differences >= 2, f"{first} and {second} are alike"
