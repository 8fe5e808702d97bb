"""The child that decodes a stranger's file: `python -m services.processing.media.decoder PATH` in a sandbox.

It writes one line of JSON (see `Head`), then interleaved float32 in the machine's order until the end. What is wrong
with the file is one line of JSON on standard error, `{"message": "…"}`, and exit status 3.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from services.processing.media import aac_extra
from services.processing.media.sandbox import Limits, confine
from services.processing.media.sniffing import Sniffed, sniff

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Writer = Callable[["NDArray[np.float32]"], None]

REFUSED: Final = 3

_BLOCK_FRAMES: Final = 65_536
_CONTAINERS: Final = {
    "WAV": {"WAV", "WAVEX", "RF64", "W64"},
    "AIFF": {"AIFF"},
    "FLAC": {"FLAC"},
    "OGG": {"OGG"},
    "MP3": {"MP3", "MPEG"},
}
# libsndfile's names of what we let it decode; its rarer codecs have had more faults than listeners.
_SUBTYPES: Final = {
    "PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64,
    "ULAW": 14, "ALAW": 13, "VORBIS": 0, "OPUS": 0, "MPEG_LAYER_III": 0,
}  # fmt: skip
_TAGS: Final = ("title", "artist", "album", "date", "genre", "comment", "copyright", "license", "tracknumber")
_LONGEST_TAG: Final = 500


class Refused(Exception):  # noqa: N818 — an outcome, not an error
    """The file cannot be taken; the text is for its owner."""


def main() -> None:
    """Decode the file that is named by the first argument."""
    path = Path(sys.argv[1])
    confine(Limits(), [path])
    try:
        found = _sniffed(path)
        (_decode_mp4 if found.container == "MP4" else _decode)(path, found)
    except (Refused, MemoryError) as error:
        message = str(error) or "The file needs more memory than it may have."
        sys.stderr.write(json.dumps({"message": message}))
        sys.stderr.flush()
        os._exit(REFUSED)
    except BrokenPipeError:
        os._exit(1)
    # Without the interpreter's own end: whatever a decoder left behind in memory is of no interest.
    os._exit(0)


def _sniffed(path: Path) -> Sniffed:
    found = sniff(path)
    if not found.container:
        raise Refused(f"This is {found.instead}. {aac_extra.what_to_send()}")
    if found.missing_bytes:
        raise Refused(f"The file ends early: {found.missing_bytes:,} bytes that it announces are not there.")
    return found


def _decode(path: Path, found: Sniffed) -> None:
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            if file.format not in _CONTAINERS[found.container] or file.subtype not in _SUBTYPES:
                raise Refused(f"This {found.container} file holds {file.subtype_info}, which is not taken.")
            is_known = 0 <= file.frames < 1 << 60
            _say(
                container=found.container,
                codec=file.subtype,
                bits=_SUBTYPES[file.subtype],
                frames=file.frames if found.container != "MP3" and is_known else -1,
                # libsndfile guesses the length of an MP3 from its beginning.
                expected_frames=file.frames if is_known else -1,
                sample_rate=file.samplerate,
                channels=file.channels,
                tags=_tags(file),
            )
            for block in _blocks(file):
                sys.stdout.buffer.write(block.data)
            sys.stdout.buffer.flush()
    except soundfile.LibsndfileError as error:
        raise Refused("The audio is damaged and cannot be decoded.") from error
    except (OverflowError, ValueError) as error:
        raise Refused("The file's header makes no sense.") from error


def _blocks(file: Any) -> Iterator[NDArray[np.float32]]:
    channels = max(1, file.channels)
    frames = max(1, min(_BLOCK_FRAMES, _BLOCK_FRAMES * 2 // channels))
    while True:
        block: NDArray[np.float32] = file.read(frames, dtype="float32", always_2d=True)
        if not len(block):
            return
        yield block


def _tags(file: Any) -> dict[str, str]:
    found = {}
    for name in _TAGS:
        try:
            value = str(getattr(file, name)).strip()
        except (UnicodeDecodeError, AttributeError):
            continue
        if value:
            found[name] = value[:_LONGEST_TAG]
    return found


def _decode_mp4(path: Path, _found: Sniffed) -> None:
    try:
        import av
    except ImportError:
        raise Refused(f"M4A and AAC are not taken by this server. {aac_extra.what_to_send()}") from None
    import numpy as np

    try:
        # Only what lies in the file itself: no playlists, no addresses.
        with av.open(str(path), format="mp4", options={"protocol_whitelist": "file"}) as container:
            if not container.streams.audio:
                raise Refused("The file holds no sound.")
            stream = container.streams.audio[0]
            codec = stream.codec_context
            if codec.name not in {"aac", "alac", "mp3", "opus", "flac"}:
                raise Refused(f"This M4A file holds {codec.name}, which is not taken.")
            rate, channels = int(codec.sample_rate), int(codec.channels)
            tags = {name: str(value)[:_LONGEST_TAG] for name, value in container.metadata.items() if name in _TAGS}
            # The edit list says what of the encoder's lead-in and padding is no part of the piece.
            length = round(stream.duration * stream.time_base * rate) if stream.duration else None
            _say(
                container="MP4", codec=codec.name.upper(), bits=0, frames=-1 if length is None else length,
                sample_rate=rate, channels=channels, expected_frames=-1 if length is None else length, tags=tags,
            )  # fmt: skip
            resampler = av.AudioResampler(format="flt", layout=codec.layout, rate=rate)
            for frame in container.decode(stream):
                start = 0 if frame.pts is None else round(frame.pts * frame.time_base * rate)
                for part in resampler.resample(frame):
                    samples = np.ascontiguousarray(part.to_ndarray()[0], dtype=np.float32).reshape(-1, channels)
                    kept = samples[max(0, -start) : None if length is None else max(0, length - start)]
                    start += len(samples)
                    sys.stdout.buffer.write(np.ascontiguousarray(kept).data)
            sys.stdout.buffer.flush()
    except av.FFmpegError as error:
        raise Refused("The audio is damaged and cannot be decoded.") from error


def _say(**head: Any) -> None:
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
