"""Live encoders: playable from the first piece, with little delay, whole at the end."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from protos.common.v1.common_pb2 import AudioFormat
from services.generation.live.encoders import check_format, new_encoder
from services.shared.errors import AppError
from services.shared.live_channel import LiveFormat
from tests.support.listening import decode

WAV, MP3, OPUS = AudioFormat.AUDIO_FORMAT_WAV, AudioFormat.AUDIO_FORMAT_MP3, AudioFormat.AUDIO_FORMAT_OPUS
NAMES = {WAV: "wav", MP3: "mp3", OPUS: "opus"}
FORMATS = pytest.mark.parametrize("audio_format", [WAV, MP3, OPUS], ids=NAMES.values())
LAYOUTS = pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (48_000, 2), (32_000, 1)])


def tone(seconds: float, rate: int, channels: int) -> np.ndarray:
    sine = 0.4 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    return np.repeat(sine[:, None], channels, axis=1).astype(np.float32)


def pcm(audio: np.ndarray) -> bytes:
    return (audio * 32768).astype("<i2").tobytes()


def encoded(audio_format: int, audio: np.ndarray, rate: int, piece_seconds: float = 0.5) -> list[bytes]:
    """What leaves after the beginning, after each piece, and at the end."""
    encoder = new_encoder(audio_format, LiveFormat(rate, audio.shape[1], len(audio)))  # type: ignore[arg-type]
    step = round(piece_seconds * rate)
    pieces = [encoder.encode(pcm(audio[start : start + step])) for start in range(0, len(audio), step)]
    return [encoder.begin(), *pieces, encoder.finish()]


def ogg_granules(data: bytes) -> list[int]:
    """The end position of every page of an Ogg stream (RFC 3533, section 6), in samples of 48 kHz."""
    granules, at = [], 0
    while data[at : at + 4] == b"OggS":
        (granule,) = struct.unpack_from("<q", data, at + 6)
        segments = data[at + 26]
        granules.append(granule)
        at += 27 + segments + sum(data[at + 27 : at + 27 + segments])
    assert at == len(data)
    return granules


@FORMATS
@LAYOUTS
def test_whole_stream_decodes_to_what_went_in(audio_format: int, rate: int, channels: int) -> None:
    audio = tone(3.0, rate, channels)
    decoded, decoded_rate = decode(b"".join(encoded(audio_format, audio, rate)), NAMES[audio_format])
    assert decoded_rate == (48_000 if audio_format == OPUS else rate)
    assert decoded.shape[1] == channels
    assert len(decoded) / decoded_rate == pytest.approx(3.0, abs=0.08)
    middle = decoded[decoded_rate : 2 * decoded_rate, 0]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * decoded_rate / len(middle) == pytest.approx(440, abs=2)
    assert np.abs(middle).max() == pytest.approx(0.4, abs=0.03)


@FORMATS
def test_first_half_second_is_playable_almost_whole(audio_format: int) -> None:
    beginning = b"".join(encoded(audio_format, tone(2.0, 44_100, 2), 44_100)[:2])
    decoded, rate = decode(beginning, NAMES[audio_format])
    assert len(decoded) / rate >= {WAV: 0.5, MP3: 0.4, OPUS: 0.35}[audio_format]


@FORMATS
def test_delay_never_grows(audio_format: int) -> None:
    audio = tone(10.0, 44_100, 2)
    pieces = encoded(audio_format, audio, 44_100, piece_seconds=0.1)
    for heard in (30, 60, 90):
        decoded, rate = decode(b"".join(pieces[: heard + 1]), NAMES[audio_format])
        assert heard * 0.1 - len(decoded) / rate <= {WAV: 0.0, MP3: 0.1, OPUS: 0.2}[audio_format] + 1e-6


@LAYOUTS
def test_ogg_pages_are_half_a_second_at_most(rate: int, channels: int) -> None:
    granules = ogg_granules(b"".join(encoded(OPUS, tone(5.0, rate, channels), rate)))
    steps = np.diff(granules[1:])
    assert len(steps) >= 40
    assert steps[:-1].max() <= 0.1 * 48_000
    assert steps[-1] <= 0.5 * 48_000
    assert steps.min() >= 0


def test_mp3_has_a_constant_bit_rate() -> None:
    data = b"".join(encoded(MP3, tone(10.0, 44_100, 2), 44_100))
    at, sizes = 0, set()
    while at + 4 <= len(data):
        assert data[at] == 0xFF
        assert data[at + 1] & 0xE0 == 0xE0
        bit_rate = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320][data[at + 2] >> 4]
        sizes.add(bit_rate)
        at += 144_000 * bit_rate // 44_100 + (data[at + 2] >> 1 & 1)
    assert sizes == {192}


def test_wav_header_states_the_size_when_it_is_known() -> None:
    header = new_encoder(WAV, LiveFormat(44_100, 2, 1000)).begin()
    with soundfile.SoundFile(io.BytesIO(header + bytes(4000))) as file:
        assert (len(file), file.samplerate, file.channels, file.subtype) == (1000, 44_100, 2, "PCM_16")
    assert struct.unpack_from("<I", header, 4)[0] == 4036


def test_wav_header_says_unknown_otherwise() -> None:
    header = new_encoder(WAV, LiveFormat(32_000, 1, None)).begin()
    assert (header[4:8], header[40:44]) == (b"\xff" * 4, b"\xff" * 4)


@FORMATS
def test_stream_without_audio_ends_without_an_error(audio_format: int) -> None:
    encoder = new_encoder(audio_format, LiveFormat(44_100, 2, None))  # type: ignore[arg-type]
    encoder.begin()
    encoder.finish()


def test_other_formats_are_refused_by_name() -> None:
    for audio_format in (WAV, MP3, OPUS):
        check_format(audio_format)
    with pytest.raises(AppError, match="wav, mp3 and opus"):
        check_format(AudioFormat.AUDIO_FORMAT_FLAC)
