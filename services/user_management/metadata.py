"""The one catalogue of tables. Each noun's `tables.py` adds its own; migrations and models are compared in a test."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import DateTime, MetaData, Uuid
from sqlalchemy.types import TypeEngine

metadata: Final = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)

INSTANT: Final[TypeEngine[datetime]] = DateTime(timezone=True)
ID: Final[TypeEngine[UUID]] = Uuid()
