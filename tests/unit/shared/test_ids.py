"""Ids sort by the time at which they were made."""

from __future__ import annotations

import uuid

from services.shared.ids import new_id


def test_ids_are_version_seven_unique_and_ascending() -> None:
    ids = [new_id() for _ in range(2_000)]
    assert {uuid.UUID(text).version for text in ids} == {7}
    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids)
