"""Files that nobody should have to decode: mutations of good ones, and some made by hand."""

import io
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from services.processing.media import aac_extra, m4a
from services.processing.media.ogg_serial import checksum

RATE = 44_100
# Name → container, sample format and rate of a good file.
GOOD = {
    "pcm16.wav": ("WAV", "PCM_16", RATE),
    "pcm24.wav": ("WAVEX", "PCM_24", RATE),
    "float.wav": ("WAV", "FLOAT", RATE),
    "pcm16.flac": ("FLAC", "PCM_16", RATE),
    "pcm24.flac": ("FLAC", "PCM_24", RATE),
    "pcm16.aiff": ("AIFF", "PCM_16", RATE),
    "layer3.mp3": ("MP3", "MPEG_LAYER_III", RATE),
    "vorbis.ogg": ("OGG", "VORBIS", RATE),
    "opus.opus": ("OGG", "OPUS", 48_000),
}
# With the optional extra `aac` files of that kind too.
KINDS = (*GOOD, *(["aac.m4a"] if aac_extra.available() else []))


def music(seconds: float, rate: int, channels: int = 2) -> np.ndarray:
    """A chord with noise: nothing that an encoder finds easy."""
    time = np.arange(int(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * hz * time) for hz in (110.0, 220.0, 554.4)) / 6
    noise = 0.05 * np.random.default_rng(3).standard_normal((len(time), channels))
    return (tone[:, None] + noise).astype(np.float32)


def write_good(folder: Path, seconds: float = 1.0) -> dict[str, bytes]:
    """One file of each kind."""
    found = {}
    for name, (container, subtype, rate) in GOOD.items():
        path = folder / name
        with soundfile.SoundFile(path, "w", rate, 2, format=container, subtype=subtype) as file:
            file.title = "A title"
            samples = music(seconds, rate)
            for start in range(0, len(samples), 65_536):
                file.write(samples[start : start + 65_536])
        found[name] = path.read_bytes()
    if aac_extra.available():
        samples, path = music(seconds, RATE), folder / "aac.m4a"
        blocks = (np.clip(samples[start : start + 4_096], -1, 1) for start in range(0, len(samples), 4_096))
        m4a.write_m4a(blocks, path, RATE, 2, 128_000, {"title": "A title"})
        found[path.name] = path.read_bytes()
    return found


def mutated(good: dict[str, bytes], chance: random.Random) -> tuple[str, bytes]:
    """A good file that something happened to."""
    name = chance.choice(sorted(good))
    data = bytearray(good[name])
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        _CHANGES[chance.randrange(len(_CHANGES))](data, chance)
    if chance.random() < 0.05:
        other = good[chance.choice(sorted(good))]
        data = data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other)) :]
    return name, bytes(data)


def _flip_bits(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 8, 100))):
        if data:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _flip_header(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 3, 10))):
        if data:
            data[chance.randrange(min(len(data), 100))] = chance.randrange(256)


def _set_field(data: bytearray, chance: random.Random) -> None:
    width = chance.choice((2, 4, 8))
    if len(data) > 200:
        at = chance.randrange(4, 120)
        data[at : at + width] = chance.choice((b"\x00", b"\xff", b"\x7f", b"\x80")) * width


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data) + 1) :]


def _delete(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data) + 1)
    del data[start : start + chance.choice((1, 100, 5_000))]


def _insert(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data) + 1)
    data[start:start] = chance.randbytes(chance.choice((1, 100, 5_000)))


def _repeat(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data) + 1)
    data[start:start] = data[start : start + 4_096] * chance.choice((1, 20))


_CHANGES = (_flip_bits, _flip_header, _set_field, _cut, _delete, _insert, _repeat)


def zip_bomb() -> bytes:
    """A quarter of a gigabyte of nothing in a megabyte, in a ZIP archive that is called a song."""
    packed = io.BytesIO()
    archive = zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with archive, archive.open("song.wav", "w") as song:
        for _ in range(64):
            song.write(bytes(4 << 20))
    return packed.getvalue()


def wav(rate: int = RATE, channels: int = 2, samples: np.ndarray | None = None, announced: int | None = None) -> bytes:
    """A float WAV, whose header says what it is told to."""
    body = (np.zeros((RATE, channels), np.float32) if samples is None else samples.astype("<f4")).tobytes()
    length = len(body) if announced is None else announced
    form = struct.pack("<HHIIHH", 3, channels, rate, min(rate * channels * 4, 2**32 - 1), channels * 4, 32)
    head = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", length)
    return b"RIFF" + struct.pack("<I", min(len(head) + length, 2**32 - 1)) + head + body


def silent_opus(hours: float) -> bytes:
    """Digital silence in packets of 20 ms (RFC 6716 §3.1: CELT, full band, one frame), 255 to a page (RFC 7845)."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 312, 48_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 4) + b"test" + struct.pack("<I", 0)
    packet = b"\xf8\xff\xfe"
    pages = [_page(0, 2, 0, [head]), _page(1, 0, 0, [tags])]
    count = int(hours * 3_600 * 50) // 255
    for number in range(count):
        last = 4 if number == count - 1 else 0
        pages.append(_page(number + 2, last, (number + 1) * 255 * 960, [packet] * 255))
    return b"".join(pages)


def _page(number: int, flags: int, granule: int, packets: list[bytes]) -> bytes:
    header = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, 7, number, 0, len(packets))
    page = bytearray(header + bytes(len(packet) for packet in packets) + b"".join(packets))
    page[22:26] = checksum(page).to_bytes(4, "little")
    return bytes(page)


def by_hand() -> Iterator[tuple[str, Callable[[], bytes], str]]:
    """Name, file, and a word of what its sender is told."""
    song = music(1.0, RATE)
    loud, wrong = song.copy(), song.copy()
    loud[5_000] = 46_000.0
    wrong[5_000] = np.nan
    yield "a zip bomb", zip_bomb, "ZIP archive"
    yield "a text", lambda: b"These are words, not sounds.\n" * 100, "text document"
    yield "an empty file", lambda: b"", "an empty file"
    yield "ten hours of silence", lambda: silent_opus(10.0), "longer than 3 hours"
    yield "64 channels", lambda: wav(channels=64), "64 channels"
    yield "no channel", lambda: wav(channels=2)[:22] + b"\0\0" + wav(channels=2)[24:], ""
    yield "1 Hz", lambda: wav(rate=1), "sample rate is 1 Hz"
    yield "10 MHz", lambda: wav(rate=10_000_000), "sample rate is 10,000,000 Hz"
    yield "not a number", lambda: wav(samples=wrong), "no sound"
    yield "infinite", lambda: wav(samples=np.where(np.isnan(wrong), np.inf, wrong)), "no sound"
    yield "far beyond full scale", lambda: wav(samples=loud), "no sound"
    yield "less than announced", lambda: wav(announced=10_000_000), "ends early"
    yield "nothing behind its header", lambda: wav(samples=np.zeros((0, 2))), "no sound"
    yield "only tags", lambda: b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128), "tags without any sound"
    yield "a picture", lambda: b"\x89PNG\r\n\x1a\n" + bytes(500), "a picture"
    yield "a Core Audio file", lambda: b"caff\x00\x01\x00\x00" + bytes(500), "Core Audio"
    yield "a program", lambda: b"\x7fELF" + bytes(500), "a program"
    yield "noise", lambda: b"\x03" + random.Random(1).randbytes(50_000), "not known"
