"""Puts words and a picture into finished files, between their heads and their sound: nothing is encoded again.

Memory stays the same for any length: heads are rewritten, sound is copied. Sources: FLAC RFC 9639 §8, Vorbis I §5.2,
Opus in Ogg RFC 7845 §5.2, Ogg RFC 3533 §6, ID3v2.3.0 (id3.org), ISO/IEC 14496-12 §8.7.5 and §8.10.1 with the item list
that iTunes writes, RIFF as in the Multimedia Programming Interface 1.0.
"""

from __future__ import annotations

import base64
import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from services.processing.media.ogg_serial import checksum, read_page

_FRONT_COVER: Final = 3
_COPY_BYTES: Final = 1 << 20
_JPEG: Final = b"image/jpeg"

# FLAC's kinds of metadata blocks.
_PADDING: Final = 1
_COMMENT: Final = 4
_PICTURE: Final = 6

_LARGEST_RIFF: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG and its measures in pixels."""

    data: bytes
    side: int


@dataclass(frozen=True, slots=True)
class FileTags:
    """What a file says of the music in it; empty words are left out."""

    title: str = ""
    artist: str = ""
    copyright: str = ""
    comment: str = ""
    picture: Picture | None = None

    def words(self) -> dict[str, str]:
        """Those that there are, each on one line and without what no format holds."""
        found = {name: getattr(self, name) for name in ("title", "artist", "copyright", "comment")}
        lines = {name: " ".join(text.replace("\0", " ").split()) for name, text in found.items()}
        return {name: text for name, text in lines.items() if text}


def picture_of(data: bytes) -> Picture:
    """A JPEG with its width (ITU-T T.81 §B.2.2). Raises `Unreadable`."""
    position = 2
    while data[:2] == b"\xff\xd8" and position + 9 <= len(data) and data[position] == 0xFF:
        kind, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        # The frame headers, without those that share their range: DHT, JPG, DAC.
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            return Picture(data, int.from_bytes(data[position + 7 : position + 9], "big"))
        position += 2 + length
    raise Unreadable("this is no JPEG")


class Unreadable(ValueError):  # noqa: N818 — an outcome of reading
    """The file is not of the format that it should be."""


def write_tags(source: Path, target: Path, container: str, tags: FileTags) -> None:
    """Copy `source` to `target` with `tags` in place of those that it has. `container` is that of `MediaFormat`.

    Raises `Unreadable` for what is no such file.
    """
    with source.open("rb") as old, target.open("wb") as new:
        _WRITERS[container](old, new, tags)


def _flac(old: BinaryIO, new: BinaryIO, tags: FileTags) -> None:
    if old.read(4) != b"fLaC":
        raise Unreadable("this is no FLAC file")
    kept: list[tuple[int, bytes]] = []
    vendor, last = b"", False
    while not last:
        head = _exactly(old, 4)
        last, kind, length = bool(head[0] & 0x80), head[0] & 0x7F, int.from_bytes(head[1:], "big")
        body = _exactly(old, length)
        if kind == _COMMENT:
            vendor = _vendor(body)
        elif kind not in (_PICTURE, _PADDING):
            kept.append((kind, body))
    kept.append((_COMMENT, _comments(vendor, tags, with_picture=False)))
    if tags.picture is not None:
        kept.append((_PICTURE, _picture_block(tags.picture)))
    new.write(b"fLaC")
    for position, (kind, body) in enumerate(kept):
        is_last = position == len(kept) - 1
        new.write(bytes([kind | (0x80 if is_last else 0)]) + len(body).to_bytes(3, "big") + body)
    shutil.copyfileobj(old, new, _COPY_BYTES)


def _picture_block(picture: Picture) -> bytes:
    """RFC 9639 §8.8; the same in Vorbis comments, in base64."""
    return b"".join(
        (
            struct.pack(">II", _FRONT_COVER, len(_JPEG)),
            _JPEG,
            struct.pack(">IIIIII", 0, picture.side, picture.side, 24, 0, len(picture.data)),
            picture.data,
        )
    )


def _vendor(body: bytes) -> bytes:
    if len(body) < 4:
        raise Unreadable("the comments end early")
    return body[4 : 4 + int.from_bytes(body[:4], "little")]


def _comments(vendor: bytes, tags: FileTags, *, with_picture: bool) -> bytes:
    entries = [f"{name.upper()}={text}".encode() for name, text in tags.words().items()]
    if with_picture and tags.picture is not None:
        entries.append(b"METADATA_BLOCK_PICTURE=" + base64.b64encode(_picture_block(tags.picture)))
    parts = [len(vendor).to_bytes(4, "little"), vendor, len(entries).to_bytes(4, "little")]
    for entry in entries:
        parts += [len(entry).to_bytes(4, "little"), entry]
    return b"".join(parts)


def _ogg(old: BinaryIO, new: BinaryIO, tags: FileTags) -> None:
    first = _page(old)
    serial = bytes(first[14:18])
    body = first[27 + first[26] :]
    if body.startswith(b"OpusHead"):
        mark, end, count = b"OpusTags", b"", 1
    elif body.startswith(b"\x01vorbis"):
        mark, end, count = b"\x03vorbis", b"\x01", 2
    else:
        raise Unreadable("this Ogg file holds neither Vorbis nor Opus")
    packets, pages = _header_packets(old, count)
    if not packets[0].startswith(mark):
        raise Unreadable("the comments are missing")
    vendor = _vendor(packets[0][len(mark) :])
    packets[0] = mark + _comments(vendor, tags, with_picture=True) + end
    new.write(first)
    number = 1
    for page in _paged(packets, serial):
        new.write(_numbered(page, number))
        number += 1
    moved = number - 1 - pages
    if moved == 0:
        shutil.copyfileobj(old, new, _COPY_BYTES)
        return
    while page := read_page(old):
        new.write(_numbered(page, (int.from_bytes(page[18:22], "little") + moved) & 0xFFFF_FFFF))


def _header_packets(old: BinaryIO, count: int) -> tuple[list[bytes], int]:
    """The packets behind the first one that are no sound, and how many pages they take: none is shared with sound."""
    packets: list[bytes] = []
    waiting, pages = b"", 0
    while len(packets) < count:
        page = _page(old)
        pages += 1
        position = 27 + page[26]
        for length in page[27:position]:
            waiting += page[position : position + length]
            position += length
            if length < 255:
                packets.append(waiting)
                waiting = b""
    if len(packets) != count or waiting:
        raise Unreadable("the heads of the Ogg file share a page with its sound")
    return packets, pages


def _paged(packets: list[bytes], serial: bytes) -> Iterator[bytearray]:
    """Packets as pages of at most 255 pieces of 255 bytes; the last page ends with the last packet."""
    pieces: list[tuple[bytes, bool]] = []
    for packet in packets:
        for start in range(0, len(packet) + 1, 255):
            piece = packet[start : start + 255]
            pieces.append((piece, len(piece) < 255))
    continued = False
    for start in range(0, len(pieces), 255):
        part = pieces[start : start + 255]
        # No packet ends here: then there is no position to tell (RFC 3533 §6).
        granule = 0 if any(ends for _, ends in part) else -1
        head = struct.pack("<4sBBq", b"OggS", 0, 1 if continued else 0, granule) + serial + bytes(8)
        lacing = bytes([len(part)]) + bytes(len(piece) for piece, _ in part)
        yield bytearray(head + lacing + b"".join(piece for piece, _ in part))
        continued = not part[-1][1]


def _numbered(page: bytearray, number: int) -> bytearray:
    page[18:22] = number.to_bytes(4, "little")
    page[22:26] = bytes(4)
    page[22:26] = checksum(page).to_bytes(4, "little")
    return page


def _page(old: BinaryIO) -> bytearray:
    page = read_page(old)
    if not page:
        raise Unreadable("the Ogg file ends within its head")
    return page


def _mp3(old: BinaryIO, new: BinaryIO, tags: FileTags) -> None:
    head = old.read(10)
    old.seek(10 + _synchsafe_value(head[6:10]) if head[:3] == b"ID3" and len(head) == 10 else 0)
    new.write(_id3(tags))
    shutil.copyfileobj(old, new, _COPY_BYTES)


def _id3(tags: FileTags) -> bytes:
    words = tags.words()
    frames = [
        _frame(kind, b"\x01" + _utf16(words[name]))
        for kind, name in ((b"TIT2", "title"), (b"TPE1", "artist"), (b"TCOP", "copyright"))
        if name in words
    ]
    if "comment" in words:
        frames.append(_frame(b"COMM", b"\x01eng" + _utf16("") + b"\0\0" + _utf16(words["comment"])))
    if tags.picture is not None:
        about = b"\0" + _JPEG + b"\0" + bytes([_FRONT_COVER]) + b"\0"
        frames.append(_frame(b"APIC", about + tags.picture.data))
    body = b"".join(frames)
    return b"ID3\x03\0\0" + _synchsafe(len(body)) + body


def _frame(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">IH", len(body), 0) + body


def _utf16(text: str) -> bytes:
    return b"\xff\xfe" + text.encode("utf-16-le", "replace")


def _synchsafe(value: int) -> bytes:
    return bytes((value >> shift) & 0x7F for shift in (21, 14, 7, 0))


def _synchsafe_value(data: bytes) -> int:
    return sum((byte & 0x7F) << shift for byte, shift in zip(data, (21, 14, 7, 0), strict=True))


def _wav(old: BinaryIO, new: BinaryIO, tags: FileTags) -> None:
    """An "id3 " chunk at the end, as most programs read it; a file beyond 4 GiB stays as it is."""
    head = _exactly(old, 12)
    size = old.seek(0, 2)
    old.seek(0)
    chunk = _id3(tags)
    chunk = b"id3 " + len(chunk).to_bytes(4, "little") + chunk + bytes(len(chunk) % 2)
    fits = head[:4] == b"RIFF" and size % 2 == 0 and size + len(chunk) - 8 <= _LARGEST_RIFF
    shutil.copyfileobj(old, new, _COPY_BYTES)
    if fits:
        new.write(chunk)
        new.seek(4)
        new.write((size + len(chunk) - 8).to_bytes(4, "little"))


def _m4a(old: BinaryIO, new: BinaryIO, tags: FileTags) -> None:
    boxes = list(_boxes(old))
    found = [box for box in boxes if box[0] == b"moov"]
    if len(found) != 1:
        raise Unreadable("this is no MP4 file with one movie in it")
    _, start, end = found[0]
    old.seek(start)
    movie = _exactly(old, end - start)[8:]
    parts = [part for part in _children(movie) if part[4:8] != b"udta"]
    words = b"".join(parts) + _user_data(tags)
    grown = len(words) + 8 - (end - start)
    # Sound behind the movie moves by as much as the movie grows.
    words = b"".join(_moved(part, grown, end) for part in _children(words))
    old.seek(0)
    _copy(old, new, start)
    new.write(struct.pack(">I", len(words) + 8) + b"moov" + words)
    old.seek(end)
    shutil.copyfileobj(old, new, _COPY_BYTES)


def _boxes(old: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Kind, first byte and the one after the last of each box of a file."""
    size = old.seek(0, 2)
    position = 0
    while position + 8 <= size:
        old.seek(position)
        length, kind = struct.unpack(">I4s", _exactly(old, 8))
        if length == 1:
            length = int.from_bytes(_exactly(old, 8), "big")
        elif length == 0:
            length = size - position
        if length < 8 or position + length > size or (kind == b"moov" and length > _LARGEST_RIFF):
            raise Unreadable("the MP4 file ends within a box")
        yield kind, position, position + length
        position += length


def _children(body: bytes) -> list[bytes]:
    found, position = [], 0
    while position + 8 <= len(body):
        length = int.from_bytes(body[position : position + 4], "big")
        if length < 8 or position + length > len(body):
            raise Unreadable("the MP4 file's movie is damaged")
        found.append(body[position : position + length])
        position += length
    return found


def _moved(box: bytes, by: int, behind: int) -> bytes:
    """A box whose tables of places (stco, co64) follow sound that lies behind a byte of the file."""
    kind = box[4:8]
    if kind in (b"trak", b"mdia", b"minf", b"stbl"):
        return box[:8] + b"".join(_moved(child, by, behind) for child in _children(box[8:]))
    width = {b"stco": 4, b"co64": 8}.get(kind)
    if width is None or by == 0:
        return box
    count = int.from_bytes(box[12:16], "big")
    if 16 + count * width > len(box):
        raise Unreadable("the MP4 file's table of places is damaged")
    places = (int.from_bytes(box[at : at + width], "big") for at in range(16, 16 + count * width, width))
    moved = (place + by if place >= behind else place for place in places)
    try:
        return box[:16] + b"".join(place.to_bytes(width, "big") for place in moved)
    except OverflowError as error:
        raise Unreadable("the MP4 file is too large for its table of places") from error


def _user_data(tags: FileTags) -> bytes:
    kinds = {"title": b"\xa9nam", "artist": b"\xa9ART", "copyright": b"cprt", "comment": b"\xa9cmt"}
    items = [_box(kinds[name], _value(1, text.encode())) for name, text in tags.words().items()]
    if tags.picture is not None:
        items.append(_box(b"covr", _value(13, tags.picture.data)))
    handler = _box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
    return _box(b"udta", _box(b"meta", bytes(4) + handler + _box(b"ilst", b"".join(items))))


def _value(kind: int, data: bytes) -> bytes:
    return _box(b"data", struct.pack(">II", kind, 0) + data)


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise Unreadable("the file ends early")
    return data


def _copy(old: BinaryIO, new: BinaryIO, count: int) -> None:
    while count:
        data = _exactly(old, min(count, _COPY_BYTES))
        new.write(data)
        count -= len(data)


_WRITERS: Final[dict[str, Callable[[BinaryIO, BinaryIO, FileTags], None]]] = {
    "FLAC": _flac,
    "OGG": _ogg,
    "MP3": _mp3,
    "WAV": _wav,
    "M4A": _m4a,
}
