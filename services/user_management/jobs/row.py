"""A job between the rules' type and its row in table `jobs`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from sqlalchemy import Row

from services.user_management.jobs.rules import Job, Status

COLUMNS: Final = tuple(field.name for field in fields(Job))


def job_from_row(row: Row[Any]) -> Job:
    """The job of a row that holds every column of `jobs`."""
    values = dict(row._mapping)
    values["status"] = Status(values["status"])
    values["track_ids"] = tuple(values["track_ids"])
    return Job(**{name: values[name] for name in COLUMNS})


def stored(name: str, value: Any) -> Any:
    """A field's value as its column takes it."""
    if name == "status":
        return value.value
    return list(value) if name == "track_ids" else value
