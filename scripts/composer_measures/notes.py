"""What is measured on a score: melody, harmony, bass, drums, form. Pure functions over notes."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from services.generation.backends.protocol import GenerationRequest
from services.generation.composer.compose import compose, make_plan
from services.generation.composer.plan import Plan
from services.generation.composer.prompt import read_request
from services.generation.composer.score import TICKS_PER_BEAT, Note, Score

# Shares of the voice parts of 1,399 songs of the OpenScore Lieder corpus (scripts/train_composer.py prints them).
CORPUS_INTERVALS = (.2092, .1818, .2885, .1008, .0597, .0769, .0071, .034, .013, .0115, .005, .0007, .0103)  # fmt: skip
CORPUS_DURATIONS = (.1472, .4197, .0423, .2374, .0647, .0504, .0246, .0135)  # fmt: skip
DURATIONS = (1, 2, 3, 4, 6, 8, 12, 16)  # sixteenths

Song = tuple[Plan, Score]


def song(genre: str, seed: int, seconds: float) -> Song:
    """A song of a genre with the plan that it was written from."""
    from services.generation.composer.genres.catalogue import GENRES

    request = GenerationRequest("", seconds, "composer", seed, spec={"genre": genre})
    return make_plan(GENRES[genre], read_request(request), seconds, seed), compose(request)


def melody_of(song_: Song) -> list[Note]:
    """The highest line of the melody stem; empty when nobody sings."""
    parts = [part for part in song_[1].parts if part.stem == "melody" and not part.drums]
    notes = max((part.notes for part in parts), key=len, default=())
    return sorted(notes, key=lambda note: note.start_beats)


def in_key(song_: Song) -> float:
    """Share of melody notes within the scale."""
    scale = set(song_[0].key.scale)
    notes = melody_of(song_)
    return sum(note.pitch % 12 in scale for note in notes) / len(notes) if notes else math.nan


def strong_chord_tones(song_: Song) -> float:
    """Share of melody notes on strong beats that belong to their chord."""
    plan = song_[0]
    hits = []
    for note in melody_of(song_):
        tick = round(note.start_beats * 4) * TICKS_PER_BEAT // 4
        if plan.meter.is_strong(tick % plan.meter.bar_ticks) and tick < plan.final_tick:
            hits.append(note.pitch % 12 in plan.harmony.at(tick).chord.core)
    return statistics.mean(hits) if hits else math.nan


def bars_of(song_: Song) -> list[tuple[tuple[int, int], ...]]:
    """The melody's bars as onsets (sixteenths) and pitches; silent ones are left out."""
    beats = song_[1].beats_per_bar
    found: dict[int, list[tuple[int, int]]] = {}
    for note in melody_of(song_):
        bar, place = divmod(round(note.start_beats * 4), beats * 4)
        found.setdefault(bar, []).append((place, note.pitch))
    return [tuple(notes) for notes in found.values()]


def repetition(song_: Song) -> float:
    """Share of melody bars that were heard before, exactly."""
    bars = bars_of(song_)
    return 1 - len(set(bars)) / len(bars) if bars else math.nan


def interval_sizes(songs: Iterable[Song]) -> Counter[int]:
    """Motions of the melodies by their size, 12 and more together."""
    return Counter(
        min(12, abs(after.pitch - before.pitch)) for each in songs for before, after in pairwise(melody_of(each))
    )


def duration_classes(songs: Iterable[Song]) -> Counter[int]:
    """Times between melody onsets by the nearest of `DURATIONS` (a rest counts with the note before)."""
    found: Counter[int] = Counter()
    for each in songs:
        for before, after in pairwise(melody_of(each)):
            sixteenths = max(0.5, (after.start_beats - before.start_beats) * 4)
            found[min(range(len(DURATIONS)), key=lambda index: abs(math.log(sixteenths / DURATIONS[index])))] += 1
    return found


def divergence(counts: Counter[int], reference: Sequence[float]) -> float:
    """Jensen–Shannon divergence in bits."""
    total, whole = sum(counts.values()), sum(reference)
    result = 0.0
    for index, share in enumerate(reference):
        own, other = counts[index] / max(1, total), share / whole
        middle = (own + other) / 2
        result += sum(part * math.log2(part / middle) for part in (own, other) if part) / 2
    return result


def voice_movement(song_: Song) -> float:
    """Mean motion of the voices of the chords part, semitones, each to its nearest in the next chord."""
    parts = [part for part in song_[1].parts if part.stem == "chords" and not part.drums]
    motions = []
    for part in parts[:1]:
        chords: dict[int, list[int]] = {}
        for note in part.notes:
            chords.setdefault(round(note.start_beats * 4), []).append(note.pitch)
        full = [sorted(pitches) for _, pitches in sorted(chords.items()) if len(pitches) >= 3]
        for before, after in pairwise(full):
            if before != after:
                motions.append(statistics.mean(min(abs(p - q) for q in before) for p in after))
    return statistics.mean(motions) if motions else math.nan


def bass_on_one(song_: Song) -> float:
    """Share of bass notes on beat one that are the root or a chord tone."""
    plan, score = song_
    hits = []
    for part in score.parts:
        if part.stem != "bass":
            continue
        for note in part.notes:
            tick = round(note.start_beats * 4) * TICKS_PER_BEAT // 4
            if tick % plan.meter.bar_ticks == 0 and tick <= plan.final_tick:
                chord = plan.harmony.at(min(tick, plan.final_tick)).chord
                hits.append(note.pitch % 12 in chord.pitch_classes or note.pitch % 12 == chord.bass)
    return statistics.mean(hits) if hits else math.nan


def ends_on_tonic(song_: Song) -> bool:
    """Whether the last chord stands on the tonic and everything that is struck for the ending belongs to it."""
    plan, score = song_
    chord = plan.harmony.at(plan.final_tick).chord
    final = (plan.final_tick + plan.ritardando_ticks) / TICKS_PER_BEAT - 0.1
    struck = [note for part in score.parts if not part.drums for note in part.notes if note.start_beats >= final]
    allowed = chord.pitch_classes | {plan.key.tonic}
    return bool(struck) and chord.root == plan.key.tonic and all(note.pitch % 12 in allowed for note in struck)


def drum_spread(song_: Song) -> tuple[float, float]:
    """Deviation of drum timing (ms from the nearest sixteenth or triplet) and of velocity."""
    score = song_[1]
    notes = [note for part in score.parts if part.drums for note in part.notes]
    if len(notes) < 16:
        return math.nan, math.nan
    beat_ms = 60_000 / score.bpm
    offsets = [
        min(((note.start_beats * grid - round(note.start_beats * grid)) / grid for grid in (4, 6)), key=abs) * beat_ms
        for note in notes
    ]
    return statistics.pstdev(offsets), statistics.pstdev(note.velocity for note in notes)


def shared_bars(one: Song, other: Song) -> float:
    """Share of the melody bars that two songs have in common."""
    first, second = set(bars_of(one)), set(bars_of(other))
    first, second = ({bar for bar in bars if len(bar) > 1} for bars in (first, second))
    return len(first & second) / max(1, min(len(first), len(second)))
