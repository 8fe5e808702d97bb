"""The job "transcribe" from files to MIDI, with the real network."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from services.generation.composer.sampler.bank import SoundBank
from services.processing.jobs.kind import Equipment, LicenceTerms, SourceTrack, Work
from services.processing.transcription.job import KIND
from services.shared.assets.store import AssetStore
from services.shared.errors import AppError, ErrorCode
from tests.support.drum_patterns import random_pattern
from tests.support.melodic_parts import line
from tests.support.rendered_midi import ASSETS, KnownNote, render, sound_bank


@pytest.fixture(scope="module")
def bank() -> SoundBank:
    return sound_bank()


@pytest.fixture(scope="module")
def assets() -> Path:
    AssetStore(ASSETS).fetch("transcriber.basic-pitch")
    return ASSETS


@pytest.fixture
def run(tmp_path: Path, assets: Path) -> Callable[..., object]:
    def go(files: dict[str, np.ndarray], check: Callable[[], None] = lambda: None, bpm: float = 0.0, **body: object):  # type: ignore[no-untyped-def]
        paths = {}
        for name, samples in files.items():
            paths[name] = tmp_path / f"{name}.flac"
            soundfile.write(paths[name], samples, 44_100, subtype="PCM_24")
        stems = {name: path for name, path in paths.items() if name != "master"}
        track = SourceTrack(
            "t", "Song", "", 9.0, 44_100, 2, bpm, "", (), LicenceTerms("MIT", True), paths.get("master"), stems, None
        )
        folder = tmp_path / "folder"
        folder.mkdir()
        request = KIND.parse({"track_id": "t", **body})
        return KIND.run(Work(request, {"t": track}, folder, check, lambda *_: None, Equipment(assets_dir=assets)))

    return go


def scale(bpm: float, count: int) -> list[KnownNote]:
    beat = 60.0 / bpm
    return [
        KnownNote(0.5 + i * beat, 0.5 + (i + 0.8) * beat, 60 + (0, 2, 4, 5, 7, 9, 11, 12)[i % 8], 100)
        for i in range(count)
    ]


def test_scale_becomes_a_midi_file_on_the_beat(run, bank: SoundBank) -> None:  # type: ignore[no-untyped-def]
    made = run({"master": render(bank, scale(100.0, 16), 0)}, quantize={"grid": "1/8"})
    assert made.result["bpm"] == pytest.approx(100.0, rel=0.03)
    # One line without harmony may be either: no sharps or flats.
    assert made.result["key"] in {"C major", "A minor"}
    file = mido.MidiFile(made.files["transcription.mid"])
    pitches = [message.note for message in file.tracks[1] if message.type == "note_on"]
    assert pitches == [note.pitch for note in scale(100.0, 16)]
    assert made.files["transcription.musicxml"].read_text().startswith("<?xml")


def test_every_stem_becomes_a_track_and_drums_are_drums(run, bank: SoundBank) -> None:  # type: ignore[no-untyped-def]
    rng = random.Random(1)
    files = {
        "drums": render(bank, random_pattern(rng, 6.0), 5, drums=True),
        "bass": render(bank, line(rng, 110, 32, 48, 12), 34),
    }
    made = run({"master": files["bass"], **files}, bpm=110.0, musicxml=False)
    assert [(part["name"], part["drums"]) for part in made.result["parts"]] == [("drums", True), ("bass", False)]
    assert all(part["notes"] > 5 for part in made.result["parts"])
    tracks = mido.MidiFile(made.files["transcription.mid"]).tracks
    # Files of notes count quarters, whatever meter is heard in notes that have none. What comes before the first beat
    # has a tempo of its own.
    assert [round(mido.tempo2bpm(each.tempo)) for each in tracks[0] if each.type == "set_tempo"][-1] == 110
    assert {message.channel for message in tracks[1] if message.type == "note_on"} == {9}
    assert list(made.files) == ["transcription.mid"]


def test_one_stem_alone_when_it_is_named(run, bank: SoundBank) -> None:  # type: ignore[no-untyped-def]
    bass = render(bank, line(random.Random(2), 100, 32, 48, 8), 34)
    made = run({"master": bass, "bass": bass}, stem="bass", bpm=100)
    assert [part["name"] for part in made.result["parts"]] == ["bass"]


def test_drum_loop_without_stems_is_heard_as_drums_when_told_so(run, bank: SoundBank) -> None:  # type: ignore[no-untyped-def]
    loop = render(bank, random_pattern(random.Random(3), 6.0), 12, drums=True)
    made = run({"master": loop}, instrument="drums")
    assert made.result["parts"][0]["drums"]
    assert made.result["key"] == ""


def test_stem_that_the_track_lacks_is_refused(run, bank: SoundBank) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(AppError) as caught:
        run({"master": np.zeros((44_100, 2))}, stem="vocals")
    assert caught.value.violations[0].pointer == "/stem"


@pytest.mark.parametrize("seconds", [0.01, 1.0])
def test_silence_makes_an_empty_but_valid_file(run, seconds: float) -> None:  # type: ignore[no-untyped-def]
    made = run({"master": np.zeros((int(44_100 * seconds), 2))})
    assert made.result["parts"] == [{"name": "song", "drums": False, "program": 0, "notes": 0}]
    assert made.result["bpm"] == 120.0
    assert len(mido.MidiFile(made.files["transcription.mid"]).tracks) == 2


def test_what_a_separator_leaves_of_nothing_has_no_notes(run) -> None:  # type: ignore[no-untyped-def]
    steps = np.random.default_rng(2).integers(-2, 3, (4 * 44_100, 2)) * 2.0**-23
    made = run({"master": steps})
    assert made.result["parts"][0]["notes"] == 0


def test_cancelled_transcription_ends_at_the_next_step(run, bank: SoundBank) -> None:  # type: ignore[no-untyped-def]
    class StopNowError(Exception):
        pass

    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls > 5:
            raise StopNowError

    with pytest.raises(StopNowError):
        run({"master": render(bank, scale(100.0, 30), 0)}, check)
    assert calls == 6


def test_missing_network_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    soundfile.write(tmp_path / "a.flac", np.zeros((44_100, 2)), 44_100)
    track = SourceTrack(
        "t", "Song", "", 1.0, 44_100, 2, 0.0, "", (), LicenceTerms("MIT", True), tmp_path / "a.flac", {}, None
    )
    empty = Equipment(assets_dir=tmp_path / "assets")
    request = KIND.parse({"track_id": "t"})
    with pytest.raises(AppError, match=r"fetch_assets\.py transcriber\.basic-pitch") as caught:
        KIND.run(Work(request, {"t": track}, tmp_path, lambda: None, lambda *_: None, empty))
    assert caught.value.code is ErrorCode.MODEL_NOT_INSTALLED
