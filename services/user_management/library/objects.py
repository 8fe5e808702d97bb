"""Which stored objects belong to what, and which belong to nothing any more."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID

# By then the message that deletes a track's objects has done its work, or is lost.
CLEANUP_AFTER_DELETE: Final = timedelta(minutes=1)


def derivatives_prefix(object_key: str) -> str:
    """Where processing caches what it derives from an object."""
    return f"derivatives/{hashlib.sha256(object_key.encode()).hexdigest()}/"


def prefixes_of(object_keys: Iterable[str]) -> list[str]:
    """What has to be deleted with these objects: themselves, and folders (ending in "/") of their derivatives."""
    return [prefix for key in object_keys for prefix in (key, derivatives_prefix(key))]


def job_prefix(job_id: UUID) -> str:
    """Where every run of a job writes."""
    return f"jobs/{job_id}/"


def orphans(stored: Iterable[str], referred: Collection[str]) -> list[str]:
    """The objects of an ended job that no track refers to: lost attempts, live segments, deleted tracks."""
    return [key for key in stored if key not in referred]
