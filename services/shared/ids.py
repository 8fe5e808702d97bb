"""Identifiers: UUIDv7 (RFC 9562), so that ids sort by the time at which they were made."""

from __future__ import annotations

import uuid_utils


def new_id() -> str:
    """A new UUIDv7 in its canonical text form; ascending within a process."""
    return str(uuid_utils.uuid7())
