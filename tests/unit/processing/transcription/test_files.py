"""MIDI and MusicXML files say what was heard; read back with mido, and with an XML parser."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.processing.analysis.meter import METERS, Meter
from services.processing.transcription.key_signature import FIFTHS
from services.processing.transcription.midi_file import Heading, Part, write_midi
from services.processing.transcription.musicxml import DIVISIONS, write_musicxml
from services.processing.transcription.note import Note
from services.processing.transcription.quantize import BeatMap

NOTES = [Note(0.5, 1.0, 60, 90), Note(1.0, 1.5, 64, 80), Note(1.25, 2.5, 67, 70)]


def played(file: mido.MidiFile) -> list[tuple[float, float, int, int]]:
    """(start, end, pitch, velocity) in seconds, as mido's own clock plays them."""
    now, sounding, found = 0.0, {}, []
    for message in file:
        now += message.time
        if message.type == "note_on" and message.velocity:
            sounding[message.channel, message.note] = (now, message.velocity)
        elif message.type in ("note_off", "note_on"):
            start, velocity = sounding.pop((message.channel, message.note))
            found.append((start, now, message.note, velocity))
    return sorted(found)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0.2, 1.5), min_size=1, max_size=8), st.floats(0, 1.9), st.data())
def test_notes_sound_at_their_seconds_whatever_the_tempo_does(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[float], first: float, data: st.DataObject
) -> None:
    seconds = [first]
    for gap in gaps:
        seconds.append(seconds[-1] + gap)
    starts = data.draw(st.lists(st.floats(0, 12), min_size=1, max_size=10))
    notes = [Note(start, start + 0.3, 40 + index, 64) for index, start in enumerate(starts)]
    path = tmp_path_factory.mktemp("midi") / "song.mid"
    write_midi(path, [Part("piano", notes)], Heading(BeatMap(seconds)))
    found = played(mido.MidiFile(path))
    for (start, end, pitch, _), note in zip(sorted(found, key=lambda each: each[2]), notes, strict=True):
        assert pitch == note.pitch
        # Half a tick of the slowest beat, and the microsecond rounding of the tempo.
        assert (start, end) == pytest.approx((note.start, note.end), abs=2e-3)


def test_file_has_a_tempo_track_with_key_and_one_track_for_each_part(tmp_path: Path) -> None:
    parts = [Part("bass", NOTES, 33), Part("drums", [Note(0.5, 0.6, 36, 100)], drums=True)]
    write_midi(tmp_path / "a.mid", parts, Heading(BeatMap.steady(96.0), "F#m", "Lied ♪"))
    file = mido.MidiFile(tmp_path / "a.mid")
    assert (file.type, len(file.tracks)) == (1, 3)
    head = {message.type: message for message in file.tracks[0]}
    assert head["key_signature"].key == "F#m"
    assert mido.tempo2bpm(head["set_tempo"].tempo) == pytest.approx(96.0, abs=1e-3)
    assert file.tracks[0].name == "Lied ?"
    assert [message.program for message in file.tracks[1] if message.type == "program_change"] == [33]
    assert {message.channel for message in file.tracks[2] if message.type == "note_on"} == {9}


def test_twenty_parts_share_sixteen_channels_without_the_drums(tmp_path: Path) -> None:
    write_midi(tmp_path / "a.mid", [Part(str(n), NOTES) for n in range(20)], Heading(BeatMap.steady(120)))
    channels = {m.channel for track in mido.MidiFile(tmp_path / "a.mid").tracks for m in track if m.type == "note_on"}
    assert channels == set(range(16)) - {9}


def test_only_notes_that_sound_alone_are_bent_and_the_wheel_returns(tmp_path: Path) -> None:
    slide = tuple(index / 10 for index in range(11))
    alone, under, over = Note(0, 1, 60, 90, slide), Note(2, 4, 62, 90, slide), Note(3, 5, 65, 90, slide)
    write_midi(tmp_path / "a.mid", [Part("voice", [alone, under, over])], Heading(BeatMap.steady(60)))
    bends = [(m.time, m.pitch) for m in mido.MidiFile(tmp_path / "a.mid").tracks[1] if m.type == "pitchwheel"]
    assert [pitch for _, pitch in bends] == [round(value / 2 * 8191) for value in slide] + [0]
    write_midi(tmp_path / "b.mid", [Part("voice", [alone])], Heading(BeatMap.steady(60)), bends=False)
    assert not [m for m in mido.MidiFile(tmp_path / "b.mid").tracks[1] if m.type == "pitchwheel"]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.floats(0, 12), st.floats(0.05, 6), st.integers(21, 108)), max_size=25),
    st.sampled_from([Meter(2), Meter(5), *METERS]),
    st.integers(0, 4),
    st.sampled_from(sorted(FIFTHS)),
)
def test_every_measure_of_the_score_is_exactly_full(
    tmp_path_factory: pytest.TempPathFactory,
    raw: list[tuple[float, float, int]],
    meter: Meter,
    pickup: int,
    key: str,
) -> None:
    path = tmp_path_factory.mktemp("xml") / "song.musicxml"
    parts = [Part("a", [Note(s, s + d, p, 80) for s, d, p in raw]), Part("d", [Note(0.5, 0.6, 38, 9)], drums=True)]
    write_musicxml(path, parts, Heading(BeatMap.steady(120), key, 'Song <&> "x"', meter, pickup % meter.beats))
    score = Xml.parse(path).getroot()
    measures = [part.findall("measure") for part in score.findall("part")]
    assert len({len(each) for each in measures}) == 1
    for index, measure in (numbered for each in measures for numbered in enumerate(each)):
        lengths = [int(n.findtext("duration") or 0) for n in measure.findall("note") if n.find("chord") is None]
        beats = meter.beats if index else pickup % meter.beats or meter.beats
        assert sum(lengths) == beats * meter.quarters_per_beat * DIVISIONS
    time = [score.findtext(f"part/measure/attributes/time/{name}") for name in ("beats", "beat-type")]
    assert "/".join(time) == meter.name
    assert score.findtext("part/measure/attributes/key/fifths") == str(FIFTHS[key])


def test_title_that_no_xml_can_hold_is_written_without_those_signs(tmp_path: Path) -> None:
    heading = Heading(BeatMap.steady(96), title="a\x00b\x1fc\ufffed\uffffe 🎵")
    write_musicxml(tmp_path / "a.musicxml", [Part("\x07p", NOTES)], heading)
    score = Xml.parse(tmp_path / "a.musicxml").getroot()
    assert score.findtext("work/work-title") == "abcde 🎵"
    assert score.findtext("part-list/score-part/part-name") == "p"


def test_score_writes_pitches_chords_and_ties(tmp_path: Path) -> None:
    # Beats of half a second: a chord of C sharp and E on beat 1 for 6 quarters, over the bar line.
    notes = [Note(0.0, 3.0, 61, 80), Note(0.0, 3.0, 64, 80)]
    write_musicxml(tmp_path / "a.musicxml", [Part("a", notes)], Heading(BeatMap.steady(120), "A"))
    score = Xml.parse(tmp_path / "a.musicxml").getroot()
    first, second, *_ = score.findall("part/measure/note")
    assert [first.findtext(f"pitch/{name}") for name in ("step", "alter", "octave")] == ["C", "1", "4"]
    assert second.find("chord") is not None
    assert second.findtext("pitch/step") == "E"
    ties = [[tie.get("type") for tie in note.findall("tie")] for note in score.findall("part/measure/note")]
    assert ties[0] == ["start"]
    assert ties[2] == ["stop"]


def test_score_in_twelve_eight_has_its_eighths_as_eighths_and_its_tempo_by_dotted_quarters(tmp_path: Path) -> None:
    eighths = [Note(number / 3.0, number / 3.0 + 0.3, 60, 80) for number in range(12)]
    heading = Heading(BeatMap.steady(60), meter=Meter(4, compound=True))
    write_musicxml(tmp_path / "a.musicxml", [Part("a", eighths)], heading)
    score = Xml.parse(tmp_path / "a.musicxml").getroot()
    first = score.find("part/measure")
    assert [note.findtext("type") for note in first.findall("note")] == ["eighth"] * 12  # type: ignore[union-attr]
    metronome = score.find("part/measure/direction/direction-type/metronome")
    assert metronome.find("beat-unit-dot") is not None  # type: ignore[union-attr]
    assert score.find("part/measure/direction/sound").get("tempo") == "90.00"  # type: ignore[union-attr]


def test_score_says_its_tempo_and_no_empty_words(tmp_path: Path) -> None:
    write_musicxml(tmp_path / "a.musicxml", [Part("a", NOTES)], Heading(BeatMap.steady(96)))
    direction = Xml.parse(tmp_path / "a.musicxml").getroot().find("part/measure/direction")
    assert direction is not None
    assert direction.find("direction-type/words") is None
    assert direction.findtext("direction-type/metronome/per-minute") == "96"
    assert direction.find("sound").get("tempo") == "96.00"  # type: ignore[union-attr]
