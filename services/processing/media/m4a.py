"""Writes AAC in M4A, where the optional extra `aac` (PyAV) is installed: FFmpeg, with GPL parts (pyproject.toml)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from services.processing.media import aac_extra
from services.processing.media.reading import Block
from services.shared.errors import AppError, ErrorCode


def write_m4a(
    samples: Iterable[Block], path: Path, rate_hz: int, channels: int, bitrate: int, tags: Mapping[str, str]
) -> int:
    """Encode `[frames, channels]` float32 blocks in −1…1; the frames that were written. `bitrate` in bits a second.

    The same samples always make the same bytes. Raises UNSUPPORTED_MEDIA without the extra, STORAGE_FULL when the file
    cannot be written.
    """
    if not aac_extra.available():
        raise AppError(ErrorCode.UNSUPPORTED_MEDIA, aac_extra.NOT_WRITTEN)
    import av

    layout = "mono" if channels == 1 else "stereo"
    written = 0
    try:
        # bitexact: no date and no version of the encoder in the file.
        options = {"fflags": "+bitexact", "movflags": "+faststart"}
        with av.open(str(path), "w", format="ipod", options=options) as container:
            stream = container.add_stream("aac", rate=rate_hz)
            stream.layout = layout
            stream.bit_rate = bitrate
            container.metadata.update(tags)
            for block in samples:
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(block, dtype=np.float32).reshape(1, -1), format="flt", layout=layout
                )
                frame.sample_rate = rate_hz
                frame.pts = written
                written += len(block)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except (av.FFmpegError, OSError) as error:
        raise AppError(ErrorCode.STORAGE_FULL, "The file could not be written: is the scratch disk full?") from error
    return written
