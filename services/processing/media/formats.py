"""The audio formats that files are written in: names, limits and what is asked of an encoder. Pure data and rules."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from protos.common.v1 import common_pb2
from services.shared.errors import AppError, FieldViolation

FormatName = Literal["wav", "flac", "mp3", "ogg", "opus", "m4a"]
BitDepth = Literal[16, 24, 32]

# MPEG-1 (32 kHz and more) and MPEG-2/2.5 layer III: ISO/IEC 11172-3 §2.4.2.3, ISO/IEC 13818-3 §2.4.2.3.
MP3_RATES_HZ: Final = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
MP3_BITRATES: Final = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
MP3_LOW_BITRATES: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
MPEG1_LOWEST_HZ: Final = 32_000

# RFC 6716 §2: the rates that Opus codes.
OPUS_RATES_HZ: Final = (8_000, 12_000, 16_000, 24_000, 48_000)

# ISO/IEC 14496-3 §1.6.3.4: the sampling frequencies that have an index, as far as masters have them.
AAC_RATES_HZ: Final = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000)

# Rates of the formats that do not take any.
_RATES_HZ: Final = {"mp3": MP3_RATES_HZ, "opus": OPUS_RATES_HZ, "m4a": AAC_RATES_HZ}

# libsndfile maps its compression level 0…1 linearly to these (mpeg_l3_encode.c: of the stream; ogg_opus.c: a channel).
_MP3_KBPS_SPAN: Final = {True: (32, 320), False: (8, 160)}
_OPUS_BPS_SPAN: Final = (6_000, 256_000)

# libvorbis: nominal bit rate of two channels at 44.1 kHz for quality 0, 0.1, … 1.0.
_VORBIS_KBPS: Final = (64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 500)

MAX_CHANNELS: Final = 8
LOSSY_MAX_CHANNELS: Final = 2


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """A container and codec. `container` and `subtype` are libsndfile's names; wav and flac choose by bit depth."""

    name: FormatName
    proto: common_pb2.AudioFormat.ValueType
    media_type: str
    container: str
    subtype: str
    lossless: bool


FORMATS: Final[dict[str, MediaFormat]] = {
    item.name: item
    for item in (
        MediaFormat("wav", common_pb2.AUDIO_FORMAT_WAV, "audio/wav", "WAV", "PCM_16", True),
        MediaFormat("flac", common_pb2.AUDIO_FORMAT_FLAC, "audio/flac", "FLAC", "PCM_24", True),
        MediaFormat("mp3", common_pb2.AUDIO_FORMAT_MP3, "audio/mpeg", "MP3", "MPEG_LAYER_III", False),
        MediaFormat("ogg", common_pb2.AUDIO_FORMAT_OGG, "audio/ogg; codecs=vorbis", "OGG", "VORBIS", False),
        MediaFormat("opus", common_pb2.AUDIO_FORMAT_OPUS, "audio/ogg; codecs=opus", "OGG", "OPUS", False),
        MediaFormat("m4a", common_pb2.AUDIO_FORMAT_M4A, "audio/mp4", "M4A", "AAC", False),
    )
}
_BY_PROTO: Final = {item.proto: item for item in FORMATS.values()}


@dataclass(frozen=True, slots=True)
class Target:
    """What to write. `sample_rate_hz` None: the source's, or the nearest above that the format has.

    `bit_depth` (16, 24, 32 = float) is for wav and flac; None: the source's, 24 at most. `bitrate` in bits a second for
    mp3, ogg and opus. 16-bit files are dithered unless the source has no more bits.
    """

    format: MediaFormat
    sample_rate_hz: int | None = None
    bit_depth: BitDepth | None = None
    bitrate: int | None = None


# What a track is offered in when nothing else is asked for.
DERIVATIVES: Final[dict[str, Target]] = {
    "wav": Target(FORMATS["wav"]),
    "flac": Target(FORMATS["flac"], bit_depth=24),
    "mp3": Target(FORMATS["mp3"], bitrate=192_000),
    "ogg": Target(FORMATS["ogg"], bitrate=192_000),
    "opus": Target(FORMATS["opus"], bitrate=160_000),
    "m4a": Target(FORMATS["m4a"], bitrate=192_000),
}


# Files that jobs leave beside audio.
_MEDIA_TYPES: Final = {
    "mid": "audio/midi",
    "musicxml": "application/vnd.recordare.musicxml+xml",
    "mxl": "application/vnd.recordare.musicxml",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "csv": "text/csv; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
}


def media_type_of(name: str) -> str:
    """The media type of a file by its ending; `application/octet-stream` for an unknown one."""
    ending = name.rpartition(".")[2].lower()
    if ending in FORMATS:
        return FORMATS[ending].media_type
    return _MEDIA_TYPES.get(ending, "application/octet-stream")


def format_of(proto: common_pb2.AudioFormat.ValueType) -> MediaFormat:
    """The format of a wire value. Raises VALIDATION for none."""
    found = _BY_PROTO.get(proto)
    if found is None:
        raise AppError.field("/format", f"Choose one of {', '.join(FORMATS)}.")
    return found


def violations_of(target: Target) -> list[FieldViolation]:
    """What of a target its format does not offer, each with what it does."""
    found: list[FieldViolation] = []
    name, rate = target.format.name, target.sample_rate_hz
    if target.bit_depth is not None and not target.format.lossless:
        found.append(FieldViolation("/bit_depth", f"{name} has no bit depth; leave it out, or choose wav or flac."))
    elif name == "flac" and target.bit_depth not in (None, 16, 24):
        found.append(FieldViolation("/bit_depth", "flac holds 16 or 24 bits; choose wav for 32."))
    if target.bitrate is not None and target.format.lossless:
        found.append(
            FieldViolation("/bitrate", f"{name} has no bit rate; leave it out, or choose mp3, ogg, opus or m4a.")
        )
    allowed = _RATES_HZ.get(name)
    if rate is not None and allowed is not None and rate not in allowed:
        found.append(FieldViolation("/sample_rate", f"{name} has {_listed(allowed)} Hz."))
    elif target.bitrate is not None and name == "mp3":
        found.extend(_mp3_bitrate(target.bitrate, rate))
    return found


def _mp3_bitrate(bitrate: int, rate: int | None) -> list[FieldViolation]:
    kbps = MP3_BITRATES if rate is None or rate >= MPEG1_LOWEST_HZ else MP3_LOW_BITRATES
    if bitrate in {value * 1000 for value in kbps}:
        return []
    return [FieldViolation("/bitrate", f"mp3 has {_listed(kbps)} thousand bits a second at this sample rate.")]


def _listed(values: tuple[int, ...]) -> str:
    return f"{', '.join(str(value) for value in values[:-1])} or {values[-1]}"


def output_rate_hz(target: Target, source_rate_hz: int) -> int:
    """The sample rate to write: the asked one, the source's, or the lowest of the format that loses nothing."""
    if target.sample_rate_hz is not None:
        return target.sample_rate_hz
    allowed = _RATES_HZ.get(target.format.name)
    if target.format.name == "opus":
        return OPUS_RATES_HZ[-1]  # what every Opus decoder answers with; lower rates are only a hint
    if allowed is None or source_rate_hz in allowed:
        return source_rate_hz
    return min((rate for rate in allowed if rate >= source_rate_hz), default=allowed[-1])


def subtype_of(target: Target) -> str:
    """libsndfile's name of the sample format."""
    if not target.format.lossless or target.bit_depth is None:
        return target.format.subtype
    return {16: "PCM_16", 24: "PCM_24", 32: "FLOAT"}[target.bit_depth]


def compression_level(target: Target, rate_hz: int, channels: int) -> float | None:
    """libsndfile's 0…1 (0 is the best sound) for the bit rate; None where the format has none."""
    if target.bitrate is None or target.format.lossless:
        return None
    kbps = target.bitrate / 1000
    if target.format.name == "mp3":
        lowest, highest = _MP3_KBPS_SPAN[rate_hz >= MPEG1_LOWEST_HZ]
        return _clamped((highest - kbps) / (highest - lowest))
    if target.format.name == "opus":
        low, high = _OPUS_BPS_SPAN
        return _clamped((high - target.bitrate / channels) / (high - low))
    # The table is for stereo at 44.1 kHz; libvorbis scales about linearly with rate and channels.
    nominal = kbps * (2 / channels) * (44_100 / rate_hz)
    return _clamped(1.0 - _vorbis_quality(nominal))


def _vorbis_quality(kbps: float) -> float:
    if kbps <= _VORBIS_KBPS[0]:
        return 0.0
    for step, (low, high) in enumerate(pairwise(_VORBIS_KBPS)):
        if kbps <= high:
            return (step + (kbps - low) / (high - low)) / 10
    return 1.0


def _clamped(level: float) -> float:
    # libsndfile refuses 1.0 itself for some codecs.
    return min(0.999, max(0.0, level)) if math.isfinite(level) else 0.5
