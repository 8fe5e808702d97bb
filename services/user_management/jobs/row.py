"""A job between the rules' type and its row in table `jobs`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from sqlalchemy import Row

from services.user_management.jobs.rules import Job, Status
from services.user_management.prepared import Found

COLUMNS: Final = tuple(field.name for field in fields(Job))


def job_from_row(row: Row[Any] | Found) -> Job:
    """The job of a row that holds every column of `jobs`."""
    values = row._mapping
    known = {name: values[name] for name in COLUMNS}
    known["status"] = Status(known["status"])
    known["track_ids"] = tuple(known["track_ids"])
    return Job(**known)


def stored(name: str, value: Any) -> Any:
    """A field's value as its column takes it."""
    if name == "status":
        return value.value
    return list(value) if name == "track_ids" else value
