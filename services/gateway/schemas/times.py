"""Times on the wire and in JSON."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp


def to_datetime(timestamp: Timestamp) -> datetime:
    """A protobuf timestamp as an aware UTC time."""
    return timestamp.ToDatetime(tzinfo=UTC)


def optional_datetime(message: Message, field: str) -> datetime | None:
    """The time in `field`, or None when it is not set."""
    return to_datetime(getattr(message, field)) if message.HasField(field) else None
