"""The score as a multi-track Standard MIDI File (format 1, 960 ticks per beat), for a DAW or a notation program.

Track 0 holds tempo, meter, key and section markers; every part has a track of its own with name, program, volume and
pan. Equal scores give equal bytes.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from mido import Message, MetaMessage, MidiFile, MidiTrack, bpm2tempo

from services.generation.composer.pitch import parse_key
from services.generation.composer.score import TICKS_PER_BEAT, Part, Score

_DRUM_CHANNEL = 9
_MELODIC_CHANNELS = tuple(channel for channel in range(16) if channel != _DRUM_CHANNEL)
_BEND_RANGE_SEMITONES = 2.0
_FULL_VOLUME = 112  # CC 7 of a part at 0 dB; General MIDI: 40 log10 of the ratio is the level in dB

_OFF, _CONTROL, _ON = 0, 1, 2  # at one tick: notes end first, then controllers move, then notes begin


def write_midi(score: Score, path: Path) -> None:
    """Write the file."""
    path.write_bytes(midi_bytes(score))


def midi_bytes(score: Score) -> bytes:
    """The file's content."""
    file = MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT, charset="utf-8")
    end = int(score.duration_seconds * score.bpm * TICKS_PER_BEAT / 60.0)
    file.tracks.append(_conductor(score, end))
    channels = iter(_MELODIC_CHANNELS * (len(score.parts) // len(_MELODIC_CHANNELS) + 1))
    for part in score.parts:
        file.tracks.append(_track(part, _DRUM_CHANNEL if part.drums else next(channels), end))
    buffer = BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def _conductor(score: Score, end: int) -> MidiTrack:
    numerator, denominator = score.time_signature
    key = parse_key(score.key)
    events: list[tuple[int, int, MetaMessage]] = [
        (0, 0, MetaMessage("track_name", name=score.title)),
        (0, 1, MetaMessage("set_tempo", tempo=bpm2tempo(score.bpm))),
        (0, 2, MetaMessage("time_signature", numerator=numerator, denominator=denominator)),
    ]
    if key is not None:
        events.append((0, 3, MetaMessage("key_signature", key=key.midi_signature)))
    for section in score.sections:
        tick = section.start_bar * score.beats_per_bar * TICKS_PER_BEAT
        events.append((tick, 4, MetaMessage("marker", text=section.name)))
    return _laid_out(events, end)


def _track(part: Part, channel: int, end: int) -> MidiTrack:
    volume = min(127, max(1, round(_FULL_VOLUME * 10.0 ** (part.gain_db / 40.0))))
    pan = min(127, max(0, round(64 + 63 * part.pan)))
    events: list[tuple[int, int, Message | MetaMessage]] = [
        (0, _OFF, MetaMessage("track_name", name=part.name)),
        (0, _OFF, Message("program_change", channel=channel, program=part.program)),
        (0, _CONTROL, Message("control_change", channel=channel, control=7, value=volume)),
        (0, _CONTROL, Message("control_change", channel=channel, control=10, value=pan)),
    ]
    for change in part.controls:
        message = Message("control_change", channel=channel, control=change.controller, value=change.value)
        events.append((_tick(change.start_beats), _CONTROL, message))
    for bend in part.bends:
        pitch = min(8191, max(-8192, round(bend.semitones / _BEND_RANGE_SEMITONES * 8192)))
        events.append((_tick(bend.start_beats), _CONTROL, Message("pitchwheel", channel=channel, pitch=pitch)))
    for note in part.notes:
        on = Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)
        off = Message("note_off", channel=channel, note=note.pitch, velocity=64)
        events.append((_tick(note.start_beats), _ON, on))
        events.append((_tick(note.end_beats), _OFF, off))
    return _laid_out(events, end)


def _tick(beats: float) -> int:
    return round(beats * TICKS_PER_BEAT)


def _laid_out(
    events: list[tuple[int, int, Message | MetaMessage]] | list[tuple[int, int, MetaMessage]], end: int
) -> MidiTrack:
    """Absolute times to the waits between messages; the track ends with the song."""
    track = MidiTrack()
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(MetaMessage("end_of_track", time=max(0, end - now)))
    return track
