"""Which stored objects belong to what, and which belong to nothing any more."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

# By then the message that deletes a track's objects has done its work, or is lost.
CLEANUP_AFTER_DELETE: Final = timedelta(minutes=1)


def derivatives_prefix(object_key: str) -> str:
    """Where processing caches what it derives from an object."""
    return f"derivatives/{hashlib.sha256(object_key.encode()).hexdigest()}/"


def prefixes_of(object_keys: Iterable[str]) -> list[str]:
    """What has to be deleted with these objects: themselves, and folders (ending in "/") of their derivatives."""
    return [prefix for key in object_keys for prefix in (key, derivatives_prefix(key))]


# A job's own files (contracts.md): what belongs to no track is kept for a week.
FILES_KEPT: Final = timedelta(days=7)

# A file that was sent and that no job took: its sender, or the gateway, was gone before.
UPLOADS: Final = "uploads"
UPLOADS_KEPT: Final = timedelta(days=2)


def sources_of(request: dict[str, Any]) -> list[UUID]:
    """The tracks that a processing job was about."""
    return [UUID(source["track_id"]) for source in request.get("_sources", ())]


def files_of(result: dict[str, Any] | None) -> list[str]:
    """Where the files lie that a job made beside tracks."""
    return [str(file["object_key"]) for file in (result or {}).get("files", ())]


def files_end_at(finished_at: datetime) -> datetime:
    """Until when a job's own files are kept."""
    return finished_at + FILES_KEPT


def job_prefix(job_id: UUID) -> str:
    """Where every run of a job writes."""
    return f"jobs/{job_id}/"


def cover_folder(job_id: UUID) -> str:
    """Where the pictures lie that people give the tracks of a job."""
    return f"{job_prefix(job_id)}cover/"


# A picture is stored before its track names it: one that is young may be about to be named.
COVERS_AWAITED: Final = timedelta(minutes=10)


def orphans(stored: Iterable[str], referred: Collection[str]) -> list[str]:
    """The objects of an ended job that no track refers to: lost attempts, live segments, deleted tracks."""
    return [key for key in stored if key not in referred]
