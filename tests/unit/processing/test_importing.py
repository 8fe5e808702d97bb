"""What becomes of a good file: its samples, its name, its channels."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from services.processing.importing.downmix import matrix
from services.processing.importing.job import KIND, OWN_UPLOAD, title_of
from services.processing.importing.mastering_copy import keep
from services.processing.jobs.kind import Work
from services.processing.media import decoder
from services.processing.media.decoding import Bounds, Head, decode
from services.processing.media.ogg_serial import checksum, read_page
from services.processing.media.sniffing import sniff
from services.shared.errors import AppError, ErrorCode
from tests.support.hostile import GOOD, by_hand, music, wav, write_good


def never() -> None:
    """Nothing stops the work."""


def imported(upload: Path, folder: Path, **body: object) -> tuple[dict[str, object], object]:
    asked = KIND.parse(body)
    folder = Path(tempfile.mkdtemp(dir=folder))
    assert KIND.wanted(asked) == ()
    made = KIND.run(Work(asked, {}, folder, never, lambda part, stage: None, upload=upload))
    [track] = made.tracks
    return dict(made.result), track


def test_track_says_where_it_comes_from(master: Path, tmp_path: Path) -> None:
    result, track = imported(master, tmp_path, filename="C:\\music\\Rain on tin.take 2.flac", size_bytes=7)
    assert (track.title, track.licence, track.model) == ("Rain on tin.take 2", OWN_UPLOAD, "upload")
    assert (result["codec"], result["channels"], result["duration"], result["gain_db"]) == ("PCM_24", 2, 3.0, 0.0)
    assert track.spec["upload"] == result
    assert imported(master, tmp_path, title="Mine")[1].title == "Mine"


@pytest.mark.parametrize(
    ("filename", "title"),
    [
        ("song.mp3", "song"),
        ("a/b/song.wav", "song"),
        (".flac", "flac"),
        ("", "From its tags"),
        ("two\nlines\x00.wav", "two lines"),
        ("x" * 300 + ".wav", "x" * 200),
    ],
)
def test_title_is_the_name_of_the_file(filename: str, title: str) -> None:
    assert title_of(filename, Head("WAV", "PCM_16", 16, 1, 44_100, 2, 1, {"title": "From its tags"})) == title


def test_title_of_a_files_tags_is_one_line_that_acts_on_nothing() -> None:
    tags = {"title": "\x1b[2JRain\r\non\x9b31m \u202etin"}
    assert title_of("", Head("WAV", "PCM_16", 16, 1, 44_100, 2, 1, tags)) == "[2JRain on 31m tin"


def test_track_without_any_name_has_one() -> None:
    assert title_of("\x1b.wav", Head("WAV", "PCM_16", 16, 1, 44_100, 2, 1, {"title": "\x07"})) == "Upload"
    assert title_of("", Head("WAV", "PCM_16", 16, 1, 44_100, 2)) == "Upload"


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_integer_samples_are_kept_bit_for_bit(tmp_path: Path, subtype: str) -> None:
    soundfile.write(tmp_path / "in.wav", music(1.0, 44_100), 44_100, subtype=subtype)
    kept = keep(tmp_path / "in.wav", tmp_path / "out.flac", never, lambda part: None)
    assert soundfile.info(kept.path).subtype == subtype
    assert np.array_equal(
        soundfile.read(kept.path, dtype="int32")[0], soundfile.read(tmp_path / "in.wav", dtype="int32")[0]
    )


def test_file_beyond_full_scale_is_lowered_and_not_clipped(tmp_path: Path) -> None:
    loud = music(1.0, 44_100) * 3.0
    soundfile.write(tmp_path / "in.wav", loud, 44_100, subtype="FLOAT")
    kept = keep(tmp_path / "in.wav", tmp_path / "out.flac", never, lambda part: None)
    peak = float(np.abs(loud).max())
    assert kept.gain_db == pytest.approx(-20 * np.log10(peak))
    assert np.abs(soundfile.read(kept.path)[0] * peak - loud).max() < 2e-6


@pytest.mark.parametrize(("level", "first_half_until"), [(0.5, 1.0), (3.0, 0.5)])
def test_progress_knows_that_a_file_is_read_twice(tmp_path: Path, level: float, first_half_until: float) -> None:
    loud = np.tile(music(1.0, 44_100), (12, 1)) * level
    soundfile.write(tmp_path / "in.wav", loud, 44_100, subtype="FLOAT")
    told: list[float] = []
    keep(tmp_path / "in.wav", tmp_path / "out.flac", never, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert first_half_until in told


@pytest.mark.parametrize("rate", [8_000, 44_056, 65_535, 65_536, 65_537, 65_540, 88_200, 88_201, 176_405, 191_990])
def test_every_rate_is_kept_or_refused_in_words(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "in.wav", music(0.2, rate), rate, subtype="PCM_16")
    if rate > 65_535 and rate % 10:
        with pytest.raises(AppError, match="only multiples of 10") as caught:
            keep(tmp_path / "in.wav", tmp_path / "out.flac", never, lambda part: None)
        assert caught.value.code is ErrorCode.UNSUPPORTED_MEDIA
    else:
        kept = keep(tmp_path / "in.wav", tmp_path / "out.flac", never, lambda part: None)
        assert soundfile.info(kept.path).samplerate == rate


@pytest.mark.parametrize("channels", range(3, 9))
@pytest.mark.parametrize("container", ["WAV", "OGG"])
def test_surround_becomes_stereo_without_losing_a_side(channels: int, container: str) -> None:
    weights = matrix(channels, container)
    assert weights is not None
    assert weights.shape == (channels, 2)
    assert weights[:, 0].sum() == pytest.approx(weights[:, 1].sum()), "both sides hear as much"
    assert weights[0].tolist() == [1.0, 0.0]
    centre = (1 if container == "OGG" else 2) if channels in (3, 5, 6, 7, 8) else None
    if centre is not None:
        # ITU-R BS.775: −3 dB to either side.
        assert 20 * np.log10(weights[centre]) == pytest.approx([-3.01, -3.01], abs=0.01)


def test_mono_and_stereo_stay_as_they_are() -> None:
    assert matrix(1, "WAV") is None
    assert matrix(2, "OGG") is None


def test_surround_file_is_imported_as_stereo(tmp_path: Path) -> None:
    six = np.zeros((44_100, 6), np.float32)
    six[:, 2] = 0.5
    soundfile.write(tmp_path / "in.wav", six, 44_100, subtype="FLOAT")
    kept = keep(tmp_path / "in.wav", tmp_path / "out.flac", never, lambda part: None)
    assert soundfile.read(kept.path)[0] == pytest.approx(np.full((44_100, 2), 0.5 * np.sqrt(0.5)), abs=1e-6)


def test_bounds_are_what_is_refused_by(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(wav())
    for bounds, word in (
        (Bounds(largest_bytes=100), "larger than"),
        (Bounds(longest_seconds=0.5), "longer than"),
        (Bounds(most_channels=1), "2 channels"),
        (Bounds(lowest_rate_hz=48_000), "sample rate"),
    ):
        with pytest.raises(AppError, match=word), decode(path, never, bounds=bounds):
            pass


def test_length_that_no_header_tells_is_bounded_too(good: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "in.mp3").write_bytes(good["layer3.mp3"])
    with decode(tmp_path / "in.mp3", never, bounds=Bounds(longest_seconds=0.5)) as decoding:
        assert decoding.head.frames == -1
        with pytest.raises(AppError, match="longer than"):
            list(decoding.blocks)


@pytest.mark.parametrize("name", GOOD)
def test_kind_of_a_file_is_seen_in_its_first_bytes(good: dict[str, bytes], name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(good[name])
    found = sniff(tmp_path / "file")
    assert found.missing_bytes == 0
    assert found.container == {"mp3": "MP3", "opus": "OGG"}.get(
        name.rpartition(".")[2], name.rpartition(".")[2].upper()
    )


@pytest.mark.parametrize("name", ["pcm16.wav", "pcm16.aiff", "vorbis.ogg", "opus.opus"])
def test_missing_end_is_noticed_before_decoding(good: dict[str, bytes], name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(good[name][:-1_000])
    assert sniff(tmp_path / "file").missing_bytes == pytest.approx(1_000, abs=1)


@pytest.mark.parametrize(("make", "word"), [case[1:] for case in by_hand()], ids=[case[0] for case in by_hand()])
def test_foreign_files_are_named(make: Callable[[], bytes], word: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(make())
    found = sniff(tmp_path / "file")
    assert found.container or word in found.instead


def test_flac_behind_tags_is_flac(good: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10) + good["pcm16.flac"])
    assert sniff(tmp_path / "file").container == "FLAC"


def test_child_writes_a_line_and_then_the_samples(
    good: dict[str, bytes], tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(good["pcm16.wav"])
    decoder._decode(path, sniff(path))
    line, _, data = capsysbinary.readouterr().out.partition(b"\n")
    assert json.loads(line)["tags"] == {"title": "A title"}
    assert np.array_equal(np.frombuffer(data, np.float32).reshape(-1, 2), soundfile.read(path, dtype="float32")[0])


def test_child_refuses_what_it_was_not_made_for(good: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "file"
    soundfile.write(path, np.zeros(1_000, np.float32), 8_000, format="WAV", subtype="GSM610")
    with pytest.raises(decoder.Refused, match="GSM"):
        decoder._decode(path, sniff(path))
    path.write_bytes(good["pcm16.flac"][:40])
    with pytest.raises(decoder.Refused, match="damaged"):
        decoder._decode(path, sniff(path))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return write_good(tmp_path_factory.mktemp("good"))


@pytest.mark.parametrize(("container", "subtype"), [("RF64", "PCM_24"), ("W64", "PCM_16"), ("W64", "FLOAT")])
def test_containers_for_more_than_4_gib_are_taken(container: str, subtype: str, tmp_path: Path) -> None:
    path = tmp_path / "sent"
    samples = np.random.default_rng(3).uniform(-0.5, 0.5, (30_000, 2))
    soundfile.write(path, samples, 48_000, format=container, subtype=subtype)
    kept = keep(path, tmp_path / "master.flac", lambda: None, lambda _: None)
    assert (kept.head.container, kept.frames) == ("WAV", 30_000)
    assert np.allclose(soundfile.read(kept.path)[0], samples, atol=2.0**-15)
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(AppError, match="ends early"):
        keep(path, tmp_path / "again.flac", lambda: None, lambda _: None)


def _announce_more(path: Path, frames: int) -> None:
    """Let the last page of an Ogg file say that it ends so many frames later (RFC 3533 §6)."""
    pages = []
    with path.open("rb") as file:
        while page := read_page(file):
            pages.append(page)
    last = pages[-1]
    last[6:14] = (int.from_bytes(last[6:14], "little") + frames).to_bytes(8, "little")
    last[22:26] = bytes(4)
    last[22:26] = checksum(last).to_bytes(4, "little")
    path.write_bytes(b"".join(bytes(page) for page in pages))


def test_vorbis_that_begins_within_its_first_block_is_whole(tmp_path: Path) -> None:
    # Published music is like that: a hundred frames less than its last page says.
    path = tmp_path / "sent"
    soundfile.write(path, np.random.default_rng(5).uniform(-0.5, 0.5, (30_000, 2)), 44_100, format="OGG")
    _announce_more(path, 104)
    assert soundfile.info(path).frames == 30_104
    kept = keep(path, tmp_path / "master.flac", lambda: None, lambda _: None)
    # What the page trims off the last block depends on the encoder; all that was sounding is there.
    assert 30_000 <= kept.frames == soundfile.info(kept.path).frames < 30_104
    _announce_more(path, 20_000)
    with pytest.raises(AppError, match="ends early"):
        keep(path, tmp_path / "again.flac", lambda: None, lambda _: None)


@pytest.mark.parametrize("length", [0, 1, 24, 1 << 32, (1 << 63) - 1, (1 << 64) - 1])
def test_wave64_with_lengths_of_nonsense_is_looked_at_and_no_more(length: int, tmp_path: Path) -> None:
    head = bytes.fromhex("726966662e91cf11a5d628db04c10000") + b"\xff" * 8 + b"wave" + b"\0" * 12
    (tmp_path / "sent").write_bytes(head + b"junk" + b"\0" * 12 + length.to_bytes(8, "little") + b"\0" * 100)
    assert sniff(tmp_path / "sent").container == "WAV"
