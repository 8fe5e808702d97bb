"""The audio formats that clients can ask for, and what each is on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from protos.common.v1 import common_pb2


class TrackFormat(StrEnum):
    """Formats of finished audio."""

    WAV = "wav"
    FLAC = "flac"
    MP3 = "mp3"
    OGG = "ogg"
    OPUS = "opus"
    M4A = "m4a"


class StreamFormat(StrEnum):
    """Formats of live audio."""

    WAV = "wav"
    MP3 = "mp3"
    OPUS = "opus"


@dataclass(frozen=True, slots=True)
class WireFormat:
    """A format as the services, HTTP and file names know it."""

    proto: common_pb2.AudioFormat.ValueType
    media_type: str
    extension: str


# Opus lies in Ogg here; the codecs parameter tells players so (RFC 7845 §9).
WIRE_FORMATS: dict[str, WireFormat] = {
    "wav": WireFormat(common_pb2.AUDIO_FORMAT_WAV, "audio/wav", "wav"),
    "flac": WireFormat(common_pb2.AUDIO_FORMAT_FLAC, "audio/flac", "flac"),
    "mp3": WireFormat(common_pb2.AUDIO_FORMAT_MP3, "audio/mpeg", "mp3"),
    "ogg": WireFormat(common_pb2.AUDIO_FORMAT_OGG, "audio/ogg; codecs=vorbis", "ogg"),
    "opus": WireFormat(common_pb2.AUDIO_FORMAT_OPUS, "audio/ogg; codecs=opus", "opus"),
    "m4a": WireFormat(common_pb2.AUDIO_FORMAT_M4A, "audio/mp4", "m4a"),
}
