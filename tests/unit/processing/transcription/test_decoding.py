"""Notes out of activations that are written by hand, where the right answer is known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from services.processing.transcription.basic_pitch import CONTOUR_BINS, FRAME_SECONDS, LOWEST_PITCH, Activations
from services.processing.transcription.decoding import CHORDS, LINE, decode, transcribe

FRAMES = 300


def activations(*notes: tuple[int, int, int, float], bend: int = 0) -> Activations:
    """(first frame, last frame, pitch, level) → what a sure network would say."""
    onsets, held = np.zeros((FRAMES, 88), np.float32), np.zeros((FRAMES, 88), np.float32)
    contours, flux = np.zeros((FRAMES, 88 * CONTOUR_BINS), np.float32), np.zeros(FRAMES, np.float32)
    for start, end, pitch, level in notes:
        key = pitch - LOWEST_PITCH
        onsets[start - 1 : start + 2, key] = (0.4 * level, level, 0.4 * level)
        held[start:end, key] = level
        contours[start:end, key * CONTOUR_BINS + 1 + bend] = level
        flux[start] = 0.2
    return Activations(onsets, held, contours, flux)


def test_line_is_found_with_its_pitches_starts_and_ends() -> None:
    wanted = [(20, 60, 60, 0.9), (60, 100, 62, 0.9), (120, 160, 55, 0.9)]
    found = transcribe(activations(*wanted))
    assert [note.pitch for note in found] == [60, 62, 55]
    for note, (start, end, _, _) in zip(found, wanted, strict=True):
        assert note.start == pytest.approx(start * FRAME_SECONDS, abs=2 * FRAME_SECONDS)
        assert note.end == pytest.approx(end * FRAME_SECONDS, abs=2 * FRAME_SECONDS)
        assert note.velocity == round(127 * 0.9)


def test_chord_is_found_whole() -> None:
    chord = [(20, 80, pitch, 0.9) for pitch in (48, 52, 55)] + [(100, 160, pitch, 0.9) for pitch in (50, 53, 57)]
    assert [note.pitch for note in transcribe(activations(*chord))] == [48, 52, 55, 50, 53, 57]


def test_weak_octave_above_a_note_is_its_overtone() -> None:
    heard = activations((20, 80, 48, 0.95), (20, 80, 60, 0.5), (20, 80, 55, 0.9), (20, 80, 52, 0.9))
    assert [note.pitch for note in decode(heard, CHORDS)] == [48, 52, 55]


def test_repeated_note_is_struck_twice() -> None:
    assert len(decode(activations((20, 60, 60, 0.9), (60, 100, 60, 0.9)), LINE)) == 2


def tongued(flux: float, around: float) -> Activations:
    """A note that goes on at full level while its onset is seen again, with so much new sound."""
    heard = activations((20, 120, 60, 0.9))
    heard.onsets[70, 60 - LOWEST_PITCH] = 0.55
    heard.flux[30:110] = around
    heard.flux[70] = flux
    return heard


def test_tongued_note_is_a_second_one_although_little_sound_is_new() -> None:
    assert len(decode(tongued(0.015, around=0.002), LINE)) == 2


def test_trembling_note_stays_one_although_as_much_sound_is_new() -> None:
    assert len(decode(tongued(0.015, around=0.012), LINE)) == 1


def test_soft_attack_is_an_attack_although_the_note_is_half_there_at_its_peak() -> None:
    heard = activations((10, 80, 55, 0.9))
    key = 62 - LOWEST_PITCH
    heard.onsets[70:78, key] = (0.1, 0.15, 0.2, 0.3, 0.45, 0.8, 0.6, 0.3)
    heard.notes[68:78, key] = (0.1, 0.12, 0.15, 0.2, 0.3, 0.4, 0.55, 0.7, 0.8, 0.85)
    heard.notes[78:130, key] = 0.85
    heard.flux[70:78] = 0.01
    found = decode(heard, LINE)
    assert [note.pitch for note in found] == [55, 62]
    assert found[1].start == pytest.approx(74 * FRAME_SECONDS, abs=2 * FRAME_SECONDS)


def test_one_line_never_overlaps() -> None:
    found = decode(activations((20, 90, 60, 0.9), (50, 90, 64, 0.9), (70, 90, 67, 0.9)), LINE)
    assert [note.pitch for note in found] == [60, 64, 67]
    assert all(first.end <= second.start + 1e-9 for first, second in pairwise(found))


def test_slur_without_any_onset_is_heard_in_a_line() -> None:
    heard = activations((20, 60, 60, 0.9))
    heard.notes[60:100, 62 - LOWEST_PITCH] = 0.8
    assert [note.pitch for note in decode(heard, LINE)] == [60, 62]


def test_silence_holds_no_notes() -> None:
    assert transcribe(activations()) == []


def test_bend_is_what_the_contour_says() -> None:
    (note,) = decode(activations((20, 80, 60, 0.9), bend=1), LINE)
    assert np.mean(note.bends) == pytest.approx(1 / CONTOUR_BINS, abs=0.01)
