"""The MIDI file says what the score says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from mido import MidiFile, tempo2bpm

from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.midi import midi_bytes, write_midi
from services.generation.composer.score import ControlChange, Note, Part, PitchBend, Score, SectionSpan

GOLDEN = "22de67a54a9c46091693f6c7ea773df5d4f6c8f8b39152ef17d4dae7951fcce8"


def _parse(data: bytes) -> MidiFile:
    return MidiFile(file=BytesIO(data), charset="utf-8")


def _notes(track, ticks_per_beat: int) -> tuple[Note, ...]:  # type: ignore[no-untyped-def]
    now = 0
    sounding: dict[int, tuple[int, int]] = {}
    notes = []
    for message in track:
        now += message.time
        if message.type == "note_on":
            assert message.note not in sounding
            sounding[message.note] = (now, message.velocity)
        elif message.type == "note_off":
            start, velocity = sounding.pop(message.note)
            notes.append(Note(start / ticks_per_beat, (now - start) / ticks_per_beat, message.note, velocity))
    assert not sounding
    return tuple(sorted(notes, key=lambda note: (note.start_beats, note.pitch)))


@pytest.mark.parametrize("genre", sorted(GENRES))
def test_reading_the_file_back_gives_the_scores_notes(genre: str, song: Callable[..., Score]) -> None:
    score = song(seconds=40.0, seed=6, spec={"genre": genre})
    file = _parse(midi_bytes(score))
    assert [track.name for track in file.tracks[1:]] == [part.name for part in score.parts]
    for part, track in zip(score.parts, file.tracks[1:], strict=True):
        assert _notes(track, file.ticks_per_beat) == part.notes
        channels = {message.channel for message in track if not message.is_meta}
        assert (channels == {9}) is part.drums
        assert [message.program for message in track if message.type == "program_change"] == [part.program]
    assert file.length == pytest.approx(score.duration_seconds, abs=0.01)


def test_the_first_track_holds_tempo_meter_key_and_markers(song: Callable[..., Score]) -> None:
    score = song("waltz in F# minor at 87 bpm", 60.0)
    conductor = _parse(midi_bytes(score)).tracks[0]
    meta = {message.type: message for message in conductor}
    assert tempo2bpm(meta["set_tempo"].tempo) == pytest.approx(87.0, abs=1e-3)
    assert (meta["time_signature"].numerator, meta["time_signature"].denominator) == (3, 4)
    assert meta["key_signature"].key == "F#m"
    assert meta["track_name"].name == score.title
    now, markers = 0, []
    for message in conductor:
        now += message.time
        if message.type == "marker":
            markers.append((message.text, now // 960 // 3))
    assert markers == [(section.name, section.start_bar) for section in score.sections]


def test_every_key_has_a_signature(song: Callable[..., Score]) -> None:
    for tonic in ("C", "Db", "C#", "D", "Eb", "E", "F", "F#", "Gb", "G", "Ab", "G#", "A", "Bb", "B"):
        for mode in ("major", "minor", "dorian", "lydian"):
            data = midi_bytes(song("", 2.0, key=f"{tonic} {mode}"))
            assert any(message.type == "key_signature" for message in _parse(data).tracks[0])


def test_other_scripts_survive_in_names(song: Callable[..., Score]) -> None:
    score = song("静かな夜 🌙 soul", 4.0)
    assert _parse(midi_bytes(score)).tracks[0].name == score.title


def test_controllers_bends_and_many_parts_are_written() -> None:
    parts = tuple(
        Part(
            f"part {index}",
            "other",
            index,
            0,
            False,
            (Note(0.0, 1.0, 60, 90),),
            gain_db=-60.0 if index else 12.0,
            pan=-1.0,
            controls=(ControlChange(0.5, 11, 100),),
            bends=(PitchBend(0.25, 2.0), PitchBend(0.5, -2.0), PitchBend(0.75, 9.0)),
        )
        for index in range(20)
    )
    score = Score("many", 120.0, 4, "C major", 1, (SectionSpan("verse", 0, 1, 0.5),), parts, 2.0)
    file = _parse(midi_bytes(score))
    assert len(file.tracks) == 21
    bends = [message.pitch for message in file.tracks[1] if message.type == "pitchwheel"]
    assert bends == [8191, -8192, 8191]
    assert {message.control for message in file.tracks[1] if message.type == "control_change"} == {7, 10, 11}


def test_the_file_is_written(tmp_path: Path, song: Callable[..., Score]) -> None:
    score = song("jazz", 5.0)
    write_midi(score, tmp_path / "song.mid")
    assert (tmp_path / "song.mid").read_bytes() == midi_bytes(score)


def test_one_seed_is_pinned(song: Callable[..., Score]) -> None:
    # Changes only together with description.REVISION: songs in people's libraries are remade from their seeds.
    data = midi_bytes(song("dusty lofi piano in A minor", 30.0, 20261121))
    assert hashlib.sha256(data).hexdigest() == GOLDEN
