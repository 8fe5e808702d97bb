"""What a conversion may ask for, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from services.processing.conversion.job import KIND
from services.processing.covers.painting import painted
from services.processing.jobs.kind import LicenceTerms, SourceTrack, Work
from services.shared.errors import AppError, ErrorCode


def body(**fields: object) -> dict[str, object]:
    return {"track_id": "t1", "format": "flac", **fields}


def work_on(master: Path, folder: Path, **fields: object) -> Work:
    source = SourceTrack(
        "t1",
        "A söng",
        "",
        3.0,
        44_100,
        2,
        0.0,
        "",
        (),
        LicenceTerms("CC-BY-4.0", True, ("Ada", "Bo")),
        master,
        {},
        None,
    )
    return Work(KIND.parse(body(**fields)), {"t1": source}, folder, lambda: None, lambda fraction, stage: None)


def test_what_is_left_out_is_chosen_as_for_the_track_itself() -> None:
    assert KIND.parse(body(format="opus")).target.bitrate == 160_000
    assert KIND.parse(body(format="mp3", sample_rate=22_050)).target.bitrate == 192_000
    assert KIND.parse(body(format="flac")).target.bit_depth == 24
    assert KIND.parse(body(format="wav", bit_depth=32)).target.bit_depth == 32


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({}, "/track_id"),
        (body(format="aac3"), "/format"),
        (body(format=None), "/format"),
        (body(track_id=""), "/track_id"),
        (body(sample_rate=1), "/sample_rate"),
        (body(sample_rate="48000"), "/sample_rate"),
        (body(bit_depth=20), "/bit_depth"),
        (body(bit_depth=True), "/bit_depth"),
        (body(bitrate=64_000), "/bitrate"),
        (body(format="mp3", bitrate=1e9), "/bitrate"),
        (body(format="mp3", bitrate=float("nan")), "/bitrate"),
        (body(volume=11), "/volume"),
        (body(_sources=[]), "/_sources"),
    ],
)
def test_wrong_requests_are_refused_by_field(asked: dict[str, object], pointer: str) -> None:
    with pytest.raises(AppError) as raised:
        KIND.parse(asked)
    assert raised.value.code is ErrorCode.VALIDATION
    assert pointer in [violation.pointer for violation in raised.value.violations]


def test_every_wrong_field_is_named_at_once() -> None:
    with pytest.raises(AppError) as raised:
        KIND.parse(body(format="mp3", bit_depth=16, bitrate=100_000))
    assert {violation.pointer for violation in raised.value.violations} == {"/bit_depth", "/bitrate"}


def test_file_and_result_say_the_same(master: Path, tmp_path: Path) -> None:
    made = KIND.run(work_on(master, tmp_path, format="wav", sample_rate=48_000, bit_depth=24))
    info = soundfile.info(made.files["audio.wav"])
    assert (info.samplerate, info.subtype, info.frames) == (48_000, "PCM_24", 144_000)
    assert made.result == {"format": "wav", "duration": 3.0, "sample_rate": 48_000, "channels": 2}


@pytest.mark.parametrize("name", ["wav", "flac", "mp3", "ogg", "opus"])
def test_file_says_what_it_is_and_whose(master: Path, tmp_path: Path, name: str) -> None:
    made = KIND.run(work_on(master, tmp_path, format=name))
    with soundfile.SoundFile(made.files[f"audio.{name}"]) as file:
        assert (file.title, file.comment) == ("A söng", "Ada; Bo")
    assert {path.name for path in tmp_path.iterdir()} == {master.name, f"audio.{name}"}


def test_file_carries_its_owner_s_picture_or_the_one_that_is_drawn_of_its_sound(master: Path, tmp_path: Path) -> None:
    cover = tmp_path / "cover.jpg"
    cover.write_bytes(painted(np.zeros(360, np.float32), np.ones(360, np.float32), 200))
    found = []
    for number, given in enumerate((cover, None, None)):
        folder = tmp_path / str(number)
        folder.mkdir()
        asked = work_on(master, folder, format="mp3")
        source = replace(asked.sources["t1"], artist="ada", cover=given)
        path = KIND.run(replace(asked, sources={"t1": source})).files["audio.mp3"]
        found.append(path.read_bytes())
        with soundfile.SoundFile(path) as file:
            assert file.artist == "ada"
    assert cover.read_bytes() in found[0]
    assert cover.read_bytes() not in found[1]
    assert b"APIC" in found[1]
    assert found[1] == found[2]


def test_check_that_raises_ends_the_conversion(master: Path, tmp_path: Path, raising: Callable[[], None]) -> None:
    asked = work_on(master, tmp_path, format="opus")
    with pytest.raises(InterruptedError):
        KIND.run(Work(asked.request, asked.sources, asked.folder, raising, asked.report))


@pytest.fixture
def raising() -> Callable[[], None]:
    def check() -> None:
        raise InterruptedError

    return check
