"""Social life between its types and `musicgen.users.v1`."""

from __future__ import annotations

from protos.users.v1 import social_pb2
from services.shared.errors import AppError
from services.user_management.social.person import Circle, Comment, Person, Tie
from services.user_management.wire import timestamp

_TIES = {
    social_pb2.TIE_FOLLOW: Tie.FOLLOW,
    social_pb2.TIE_BLOCK: Tie.BLOCK,
    social_pb2.TIE_MUTE: Tie.MUTE,
}
_CIRCLES = {
    social_pb2.CIRCLE_FOLLOWERS: Circle.FOLLOWERS,
    social_pb2.CIRCLE_FOLLOWING: Circle.FOLLOWING,
    social_pb2.CIRCLE_BLOCKED: Circle.BLOCKED,
    social_pb2.CIRCLE_MUTED: Circle.MUTED,
}


def tie_of(value: social_pb2.Tie.ValueType) -> Tie:
    """Which tie is meant. Raises `AppError` (VALIDATION)."""
    found = _TIES.get(value)
    if found is None:
        raise AppError.field("/tie", "There is no such tie.")
    return found


def circle_of(value: social_pb2.Circle.ValueType) -> Circle:
    """Which circle is meant. Raises `AppError` (VALIDATION)."""
    found = _CIRCLES.get(value)
    if found is None:
        raise AppError.field("/circle", "There is no such circle.")
    return found


def profile_message(person: Person) -> social_pb2.Profile:
    """The wire form of a person."""
    return social_pb2.Profile(
        id=str(person.id),
        username=person.username,
        display_name=person.display_name,
        bio=person.bio,
        links=person.links,
        created_at=timestamp(person.created_at),
        followers=person.followers,
        following=person.following,
        tracks=person.tracks,
        followed=person.followed,
        follows_caller=person.follows_viewer,
        blocked=person.blocked,
        muted=person.muted,
    )


def comment_message(comment: Comment) -> social_pb2.Comment:
    """The wire form of a comment."""
    return social_pb2.Comment(
        id=str(comment.id),
        track_id=str(comment.track_id),
        author_id=str(comment.author_id),
        author_username=comment.author_username,
        author_display_name=comment.author_display_name,
        body=comment.body,
        position_seconds=comment.position_seconds,
        created_at=timestamp(comment.created_at),
        edited_at=timestamp(comment.edited_at),
    )
