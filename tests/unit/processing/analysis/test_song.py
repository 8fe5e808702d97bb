"""Tempo, beats, bars, key, chords and sections of songs that are made of known parts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.processing.analysis import beats as beat_tracking
from services.processing.analysis.beats import track_beats
from services.processing.analysis.chords import QUALITIES, find_chords, templates
from services.processing.analysis.frames import FRAMES_PER_SECOND, Frames, Listener
from services.processing.analysis.key import key_name
from services.processing.analysis.marks import mean_between
from services.processing.analysis.pulse import autocorrelation, pitch_classes
from services.processing.analysis.sections import _borders, find_sections
from services.processing.analysis.song import beats_dict, chords_list, describe, key_dict, tempo_dict

RATE = 22_050


def hz_of(note):
    return 440.0 * 2.0 ** ((note - 69) / 12.0)


def pluck(note, seconds, rate=RATE, cents=0.0):
    time = np.arange(round(seconds * rate)) / rate
    hz = hz_of(note + cents / 100.0)
    partials = sum(np.sin(2 * np.pi * hz * k * time) / k for k in range(1, 6) if hz * k < rate / 2)
    return 0.1 * partials * np.exp(-1.5 * time) * np.minimum(1.0, time / 0.003)


def add(song, at, sound, rate=RATE):
    start = round(at * rate)
    part = sound[: max(0, len(song) - start)]
    song[start : start + len(part)] += part


def drum(kind, rate=RATE):
    time = np.arange(rate // 5) / rate
    noise = np.random.default_rng(kind).standard_normal(len(time))
    if kind == 0:
        return 0.8 * np.sin(2 * np.pi * 60.0 * time + 5.0 * (1 - np.exp(-40 * time))) * np.exp(-18 * time)
    return (0.3 if kind == 1 else 0.08) * noise * np.exp(-(30 if kind == 1 else 90) * time)


def band(bpm, chords, beats_per_bar=4, bars=16, lead_in=0.0, rate=RATE, cents=0.0):
    """Drums, bass and chords, one chord a bar: `(root, quality)` with C as 0."""
    beat = 60.0 / bpm
    song = np.zeros(round((lead_in + bars * beats_per_bar * beat + 1.0) * rate))
    for bar in range(bars):
        root, quality = chords[bar % len(chords)]
        for number in range(beats_per_bar):
            at = lead_in + (bar * beats_per_bar + number) * beat
            add(song, at, drum(0 if number % 2 == 0 else 1, rate), rate)
            add(song, at + beat / 2, drum(2, rate), rate)
            if number == 0:
                add(song, at, 2.0 * pluck(36 + root, beats_per_bar * beat, rate, cents), rate)
                for tone in QUALITIES[quality][0]:
                    add(song, at, pluck(60 + root + tone, beats_per_bar * beat, rate, cents), rate)
    return song


def listen(song, rate=RATE, block=10_000):
    listener = Listener(rate)
    for start in range(0, len(song), block):
        listener.add(np.float32(song[start : start + block])[:, None])
    return listener.finish()


POP = ((0, ""), (7, ""), (9, "m"), (5, ""))


@pytest.mark.parametrize("bpm", [84.0, 100.0, 126.0])
def test_tempo_and_beats_of_a_band(bpm):
    described = describe(listen(band(bpm, POP, lead_in=0.3)))
    tempo = tempo_dict(described)
    assert tempo["bpm"] == pytest.approx(bpm, rel=0.005)
    assert tempo["steady"]
    beats = np.array(beats_dict(described)["times"])
    expected = 0.3 + np.arange(64) * 60.0 / bpm
    nearest = np.abs(beats[:, None] - expected).min(axis=0)
    assert np.median(nearest) < 0.025
    assert (nearest < 0.07).mean() > 0.95


@pytest.mark.parametrize("beats_per_bar", [3, 4])
def test_bars_begin_where_the_harmony_changes(beats_per_bar):
    described = describe(listen(band(110.0, POP, beats_per_bar, lead_in=0.2)))
    shown = beats_dict(described)
    assert shown["beats_per_bar"] == beats_per_bar
    bar = beats_per_bar * 60.0 / 110.0
    places = (np.array(shown["downbeats"]) - 0.2 + bar / 2) % bar - bar / 2
    assert np.median(np.abs(places)) < 0.05


@pytest.mark.parametrize(
    ("chords", "name"),
    [
        (POP, "C major"),
        (((9, "m"), (5, ""), (2, "m"), (4, "")), "A minor"),
        (((4, ""), (9, ""), (11, ""), (4, "")), "E major"),
        (((3, "m"), (8, "m"), (10, "7"), (3, "m")), "Eb minor"),
    ],
)
def test_key_of_a_cadence(chords, name):
    song = band(100.0, chords, bars=13)
    assert key_dict(describe(listen(song)))["name"] == name


def test_chords_are_named_at_their_time():
    bpm = 96.0
    chords = ((0, ""), (9, "m"), (2, "m7"), (7, "7"))
    shown = chords_list(describe(listen(band(bpm, chords, bars=12))))
    bar = 4 * 60.0 / bpm
    hits = 0
    for number in range(11):
        middle = (number + 0.5) * bar
        (found,) = (chord["chord"] for chord in shown if chord["start"] <= middle < chord["end"])
        expected = ("C", "Am", "Dm7", "G7")[number % 4]
        hits += found[: len(expected.rstrip("7"))] == expected.rstrip("7")
    assert hits >= 10
    assert shown[0]["start"] == 0.0


@pytest.mark.parametrize("cents", [-30.0, 0.0, 40.0])
def test_a_song_out_of_tune_keeps_its_key_and_says_its_tuning(cents):
    found = key_dict(describe(listen(band(100.0, POP, bars=9, cents=cents))))
    assert found["name"] == "C major"
    assert found["tuning_cents"] == pytest.approx(cents, abs=6.0)


def test_sections_change_where_the_arrangement_does():
    quiet = np.concatenate([pluck(60 + tone, 2.4) * 0.5 for tone in (0, 7, 9, 5) * 4])
    loud = band(100.0, POP, bars=16)[: len(quiet)]
    song = np.concatenate([quiet, loud, quiet])
    found = find_sections(listen(song), np.arange(0.0, len(song) / RATE, 2.4))
    borders = [section.start for section in found][1:]
    for expected in (len(quiet) / RATE, 2 * len(quiet) / RATE):
        assert min(abs(border - expected) for border in borders) <= 2.5
    assert found[0].label == found[-1].label
    loudest = max(found, key=lambda section: section.energy)
    assert loudest.label != found[0].label
    assert [section.end for section in found[:-1]] == borders


@settings(max_examples=30)
@given(st.integers(8, 60), st.integers(0, 2**31))
def test_borders_are_the_clearest_changes_that_lie_four_bars_apart(count, seed):
    bars = np.random.default_rng(seed).standard_normal((count, 3))
    found = _borders(bars / np.linalg.norm(bars, axis=1, keepdims=True))
    assert found == sorted(found)
    assert all(later - earlier >= 4 for earlier, later in pairwise((0, *found, count)))


def test_a_cancel_is_seen_between_any_two_questions_about_a_song():
    frames = listen(band(100.0, POP, bars=4))
    for allowed in range(5):
        looks = 0

        def check(allowed=allowed):
            nonlocal looks
            looks += 1
            if looks > allowed:
                raise InterruptedError

        with pytest.raises(InterruptedError):
            describe(frames, check)
        assert looks == allowed + 1


@pytest.mark.parametrize("seconds", [0.0, 0.05, 1.0, 6.0])
def test_silence_has_neither_tempo_nor_key_nor_chords(seconds):
    described = describe(listen(np.zeros(round(seconds * RATE))))
    assert (described.tempo, described.bars, described.key, described.chords) == (None, None, None, [])


def test_a_drone_has_a_key_and_a_chord_but_no_bars_that_are_sure():
    time = np.arange(8 * RATE) / RATE
    drone = sum(0.1 * np.sin(2 * np.pi * hz_of(note) * time) for note in (45, 57, 60, 64))
    described = describe(listen(drone))
    assert described.key.name == "A minor"
    assert {chord.name for chord in described.chords} == {"Am"}


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_every_sample_rate_is_heard_alike(rate):
    described = describe(listen(band(120.0, POP, bars=9, rate=rate), rate, block=65_536))
    assert described.tempo.bpm == pytest.approx(120.0, rel=0.01)
    assert described.key.name == "C major"


@settings(max_examples=8)
@given(cuts=st.lists(st.integers(1, 60_000), max_size=5))
def test_listening_does_not_depend_on_how_the_audio_is_cut(cuts):
    song = np.float32(band(140.0, POP, bars=2))[:60_000, None]
    whole, pieces = Listener(RATE), Listener(RATE)
    whole.add(song)
    for part in np.split(song, sorted(cuts)):
        pieces.add(part)
    expected, found = whole.finish(), pieces.finish()
    assert found.onsets == pytest.approx(expected.onsets, abs=1e-3)
    assert found.notes == pytest.approx(expected.notes, abs=1e-2)
    assert found.colour == pytest.approx(expected.colour, abs=1e-3)


def test_beats_follow_a_band_that_slows_down():
    times = np.cumsum(np.linspace(0.50, 0.60, 40))
    onsets = np.zeros((int((times[-1] + 1.0) * FRAMES_PER_SECOND), 6), dtype=np.float32)
    onsets[np.round(times * FRAMES_PER_SECOND).astype(int)] = 1.0
    found = track_beats(onsets, 60.0 / 0.55)
    # The outermost ones have an interval on one side only.
    assert np.abs(found[:, None] - times).min(axis=0)[1:-1].max() < 0.03


def test_no_onsets_no_beats():
    assert len(track_beats(np.zeros((500, 6), dtype=np.float32), 120.0)) == 0


def test_notes_fold_into_their_pitch_classes():
    notes = np.zeros((1, 69), dtype=np.float32)
    notes[0, 60 - 28] = 1.0
    notes[0, 69 - 28] = 2.0
    assert pitch_classes(notes)[0].tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0]


def test_autocorrelation_finds_a_period():
    curve = np.zeros(400, dtype=np.float32)
    curve[::25] = 1.0
    found = autocorrelation(curve)
    assert found[0] == 1.0
    assert int(np.argmax(found[10:40])) + 10 == 25
    assert not autocorrelation(np.ones(100, dtype=np.float32)).any()


def test_means_between_times_hear_at_least_one_frame():
    values = np.arange(10, dtype=np.float32)[:, None]
    assert mean_between(values, np.array([0.0, 4.0, 4.1, 20.0]), 1.0)[:, 0].tolist() == [1.5, 4.0, 6.5]


def test_every_chord_has_a_template_of_its_own():
    rows, names = templates()
    assert len(set(names)) == len(rows) == 12 * len(QUALITIES)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0)
    alike = rows @ rows.T - np.eye(len(rows))
    assert alike.max() < 0.999


def test_fewer_than_two_beats_have_no_chord():
    frames = Frames(np.zeros((5, 6)), np.zeros((1, 48)), np.zeros((1, 69)), 0.0, 0.05)
    assert find_chords(frames, np.array([0.0])) == []


def test_keys_are_spelled_as_usual():
    assert (key_name(6, minor=False), key_name(6, minor=True)) == ("F# major", "F# minor")
    assert (key_name(3, minor=False), key_name(8, minor=True)) == ("Eb major", "G# minor")


def test_the_kernel_says_the_same_without_its_compiler():
    strength = np.random.default_rng(1).uniform(0.0, 2.0, 60)
    results = []
    for kernel in (beat_tracking._chain, beat_tracking._chain.py_func):
        score, before = np.zeros(60), np.full(60, -1, dtype=np.int64)
        kernel(strength, 9.0, 100.0, score, before)
        results.append((score, before))
    assert results[0][0] == pytest.approx(results[1][0])
    assert (results[0][1] == results[1][1]).all()
