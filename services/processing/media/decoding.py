"""Decodes files that strangers sent: a confined child does it, and what comes out of it is checked before it is used.

Only samples cross the border, so that whatever a broken file does to a decoder ends with the child.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import orjson
from pydantic import TypeAdapter, ValidationError

from services.processing.media import decoder
from services.processing.media.reading import BLOCK_FRAMES, HIGHEST_SAMPLE, Block
from services.processing.media.sandbox import Limits, Sandbox, TimeUp
from services.shared.errors import AppError, ErrorCode

_LONGEST_HEAD: Final = 65_536
_FLOAT_BYTES: Final = 4
# FLAC's frame headers hold a rate in 16 bits, in Hz or tens of Hz (RFC 9639 §9.1.2): masters are FLAC.
_HIGHEST_ANY_HZ: Final = 65_535
# How many frames a whole file may lack of what it announces. An Ogg file says where it ends and not how much is before
# it: encoders that count from within their first block leave files that hold up to a block less (Vorbis I §4.2.2). An
# MP4's length counts what its encoder put before the sound, up to two frames of 2,048 (ISO/IEC 14496-3 §4.5.1.1).
_MAY_LACK: Final = {"OGG": 8_192, "MP4": 4_096}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is taken. Sizes in bytes, lengths in seconds, rates in Hz."""

    largest_bytes: int = 2 * 1024**3
    longest_seconds: float = 3 * 3_600.0
    most_channels: int = 8
    lowest_rate_hz: int = 8_000
    highest_rate_hz: int = 192_000


BOUNDS: Final = Bounds()
LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Head:
    """What a file says of itself. `frames` is −1 and `bits` 0 where the format does not say.

    `expected_frames` is good enough for a progress bar; −1 when nobody knows.
    """

    container: str
    codec: str
    bits: int
    frames: int
    sample_rate: int
    channels: int
    expected_frames: int = -1
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Decoding:
    """A file that is being decoded. `blocks` can be read once."""

    head: Head
    blocks: Iterator[Block]


_HEAD: Final = TypeAdapter(Head)


@contextlib.contextmanager
def decode(
    path: Path, check: Callable[[], None], *, bounds: Bounds = BOUNDS, limits: Limits = LIMITS
) -> Iterator[Decoding]:
    """Decode a file of any kind that is taken: `[frames, channels]` float32 blocks of at most 65,536 frames.

    `check` runs at least every 0.1 s of waiting and may raise. Raises UNSUPPORTED_MEDIA with a sentence for the
    file's owner, here or from the blocks: for what is no audio, out of bounds, damaged, cut off, not finite or beyond
    ±8, or takes too long.
    """
    if path.stat().st_size > bounds.largest_bytes:
        raise _refused(f"The file is larger than {bounds.largest_bytes / 1e6:,.0f} MB.")
    with Sandbox([decoder.__name__, str(path)], limits, check) as child:
        data = _checked_output(child)
        head, rest = _head(data)
        _check_bounds(head, bounds)
        yield Decoding(head, _blocks(head, rest, data, bounds))


def _checked_output(child: Sandbox) -> Iterator[bytes]:
    """The child's bytes; whatever ended it early is an error for the file's owner."""
    try:
        yield from child.output()
    except TimeUp:
        raise _refused("The file takes too long to decode: it is damaged, or made to be slow.") from None
    if child.status == decoder.REFUSED:
        raise _refused(_message(child.errors))
    if child.status != 0:
        raise AppError(
            ErrorCode.UNSUPPORTED_MEDIA,
            "The file cannot be decoded: it is damaged, or needs more memory or time than it may have.",
            status=child.status,
            errors=child.errors[-2_000:],
        )


def _message(text: str) -> str:
    # Decoders write there too; ours is the last line.
    with contextlib.suppress(ValueError, KeyError, TypeError, IndexError):
        return str(orjson.loads(text.strip().splitlines()[-1])["message"])
    return "The audio is damaged and cannot be decoded."


def _head(data: Iterator[bytes]) -> tuple[Head, bytes]:
    text = b""
    for part in data:
        text += part
        line, separator, rest = text.partition(b"\n")
        if separator:
            try:
                return _HEAD.validate_json(line), rest
            except ValidationError as error:
                raise _refused("The file's header makes no sense.") from error
        if len(text) > _LONGEST_HEAD:
            break
    raise _refused("The file's header makes no sense.")


def _check_bounds(head: Head, bounds: Bounds) -> None:
    if not 1 <= head.channels <= bounds.most_channels:
        raise _refused(f"The file has {head.channels} channels; 1 to {bounds.most_channels} are taken.")
    if not bounds.lowest_rate_hz <= head.sample_rate <= bounds.highest_rate_hz:
        raise _refused(
            f"The sample rate is {head.sample_rate:,} Hz; "
            f"{bounds.lowest_rate_hz:,} to {bounds.highest_rate_hz:,} Hz are taken."
        )
    if head.sample_rate > _HIGHEST_ANY_HZ and head.sample_rate % 10:
        raise _refused(
            f"The sample rate is {head.sample_rate:,} Hz; above {_HIGHEST_ANY_HZ:,} Hz only multiples of 10 are taken."
        )
    if head.frames > bounds.longest_seconds * head.sample_rate:
        raise _too_long(bounds)


def _blocks(head: Head, rest: bytes, data: Iterator[bytes], bounds: Bounds) -> Iterator[Block]:
    frame_bytes = head.channels * _FLOAT_BYTES
    block_bytes = BLOCK_FRAMES * frame_bytes
    most_frames = int(bounds.longest_seconds * head.sample_rate)
    waiting = bytearray(rest)
    done = 0
    for part in data:
        waiting += part
        while len(waiting) >= block_bytes:
            yield _block(waiting[:block_bytes], head.channels)
            del waiting[:block_bytes]
            done += BLOCK_FRAMES
            if done > most_frames:
                raise _too_long(bounds)
    if len(waiting) % frame_bytes:
        raise _refused("The audio is damaged: it ends within a sample.")
    if waiting:
        yield _block(waiting, head.channels)
        done += len(waiting) // frame_bytes
    if done > most_frames:
        raise _too_long(bounds)
    if done == 0:
        raise _refused("The file holds no sound.")
    if head.frames > done + _MAY_LACK.get(head.container, 0):
        seconds = done / head.sample_rate
        raise _refused(f"The file ends early: {seconds:.1f} of {head.frames / head.sample_rate:.1f} s are there.")


def _block(data: bytes | bytearray, channels: int) -> Block:
    block: Block = np.frombuffer(bytes(data), dtype=np.float32).reshape(-1, channels)
    # The comparison is false for NaN, so one pass finds everything that is not sound.
    if not (np.abs(block) <= HIGHEST_SAMPLE).all():
        raise _refused("The file holds values that are no sound (not finite, or far beyond full scale).")
    return block


def _too_long(bounds: Bounds) -> AppError:
    return _refused(f"The audio is longer than {bounds.longest_seconds / 3_600:g} hours.")


def _refused(message: str) -> AppError:
    return AppError(ErrorCode.UNSUPPORTED_MEDIA, message)
