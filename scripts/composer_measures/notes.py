"""What is measured on a score: melody, harmony, bass, drums, form. Pure functions over notes."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from services.generation.backends.protocol import GenerationRequest
from services.generation.composer.arrangement import arrange
from services.generation.composer.cast import choose_cast
from services.generation.composer.compose import make_plan
from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.genres.profile import Genre, Swing
from services.generation.composer.melody import MelodyWriter
from services.generation.composer.plan import Plan
from services.generation.composer.prompt import read_request
from services.generation.composer.score import TICKS_PER_BEAT, Note, Score

from .songs import Song

# Shares of the voice parts of 1,399 songs of the OpenScore Lieder corpus (scripts/train_composer.py prints them).
CORPUS_INTERVALS = (.2092, .1818, .2885, .1008, .0597, .0769, .0071, .034, .013, .0115, .005, .0007, .0103)  # fmt: skip
CORPUS_DURATIONS = (.1472, .4197, .0423, .2374, .0647, .0504, .0246, .0135)  # fmt: skip
DURATIONS = (1, 2, 3, 4, 6, 8, 12, 16)  # sixteenths
_FEW_STROKES = 16
_LONGEST_GRACE_BEATS = 0.125
# Tighter than this is a machine's timing; swing beyond this share of a pair is heard as swing.
_LOOSE_MS = 4.0
_STRAIGHT = 0.5
_NEAR_A_BEAT = 0.12


@dataclass(frozen=True)
class Melody:
    """A tune, as written or as played, over the plan that it belongs to."""

    plan: Plan
    notes: list[Note]

    def bars(self) -> list[tuple[tuple[int, int], ...]]:
        """The bars as onsets (sixteenths) and pitches; silent ones are left out.

        They are read as the corpus is written: swung notes on the straight grid (two thirds of a beat lie between two
        sixteenths, and a few milliseconds of touch would make two bars of one), without grace notes.
        """
        found: dict[int, list[tuple[int, int]]] = {}
        for note in self.notes:
            if note.duration_beats < _LONGEST_GRACE_BEATS:
                continue
            straight = _straightened(note.start_beats, self.plan.genre.swing)
            bar, place = divmod(round(straight * 4), self.plan.meter.bar_ticks * 4 // TICKS_PER_BEAT)
            found.setdefault(bar, []).append((place, note.pitch))
        return [tuple(notes) for notes in found.values()]


def _straightened(beats: float, swing: Swing) -> float:
    """Where a played note stands before swing; the inverse of `performance.swung`."""
    pair = 2 * swing.unit_ticks / TICKS_PER_BEAT
    whole, place = divmod(beats, pair)
    share = place / pair
    if share <= swing.ratio:
        return whole * pair + share / swing.ratio * pair / 2
    return whole * pair + pair / 2 + (share - swing.ratio) / (1 - swing.ratio) * pair / 2


def melody_of(song_: Song) -> Melody:
    """The longest line of the melody stem, as it is played; empty when nobody sings."""
    plan, score = song_
    parts = [part for part in score.parts if part.stem == "melody" and not part.drums]
    notes = max((part.notes for part in parts), key=len, default=())
    return Melody(plan, sorted(notes, key=lambda note: note.start_beats))


def written_melody(genre: str, seed: int, seconds: float) -> Melody:
    """The tune of a genre on the straight grid, before a player touches it and without grace notes."""
    request = GenerationRequest("", seconds, "composer", seed, spec={"genre": genre})
    plan = make_plan(GENRES[genre], read_request(request), seconds, seed)
    cast = choose_cast(plan.genre, plan.spec, plan.stream("cast"))
    arrangement = arrange(plan, cast)
    layer = next(layer for layer in cast.layers if layer.role == "melody")
    events = MelodyWriter(plan, layer, plan.genre.melody).write(list(arrangement.bars[layer.name]))
    return Melody(
        plan,
        [
            Note(event.start / TICKS_PER_BEAT, event.duration / TICKS_PER_BEAT, event.pitch, event.velocity)
            for event in events
            if not event.offset
        ],
    )


def in_key(melody: Melody) -> float:
    """Share of melody notes within the scale."""
    scale = set(melody.plan.key.scale)
    return sum(note.pitch % 12 in scale for note in melody.notes) / len(melody.notes) if melody.notes else math.nan


def strong_chord_tones(melody: Melody) -> float:
    """Share of melody notes on strong beats that belong to their chord."""
    plan = melody.plan
    hits = []
    for note in melody.notes:
        tick = round(note.start_beats * 4) * TICKS_PER_BEAT // 4
        if plan.meter.is_strong(tick % plan.meter.bar_ticks) and tick < plan.final_tick:
            hits.append(note.pitch % 12 in plan.harmony.at(tick).chord.core)
    return statistics.mean(hits) if hits else math.nan


def repetition(melody: Melody) -> float:
    """Share of melody bars that were heard before, exactly."""
    bars = melody.bars()
    return 1 - len(set(bars)) / len(bars) if bars else math.nan


def interval_sizes(melodies: Iterable[Melody]) -> Counter[int]:
    """Motions of the melodies by their size, 12 and more together."""
    return Counter(
        min(12, abs(after.pitch - before.pitch)) for each in melodies for before, after in pairwise(each.notes)
    )


def wide_leaps(sizes: Counter[int]) -> float:
    """Share of motions over 9 semitones."""
    return sum(sizes[size] for size in (10, 11, 12)) / max(1, sum(sizes.values()))


def duration_classes(melodies: Iterable[Melody]) -> Counter[int]:
    """Times between melody onsets by the nearest of `DURATIONS` (a rest counts with the note before)."""
    found: Counter[int] = Counter()
    for each in melodies:
        for before, after in pairwise(each.notes):
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


def drum_timing_ms(score: Score, *grids: int) -> list[float]:
    """How far each stroke lies from the nearest place of grids with so many places a beat."""
    beat_ms = 60_000 / score.bpm
    starts = [note.start_beats for part in score.parts if part.drums for note in part.notes]
    return [min(((start * grid - round(start * grid)) / grid * beat_ms for grid in grids), key=abs) for start in starts]


def drum_spread(score: Score, *grids: int) -> tuple[float, float]:
    """Deviation of drum timing (ms from the nearest place of the grids) and of velocity; NaN for a few strokes."""
    velocities = [note.velocity for part in score.parts if part.drums for note in part.notes]
    if len(velocities) < _FEW_STROKES:
        return math.nan, math.nan
    return statistics.pstdev(drum_timing_ms(score, *grids)), statistics.pstdev(velocities)


def played_by_hand(genre: Genre) -> bool:
    """Whether a style has a drummer of flesh and blood: machines keep the grid on purpose."""
    return genre.drums is not None and genre.drums.timing_ms >= _LOOSE_MS


def hand_spread(song_: Song) -> tuple[float, float]:
    """`drum_spread` of a drummer of flesh and blood, NaN for a machine.

    Straight styles are held against the sixteenths. A swung stroke lies off the grid on purpose, by an amount that is
    the style's own: there the strokes on the beats tell.
    """
    plan, score = song_
    if not played_by_hand(plan.genre):
        return math.nan, math.nan
    if plan.genre.swing.ratio <= _STRAIGHT:
        return drum_spread(score, 4)
    return drum_spread(_on_the_beats(score), 1)


def _on_the_beats(score: Score) -> Score:
    parts = (
        replace(part, notes=tuple(n for n in part.notes if abs(n.start_beats - round(n.start_beats)) < _NEAR_A_BEAT))
        for part in score.parts
        if part.drums
    )
    return replace(score, parts=tuple(parts))


def section_ends(song_: Song) -> float:
    """Share of the sections' ends, the song's own aside, that the drums mark: with a last bar (a fill, a break) that
    is heard once in its section or in no more than a quarter of its bars, or by stopping or beginning to play on the
    next bar line.

    Bars are read as strokes on the straight grid of sixteenths. Sections of one bar, and ends where nobody drums on
    either side, say nothing; NaN if there is no other.
    """
    plan, score = song_
    if plan.genre.drums is None:
        return math.nan
    beats = plan.meter.bar_ticks / TICKS_PER_BEAT
    bars: dict[int, set[tuple[int, int]]] = {}
    for note in (note for part in score.parts if part.drums for note in part.notes):
        place = round(_straightened(note.start_beats, plan.genre.swing) * 4)
        bar = int(place // (beats * 4))
        bars.setdefault(bar, set()).add((place - round(bar * beats * 4), note.pitch))
    marked = []
    for section in score.sections[:-1]:
        own = [frozenset(bars.get(bar, ())) for bar in range(section.start_bar, section.end_bar)]
        after = bars.get(section.end_bar, set())
        if len(own) < 2 or not (any(own) or after):
            continue
        marked.append(own.count(own[-1]) <= max(1, len(own) / 4) or bool(own[-1]) != bool(after))
    return statistics.mean(marked) if marked else math.nan


def shared_bars(one: Melody, other: Melody) -> float:
    """Share of the melody bars of more than one note that two songs have in common, in whatever keys they are."""
    first, second = (
        {
            tuple((place, (pitch - melody.plan.key.tonic) % 12) for place, pitch in bar)
            for bar in melody.bars()
            if len(bar) > 1
        }
        for melody in (one, other)
    )
    return len(first & second) / max(1, min(len(first), len(second)))
