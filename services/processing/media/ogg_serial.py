"""Gives an Ogg file a fixed serial number (RFC 3533 §6), so that the same audio always makes the same bytes.

libsndfile draws the serial at random. Checksums are computed with zlib: Ogg's CRC-32 has zlib's polynomial with the
bits the other way round and without zlib's initial and final inversion.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import BinaryIO, Final

SERIAL: Final = 0x6D67_6169
_HEADER_BYTES: Final = 27
_SERIAL_AT: Final = slice(14, 18)
_CHECKSUM_AT: Final = slice(22, 26)
_REVERSED_BITS: Final = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def fix_serial(path: Path) -> None:
    """Rewrite the pages of an Ogg file with one logical stream, in place. Raises ValueError for what is no Ogg file."""
    with path.open("r+b") as file:
        while page := read_page(file):
            start = file.tell() - len(page)
            page[_SERIAL_AT] = SERIAL.to_bytes(4, "little")
            page[_CHECKSUM_AT] = bytes(4)
            page[_CHECKSUM_AT] = checksum(page).to_bytes(4, "little")
            file.seek(start)
            file.write(page)


def read_page(file: BinaryIO) -> bytearray:
    """The next page, whole; empty at the file's end. Raises ValueError for what is no page."""
    header = file.read(_HEADER_BYTES)
    if not header:
        return bytearray()
    if len(header) < _HEADER_BYTES or header[:4] != b"OggS":
        raise ValueError("this is no Ogg file")
    lacing = file.read(header[26])
    body = file.read(sum(lacing))
    if len(lacing) < header[26] or len(body) < sum(lacing):
        raise ValueError("the Ogg file ends within a page")
    return bytearray(header + lacing + body)


def checksum(page: bytes | bytearray) -> int:
    """Ogg's CRC-32 of a page whose checksum field is zero: polynomial 0x04C11DB7, no inversion."""
    reflected = zlib.crc32(page.translate(_REVERSED_BITS), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int.from_bytes(reflected.to_bytes(4, "little").translate(_REVERSED_BITS), "big")
