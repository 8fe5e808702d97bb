"""A song that goes on keeps its notes up to the join, and its key, tempo, players and motifs beyond it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.generation.backends.protocol import Extension, GenerationRequest, Retake, Section
from services.generation.composer.compose import compose
from services.generation.composer.continuation import joining_bar, least_seconds, seconds_per_bar
from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.recipe import request_from
from services.generation.composer.score import Score

SONG = GenerationRequest("", 40.0, "composer", 3, spec={"genre": "pop"})


def bars_of(score: Score) -> list[tuple[str, int]]:
    return [(section["section"], section["bars"]) for section in score.spec["structure"]]  # type: ignore[attr-defined]


def bar_seconds_of(score: Score) -> float:
    return seconds_per_bar(str(score.spec["meter"]), score.bpm)


def longer(request: GenerationRequest, bar: int, seconds: float, **fields: object) -> GenerationRequest:
    extension = Extension(bar, request.duration_seconds, **{"seed": 9, **fields})  # type: ignore[arg-type]
    return replace(request, duration_seconds=seconds, extensions=(*request.extensions, extension))


def notes_before(score: Score, beat: float) -> set[tuple[str, float, int, int]]:
    return {
        (part.name, note.start_beats, note.pitch, note.velocity)
        for part in score.parts
        for note in part.notes
        if note.start_beats < beat - 0.2
    }


@pytest.mark.parametrize("genre", sorted(GENRES))
@pytest.mark.parametrize("at", [None, 17.0])
def test_every_note_before_the_join_stays(genre: str, at: float | None) -> None:
    request = replace(SONG, spec={"genre": genre})
    first = compose(request)
    bar = joining_bar(bars_of(first), bar_seconds_of(first), at)
    second = compose(longer(request, bar, 75.0))
    # The last bar before a final chord may have broadened, which it no longer does.
    slows = bool(GENRES[genre].ritardando) and bar >= first.bars - 2
    beat = (bar - slows) * first.beats_per_bar
    assert notes_before(second, beat) == notes_before(first, beat)
    assert (second.bpm, second.key, second.time_signature) == (first.bpm, first.key, first.time_signature)
    # Whoever played goes on, and the new bars are full: no bar without a note.
    players = {name for name, _, _, _ in notes_before(first, beat)}
    programs = {part.name: part.program for part in first.parts}
    assert {name: programs[name] for name in players}.items() <= {p.name: p.program for p in second.parts}.items()
    starts = {int((note.start_beats + 0.2) // second.beats_per_bar) for part in second.parts for note in part.notes}
    sounding = starts | {
        busy
        for part in second.parts
        for note in part.notes
        for busy in range(
            int(note.start_beats // second.beats_per_bar), int(note.end_beats // second.beats_per_bar) + 1
        )
    }
    assert set(range(second.bars)) <= sounding
    ends = max(note.end_beats for part in second.parts for note in part.notes) * second.seconds_per_beat
    assert 70.0 < ends <= 75.0


@pytest.mark.parametrize("genre", sorted(GENRES))
def test_the_shortest_continuation_has_an_ending(genre: str) -> None:
    request = replace(SONG, spec={"genre": genre})
    first = compose(request)
    for at in (0.0, None):
        bar = joining_bar(bars_of(first), bar_seconds_of(first), at)
        seconds = least_seconds(GENRES[genre], str(first.spec["meter"]), first.bpm, bar)
        second = compose(longer(request, bar, seconds))
        assert second.bars > bar + 1
        ends = max(note.end_beats for part in second.parts for note in part.notes) * second.seconds_per_beat
        assert seconds - 4.5 < ends <= seconds


def test_no_note_sounds_on_over_the_join() -> None:
    first = compose(SONG)
    bar = joining_bar(bars_of(first), bar_seconds_of(first), 20.0)
    join = bar * first.beats_per_bar
    second = compose(longer(SONG, bar, 75.0))
    for part in second.parts:
        for note in part.notes:
            if note.start_beats < join - 0.2:
                assert note.end_beats <= join + 0.1 + 1e-9


def test_the_motifs_come_back() -> None:
    """Bars of the new verses and choruses share rhythms with the old ones far more than another song's do."""

    def rhythms(score: Score, low: int, high: int) -> list[frozenset[int]]:
        notes = next(part for part in score.parts if part.stem == "melody").notes
        beats = score.beats_per_bar
        return [
            frozenset(
                round((note.start_beats - bar * beats) * 4) for note in notes if own(note.start_beats, bar, beats)
            )
            for bar in range(low, high)
        ]

    def own(start: float, bar: int, beats: int) -> bool:
        return bar * beats - 0.2 <= start < (bar + 1) * beats - 0.2

    def shared(new: list[frozenset[int]], old: set[frozenset[int]]) -> float:
        sung = [bar for bar in new if bar]
        return sum(bar in old for bar in sung) / max(1, len(sung))

    back = strange = 0.0
    for seed in range(6):
        request = replace(SONG, seed=seed)
        first = compose(request)
        bar = joining_bar(bars_of(first), bar_seconds_of(first), None)
        second = compose(longer(request, bar, 100.0))
        other = compose(replace(request, seed=seed + 100, duration_seconds=100.0))
        old = set(rhythms(first, 0, bar)) - {frozenset()}
        back += shared(rhythms(second, bar, second.bars - 1), old)
        strange += shared(rhythms(other, bar, other.bars - 1), old)
    assert back > strange + 6 * 0.2


def test_seeds_go_on_in_different_ways_and_each_again_in_its_own() -> None:
    first = compose(SONG)
    bar = joining_bar(bars_of(first), bar_seconds_of(first), None)
    one, again, other = (compose(longer(SONG, bar, 90.0, seed=seed)) for seed in (1, 1, 2))
    assert one == again
    assert notes_before(one, 1e9) != notes_before(other, 1e9)
    join = bar * first.beats_per_bar
    assert notes_before(one, join) == notes_before(other, join)


def test_what_is_added_takes_the_asked_form_and_words() -> None:
    first = compose(SONG)
    bar = joining_bar(bars_of(first), bar_seconds_of(first), None)
    asked = (Section("breakdown", bars=4), Section("finale", seconds=8 * bar_seconds_of(first)))
    request = longer(SONG, bar, 40.0 + 12 * bar_seconds_of(first), structure=asked, prompt="no drums")
    second = compose(request)
    kept = len(bars_of(first)) - (bars_of(first)[-1][0] == "outro")
    assert [name for name, _ in bars_of(second)[kept:]] == ["breakdown", "finale"]
    join = bar * first.beats_per_bar
    drums = [note for part in second.parts if part.drums for note in part.notes]
    assert any(note.start_beats < join - 0.2 for note in drums)
    assert not [note for note in drums if join <= note.start_beats < (second.bars - 1) * second.beats_per_bar]


def test_a_calm_wish_is_calmer_than_a_wild_one() -> None:
    first = compose(SONG)
    bar = joining_bar(bars_of(first), bar_seconds_of(first), None)
    calm, wild = (compose(longer(SONG, bar, 90.0, prompt=prompt)) for prompt in ("calm and quiet", "huge, intense"))

    def energy(score: Score) -> float:
        return sum(section.energy * section.bars for section in score.sections if section.start_bar >= bar)

    assert energy(calm) < energy(wild)


def test_extensions_retakes_and_variations_stack() -> None:
    first = compose(SONG)
    bar = joining_bar(bars_of(first), bar_seconds_of(first), None)
    retaken = replace(SONG, retakes=(Retake("verse", 77),))
    once = longer(retaken, bar, 80.0)
    later = replace(once, retakes=(*once.retakes, Retake("verse", 78, 2, after=1)))
    middle = compose(later)
    end = joining_bar(bars_of(middle), bar_seconds_of(middle), None)
    twice = longer(later, end, 120.0, seed=4)
    whole = compose(twice)
    assert compose(request_from(whole.spec["recipe"], "composer")).parts == whole.parts  # type: ignore[arg-type]
    join = bar * first.beats_per_bar
    assert notes_before(whole, join) == notes_before(compose(retaken), join) != notes_before(first, join)
    assert notes_before(whole, end * first.beats_per_bar) == notes_before(middle, end * first.beats_per_bar)
    varied = compose(replace(twice, seed=50, frame_seed=3, retakes=()))
    assert bars_of(varied) == bars_of(whole)
    assert notes_before(varied, join) != notes_before(whole, join)


@pytest.mark.parametrize(("at", "bar"), [(None, 12), (0.0, 1), (1.9, 1), (3.1, 2), (23.4, 12), (40.0, 16), (1e9, 16)])
def test_the_join_lies_on_a_bar_line(at: float | None, bar: int) -> None:
    assert joining_bar([("verse", 8), ("chorus", 4), ("outro", 4)], 2.0, at) == bar


def test_without_an_outro_the_last_chord_becomes_the_join() -> None:
    assert joining_bar([("verse", 8), ("chorus", 4)], 2.0, None) == 12
