"""A job between the rules' type and its row in table `jobs`."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, Final

from sqlalchemy import Row

from services.shared.errors import FieldViolation
from services.user_management.jobs.rules import Job, Status
from services.user_management.prepared import Found

COLUMNS: Final = tuple(field.name for field in fields(Job))


def job_from_row(row: Row[Any] | Found) -> Job:
    """The job of a row that holds every column of `jobs`."""
    values = row._mapping
    known = {name: values[name] for name in COLUMNS}
    known["status"] = Status(known["status"])
    known["track_ids"] = tuple(known["track_ids"])
    known["error_violations"] = tuple(FieldViolation(**item) for item in known["error_violations"])
    return Job(**known)


def stored(name: str, value: Any) -> Any:
    """A field's value as its column takes it."""
    if name == "status":
        return value.value
    if name == "error_violations":
        return [asdict(item) for item in value]
    return list(value) if name == "track_ids" else value
