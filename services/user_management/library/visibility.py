"""Who may hear a track: the conditions that every query of other people's tracks has to hold.

They need the owner's row of `users` joined.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_

from services.user_management.accounts.tables import users
from services.user_management.library.tables import tracks
from services.user_management.prepared import person
from services.user_management.social.visibility import shuts_out


def in_public() -> ColumnElement[bool]:
    """What everybody may hear: published, not thrown away, not hidden by moderators, its owner neither shut out nor
    about to go. The same as `track_standings.listed`, which lists of everybody's tracks begin with.
    """
    return and_(
        tracks.c.public,
        tracks.c.deleted_at.is_(None),
        tracks.c.hidden_at.is_(None),
        users.c.suspended_at.is_(None),
        users.c.deletion_due_at.is_(None),
    )


def heard_by(viewer_id: UUID | ColumnElement[UUID]) -> ColumnElement[bool]:
    """What the viewer may hear: their own, and what is in public unless its owner blocks them. What lies in the trash
    nobody hears.
    """
    own = and_(tracks.c.owner_id == person(viewer_id), tracks.c.deleted_at.is_(None))
    return or_(own, and_(in_public(), ~shuts_out(tracks.c.owner_id, viewer_id)))
