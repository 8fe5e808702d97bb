"""Encoders of live audio: interleaved s16le in, bytes of a playable stream out, with as little delay as a format
allows.

Delay of the formats, from a sample's arrival to its bytes: WAV none; MP3 about 60 ms (LAME's look-ahead and one frame);
Ogg-Opus up to one page of 100 ms, and 27 ms of the resampler and the codec.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Protocol

import lameenc
import numpy as np
import soundfile
import soxr

from protos.common.v1.common_pb2 import AudioFormat
from services.shared.errors import AppError
from services.shared.live_channel import LiveFormat

MP3_KBIT_PER_SECOND = 192
# LAME's own scale: 2 is best, 7 fastest; 5 encodes about 100 times faster than it plays.
_MP3_QUALITY = 5
_OPUS_RATE_HZ = 48_000
_OPUS_PAGE_MILLISECONDS = 100.0
# libsndfile's command (sndfile.h); soundfile has no name for it.
_SFC_SET_OGG_PAGE_LATENCY_MS = 0x1302
_UNKNOWN_SIZE = 0xFFFFFFFF
_WAV_HEADER_BYTES = 44


class Encoder(Protocol):
    """One encoding. `begin` once, `encode` for each piece of whole frames, `finish` once."""

    def begin(self) -> bytes:
        """What comes before any audio."""

    def encode(self, pcm_s16le: bytes) -> bytes:
        """The bytes that are ready after the next piece; may be empty."""

    def finish(self) -> bytes:
        """What is still held back."""


class WavEncoder:
    """RIFF WAVE, 16-bit PCM. The header states the size when the length is known, else 0xFFFFFFFF."""

    def __init__(self, format: LiveFormat) -> None:  # noqa: A002 — the contract's word
        self._format = format

    def begin(self) -> bytes:
        """The header of 44 bytes."""
        rate, frame, total = self._format.sample_rate_hz, self._format.frame_bytes, self._format.total_samples
        data = _UNKNOWN_SIZE if total is None else total * frame
        riff = min(data + _WAV_HEADER_BYTES - 8, _UNKNOWN_SIZE)
        return struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            b"RIFF", riff, b"WAVE",
            b"fmt ", 16, 1, self._format.channels, rate, rate * frame, frame, 16,
            b"data", data,
        )  # fmt: skip

    def encode(self, pcm_s16le: bytes) -> bytes:
        """The samples themselves."""
        return pcm_s16le

    def finish(self) -> bytes:
        """Nothing."""
        return b""


class Mp3Encoder:
    """MPEG layer III at a constant bit rate, by LAME."""

    def __init__(self, format: LiveFormat) -> None:  # noqa: A002 — the contract's word
        self._lame = lameenc.Encoder()
        self._lame.silence()
        self._lame.set_bit_rate(MP3_KBIT_PER_SECOND)
        self._lame.set_in_sample_rate(format.sample_rate_hz)
        self._lame.set_out_sample_rate(format.sample_rate_hz)
        self._lame.set_channels(format.channels)
        self._lame.set_quality(_MP3_QUALITY)
        self._any = False

    def begin(self) -> bytes:
        """Nothing: a stream begins with its first frame."""
        return b""

    def encode(self, pcm_s16le: bytes) -> bytes:
        """The frames that are complete."""
        self._any = True
        return bytes(self._lame.encode(pcm_s16le))

    def finish(self) -> bytes:
        """The last frames."""
        # LAME refuses to flush what was never fed.
        return bytes(self._lame.flush()) if self._any else b""


class _Pipe:
    """The file that libsndfile writes to: whatever was written since the last look."""

    def __init__(self) -> None:
        self._written = bytearray()
        self._position = 0

    def write(self, data: bytes) -> int:
        self._written += data
        self._position += len(data)
        return len(data)

    def read(self, _count: int) -> bytes:
        return b""

    def tell(self) -> int:
        return self._position

    def seek(self, _offset: int, _whence: int = 0) -> int:
        # An Ogg stream is never rewritten; libsndfile only asks where the end is.
        return self._position

    def take(self) -> bytes:
        data = bytes(self._written)
        self._written.clear()
        return data


class OpusEncoder:
    """Ogg-Opus at 48 kHz by libsndfile, in pages of 100 ms, so that a listener never waits longer for bytes."""

    def __init__(self, format: LiveFormat) -> None:  # noqa: A002 — the contract's word
        self._channels = format.channels
        self._resampler = (
            soxr.ResampleStream(format.sample_rate_hz, _OPUS_RATE_HZ, format.channels, dtype="float32", quality="HQ")
            if format.sample_rate_hz != _OPUS_RATE_HZ
            else None
        )
        self._pipe = _Pipe()
        self._file = soundfile.SoundFile(self._pipe, "w", _OPUS_RATE_HZ, format.channels, format="OGG", subtype="OPUS")
        latency = soundfile._ffi.new("double*", _OPUS_PAGE_MILLISECONDS)
        soundfile._snd.sf_command(self._file._file, _SFC_SET_OGG_PAGE_LATENCY_MS, latency, 8)

    def begin(self) -> bytes:
        """Nothing yet: libsndfile writes its headers with the first samples."""
        return self._pipe.take()

    def encode(self, pcm_s16le: bytes) -> bytes:
        """The pages that are complete."""
        samples = np.frombuffer(pcm_s16le, "<i2").astype(np.float32) / 32768.0
        return self._write(samples.reshape(-1, self._channels), last=False)

    def finish(self) -> bytes:
        """The last pages."""
        rest = self._write(np.zeros((0, self._channels), np.float32), last=True)
        self._file.close()
        return rest + self._pipe.take()

    def _write(self, samples: np.ndarray, last: bool) -> bytes:
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=last)
        if len(samples):
            self._file.write(samples)
        return self._pipe.take()


_ENCODERS: Mapping[AudioFormat.ValueType, Callable[[LiveFormat], Encoder]] = {
    AudioFormat.AUDIO_FORMAT_WAV: WavEncoder,
    AudioFormat.AUDIO_FORMAT_MP3: Mp3Encoder,
    AudioFormat.AUDIO_FORMAT_OPUS: OpusEncoder,
}


def check_format(audio_format: AudioFormat.ValueType) -> None:
    """Raise VALIDATION for a format that cannot be streamed."""
    if audio_format not in _ENCODERS:
        raise AppError.field("/format", "A live stream has one of the formats wav, mp3 and opus.")


def new_encoder(audio_format: AudioFormat.ValueType, live: LiveFormat) -> Encoder:
    """An encoder of a format that `check_format` lets pass."""
    return _ENCODERS[audio_format](live)
