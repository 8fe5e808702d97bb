"""Who may hear a track: the conditions that every query of other people's tracks has to hold.

They need the owner's row of `users` joined.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_

from services.user_management.accounts.tables import users
from services.user_management.library.tables import tracks


def in_public() -> ColumnElement[bool]:
    """What everybody may hear: published, not thrown away, not hidden by moderators, its owner not shut out."""
    return and_(
        tracks.c.public, tracks.c.deleted_at.is_(None), tracks.c.hidden_at.is_(None), users.c.suspended_at.is_(None)
    )


def heard_by(viewer_id: UUID) -> ColumnElement[bool]:
    """What the viewer may hear: their own and what is in public. What lies in the trash nobody hears."""
    return or_(and_(tracks.c.owner_id == viewer_id, tracks.c.deleted_at.is_(None)), in_public())
