"""What a file is by its own first bytes, and whether it holds as much as it says. Reads a few hundred bytes.

Names and endings are not believed: a decoder is only ever given what it was made for.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

# Sizes that a writer leaves when it did not know: RIFF from a pipe.
_UNKNOWN_SIZES: Final = (0, 0xFFFF_FFFF, 0x7FFF_FFFF, 0xFFFF_FFFE)
_MOST_CHUNKS: Final = 1_000

# RFC 3533 §6: a header of 27 bytes, 255 lengths, and as many pieces of 255 bytes.
_LARGEST_PAGE: Final = 27 + 255 + 255 * 255

_FOREIGN: Final = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"MThd", "a MIDI file, which holds notes and no sound"),
    (b"caff", "a Core Audio file, which is not taken: export it as WAV or FLAC"),
    (b"\x1a\x45\xdf\xa3", "a Matroska or WebM file, which is not taken: export the audio as WAV or FLAC"),
    (b"\x30\x26\xb2\x75", "a Windows Media file, which is not taken: export it as WAV or FLAC"),
    (b"MZ", "a program"),
    (b"\x7fELF", "a program"),
    (b"#!", "a program"),
    (b"<", "a text document"),
    (b"{", "a text document"),
)

# Sony's Wave64: a GUID where RIFF has four letters, and lengths of 64 bits.
_WAVE64: Final = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"

# ISO/IEC 11172-3 §2.4.2.3: version and layer bits that are reserved, or no layer III.
_MPEG_SYNC: Final = 0xFFE0


@dataclass(frozen=True, slots=True)
class Sniffed:
    """`container` is "WAV", "AIFF", "FLAC", "OGG", "MP3" or "MP4"; empty when it is none, and `instead` says what.

    `missing_bytes` is how much the file lacks of what its own header announces.
    """

    container: str
    instead: str = ""
    missing_bytes: int = 0


def sniff(path: Path) -> Sniffed:
    """Look at a file. Raises OSError only."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4_096)
        if not head:
            return Sniffed("", "an empty file")
        kind = head[:4]
        if kind in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE":
            return Sniffed("WAV", missing_bytes=_missing_chunks(file, size, "little" if kind != b"RIFX" else "big"))
        if head.startswith(_WAVE64):
            return Sniffed("WAV", missing_bytes=_missing_of_wave64(file, size))
        if kind == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
            return Sniffed("AIFF", missing_bytes=_missing_chunks(file, size, "big"))
        if kind == b"fLaC":
            return Sniffed("FLAC")
        if kind == b"OggS":
            return Sniffed("OGG", missing_bytes=_missing_of_last_page(file, size))
        if head[4:8] == b"ftyp":
            return Sniffed("MP4")
        if kind[:3] == b"ID3":
            return _after_id3(file, head, size)
        if _is_mpeg_frame(head):
            return Sniffed("MP3")
    for start, what in _FOREIGN:
        if head.startswith(start):
            return Sniffed("", what)
    return Sniffed("", "a text document" if _is_text(head) else "of a kind that is not known here")


def _after_id3(file: BinaryIO, head: bytes, size: int) -> Sniffed:
    # ID3v2.4 §3.1: a size of four times seven bits.
    length = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=False))
    if len(head) < 10 or length >= size:
        return Sniffed("", "a file of tags without any sound")
    file.seek(length)
    behind = file.read(4)
    return Sniffed("FLAC" if behind == b"fLaC" else "MP3")


def _is_mpeg_frame(head: bytes) -> bool:
    if len(head) < 4:
        return False
    word = struct.unpack(">H", head[:2])[0]
    version, layer, bitrate, rate = (word >> 3) & 3, (word >> 1) & 3, head[2] >> 4, (head[2] >> 2) & 3
    return word & _MPEG_SYNC == _MPEG_SYNC and version != 1 and layer == 1 and bitrate != 15 and rate != 3


def _missing_chunks(file: BinaryIO, size: int, order: str) -> int:
    """How far the sound of a RIFF or AIFF file reaches beyond its end."""
    position = 12
    long_length: int | None = None
    for _ in range(_MOST_CHUNKS):
        file.seek(position)
        # Of RF64's first chunk, "ds64", the lengths of the file and of its sound (EBU Tech 3306 §3.5).
        head = file.read(24)
        if len(head) < 8:
            return 0
        if head[:4] == b"ds64" and len(head) == 24:
            long_length = int.from_bytes(head[16:], "little")
        length = struct.unpack("<I" if order == "little" else ">I", head[4:8])[0]
        if head[:4] in (b"data", b"SSND"):
            if long_length is not None and length == 0xFFFF_FFFF:
                return max(0, position + 8 + long_length - size)
            return 0 if length in _UNKNOWN_SIZES else max(0, position + 8 + length - size)
        position += 8 + length + length % 2
    return 0


def _missing_of_wave64(file: BinaryIO, size: int) -> int:
    """How far the sound of a Wave64 file reaches beyond its end. Lengths include the chunk's own head of 24 bytes."""
    position = 40
    for _ in range(_MOST_CHUNKS):
        if position > size:
            return 0
        file.seek(position)
        head = file.read(24)
        if len(head) < 24:
            return 0
        length = int.from_bytes(head[16:], "little")
        if head[:4] == b"data":
            return max(0, position + length - size)
        # Chunks begin at multiples of eight.
        position += max(24, -(-length // 8) * 8)
    return 0


def _missing_of_last_page(file: BinaryIO, size: int) -> int:
    """How far the last Ogg page (RFC 3533 §6) reaches beyond the file's end."""
    start = max(0, size - _LARGEST_PAGE)
    file.seek(start)
    tail = file.read(_LARGEST_PAGE)
    missing, position = 0, -1
    while (position := tail.find(b"OggS\0", position + 1)) >= 0:
        lacing = tail[position + 27 : position + 27 + (tail[position + 26] if position + 26 < len(tail) else 255)]
        end = position + 27 + (tail[position + 26] if position + 26 < len(tail) else 0) + sum(lacing)
        if end == len(tail):
            return 0
        missing = end - len(tail)
    return max(0, missing)


def _is_text(head: bytes) -> bool:
    try:
        text = head[:1_024].decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        if error.start < min(len(head), 1_024) - 4:
            return False
        text = head[: error.start].decode()
    return all(character.isprintable() or character in "\r\n\t" for character in text)
