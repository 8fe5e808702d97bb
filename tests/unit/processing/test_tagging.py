"""Words and pictures in finished files: found by who reads them, and not a sample of the sound changed."""

from __future__ import annotations

import base64
import contextlib
import io
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from services.processing.media.encoding import encode
from services.processing.media.formats import DERIVATIVES
from services.processing.media.ogg_serial import checksum
from services.processing.media.tagging import FileTags, Picture, write_tags

NAMES = ("flac", "mp3", "ogg", "opus", "wav")


def jpeg(side: int = 500, noise: int = 255) -> Picture:
    """Noise, which is large."""
    pixels = np.random.default_rng(3).integers(0, noise, (side, side, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=95)
    return Picture(out.getvalue(), side)


TAGS = FileTags("Töne 🎵", "ada", "CC-BY-4.0", "Ada; Bo", jpeg())


def encoded(master: Path, folder: Path, name: str) -> Path:
    path = folder / f"plain.{name}"
    encode(master, path, DERIVATIVES[name], check=lambda: None)
    return path


def tagged(plain: Path, tags: FileTags, into: str = "tagged") -> Path:
    target = plain.with_stem(into)
    write_tags(plain, target, DERIVATIVES[plain.suffix[1:]].format.container, tags)
    return target


def ogg_packets(data: bytes) -> Iterator[bytes]:
    """RFC 3533 §6, apart from the code under test: pages in order, each with the right checksum."""
    position, number, waiting = 0, 0, b""
    while position < len(data):
        count = data[position + 26]
        lacing = data[position + 27 : position + 27 + count]
        body = position + 27 + count
        end = body + sum(lacing)
        page = bytearray(data[position:end])
        assert page[:4] == b"OggS"
        assert struct.unpack_from("<I", page, 18)[0] == number
        assert bool(page[5] & 1) == bool(waiting), "a page that goes on with a packet says so"
        found = bytes(page[22:26])
        page[22:26] = bytes(4)
        assert found == checksum(page).to_bytes(4, "little")
        for length in lacing:
            waiting += data[body : body + length]
            body += length
            if length < 255:
                yield waiting
                waiting = b""
        position, number = end, number + 1
    assert waiting == b""


def flac_picture(block: bytes) -> tuple[int, bytes, int, bytes]:
    """RFC 9639 §8.8: kind, media type, width, data."""
    kind, length = struct.unpack_from(">II", block)
    media_type, rest = block[8 : 8 + length], block[8 + length :]
    described = struct.unpack_from(">I", rest)[0]
    width, _, _, _, size = struct.unpack_from(">IIIII", rest, 4 + described)
    data = rest[24 + described :]
    assert size == len(data)
    return kind, media_type, width, data


def picture_in(path: Path) -> bytes:
    """The front cover, as each format's own document says where it lies."""
    data = path.read_bytes()
    if path.suffix == ".flac":
        position, last = 4, False
        while not last:
            last, kind = bool(data[position] & 0x80), data[position] & 0x7F
            length = int.from_bytes(data[position + 1 : position + 4], "big")
            if kind == 6:
                found = flac_picture(data[position + 4 : position + 4 + length])
                assert found[:2] == (3, b"image/jpeg")
                return found[3]
            position += 4 + length
        return b""
    if path.suffix in {".ogg", ".opus"}:
        comments = list(ogg_packets(data))[1]
        _, mark, rest = comments.partition(b"METADATA_BLOCK_PICTURE=")
        if not mark:
            return b""
        length = int.from_bytes(comments[comments.index(mark) - 4 : comments.index(mark)], "little") - len(mark)
        return flac_picture(base64.b64decode(rest[:length]))[3]
    start = data.index(b"ID3\x03")
    size = sum(byte << shift for byte, shift in zip(data[start + 6 : start + 10], (21, 14, 7, 0), strict=True))
    position, end = start + 10, start + 10 + size
    while position < end:
        kind, length = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "big")
        if kind == b"APIC":
            return data[position + 10 : position + 10 + length].removeprefix(b"\0image/jpeg\0\x03\0")
        position += 10 + length
    return b""


@pytest.mark.parametrize("name", NAMES)
def test_sound_stays_and_words_and_picture_are_found(master: Path, tmp_path: Path, name: str) -> None:
    plain = encoded(master, tmp_path, name)
    made = tagged(plain, TAGS)
    with soundfile.SoundFile(plain) as before, soundfile.SoundFile(made) as after:
        assert np.array_equal(before.read(), after.read())
        assert (before.samplerate, before.channels) == (after.samplerate, after.channels)
        if name != "wav":  # libsndfile reads no ID3 in WAV
            assert (after.title, after.artist, after.comment) == ("Töne 🎵", "ada", "Ada; Bo")
    assert TAGS.picture is not None
    assert picture_in(made) == TAGS.picture.data


@pytest.mark.parametrize("name", NAMES[:-1])
def test_new_tags_take_the_old_ones_place(master: Path, tmp_path: Path, name: str) -> None:
    plain = encoded(master, tmp_path, name)
    first = tagged(plain, TAGS, "first")
    again = tagged(first, FileTags(title="Other"), "again")
    assert picture_in(again) == b""
    with soundfile.SoundFile(again) as file:
        assert (file.title, file.artist) == ("Other", "")
    assert tagged(again, TAGS, "back").read_bytes() == first.read_bytes()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", [1, 16, 1_280])
def test_picture_of_any_size_fits(master: Path, tmp_path: Path, name: str, side: int) -> None:
    """Comments of more than 255 pieces take several Ogg pages, one that fills its last piece ends with an empty one."""
    plain = encoded(master, tmp_path, name)
    picture = jpeg(side)
    made = tagged(plain, FileTags(picture=picture))
    assert picture_in(made) == picture.data
    assert soundfile.info(made).frames == soundfile.info(plain).frames


@pytest.mark.parametrize("name", ["ogg", "opus"])
def test_comment_of_every_length_around_a_piece_s_end_is_whole(master: Path, tmp_path: Path, name: str) -> None:
    plain = encoded(master, tmp_path, name)
    frames = soundfile.info(plain).frames
    for length in (*range(150, 270), *range(64_900, 65_060, 7)):
        made = tagged(plain, FileTags(comment="x" * length))
        packets = ogg_packets(made.read_bytes())
        next(packets)
        assert b"COMMENT=" + b"x" * length in next(packets)
        assert len(list(packets)) > 0
    assert soundfile.info(made).frames == frames


@pytest.mark.parametrize("name", NAMES)
def test_words_are_one_line_and_nothing_is_written_for_none(master: Path, tmp_path: Path, name: str) -> None:
    plain = encoded(master, tmp_path, name)
    made = tagged(plain, FileTags(title=" a\0b\r\n\tc ", artist="\n", comment="\ud800"[:0]))
    assert soundfile.info(made).frames == soundfile.info(plain).frames
    if name != "wav":
        with soundfile.SoundFile(made) as file:
            assert (file.title, file.artist, file.comment) == ("a b c", "", "")


@pytest.mark.parametrize("name", ["flac", "ogg", "m4a", "wav"])
@pytest.mark.parametrize("junk", [b"", b"fLaC", b"OggS", b"fLaC\x04\xff\xff\xff", b"OggS" + bytes(23), b"RIFF",
                                  b"\0\0\0\x08free", b"\0\0\0\x40moov", bytes(100)])  # fmt: skip
def test_what_is_no_such_file_is_refused_or_left_as_it_is(tmp_path: Path, name: str, junk: bytes) -> None:
    path = tmp_path / f"junk.{name}"
    path.write_bytes(junk)
    with (
        contextlib.nullcontext()
        if name == "wav" and len(junk) >= 12
        else pytest.raises(ValueError, match=r"file|page|no ")
    ):
        write_tags(path, tmp_path / "out", DERIVATIVES[name].format.container, TAGS)


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def mp4(sound: bytes, *, movie_first: bool, width: int = 4) -> bytes:
    """ISO/IEC 14496-12, as little as has a table of places: two chunks of sound."""
    head = box(b"ftyp", b"M4A \0\0\0\0M4A isom")

    def movie(places: tuple[int, int]) -> bytes:
        table = b"".join(place.to_bytes(width, "big") for place in places)
        places_box = box(b"stco" if width == 4 else b"co64", bytes(4), (2).to_bytes(4, "big"), table)
        track = box(b"trak", box(b"tkhd", bytes(84)), box(b"mdia", box(b"minf", box(b"stbl", places_box))))
        return box(b"moov", box(b"mvhd", bytes(100)), track, box(b"udta", b"old words"))

    half = len(sound) // 2
    start = len(head) + 8 + (len(movie((0, 0))) if movie_first else 0)
    body = (movie((start, start + half)), box(b"mdat", sound))
    return head + b"".join(body if movie_first else body[::-1])


@pytest.mark.parametrize("movie_first", [True, False])
@pytest.mark.parametrize("width", [4, 8])
def test_mp4_s_places_follow_its_sound(tmp_path: Path, movie_first: bool, width: int) -> None:
    sound = bytes(range(256)) * 8
    path, out = tmp_path / "a.m4a", tmp_path / "b.m4a"
    path.write_bytes(mp4(sound, movie_first=movie_first, width=width))
    write_tags(path, out, "M4A", TAGS)
    data = out.read_bytes()
    at = data.index(b"stco" if width == 4 else b"co64") + 12
    places = [int.from_bytes(data[at + index * width : at + (index + 1) * width], "big") for index in range(2)]
    assert b"".join(data[place : place + len(sound) // 2] for place in places) == sound
    assert TAGS.picture is not None
    cover = data.index(b"covr")
    assert data[cover + 4 :][:16] == struct.pack(">I4sII", len(TAGS.picture.data) + 16, b"data", 13, 0)
    assert data[cover + 20 :].startswith(TAGS.picture.data)
    assert "Töne 🎵".encode() in data
    assert b"old words" not in data
    write_tags(out, path, "M4A", TAGS)
    assert path.read_bytes() == data, "twice is once"
