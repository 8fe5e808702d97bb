"""Other people: profiles, ties, likes, comments, finding, notifications."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from musicgen_client.calls.call import Call, given, once, path_to, read_nothing, reader_of, unless_edited
from musicgen_client.calls.library import READ_TRACKS
from musicgen_client.models import (
    Comment,
    LikeState,
    NotificationPage,
    NotificationPreferences,
    Page,
    Profile,
    SearchHit,
    Track,
    TrendingTag,
    Unread,
)

CommentSort = Literal["newest", "position"]
ExploreSort = Literal["trending", "new"]
SearchType = Literal["tracks", "users"]
Digest = Literal["off", "daily", "weekly"]

_READ_PEOPLE = reader_of(Page[Profile])


def _page(limit: int, cursor: str | None) -> dict[str, Any]:
    return given(limit=str(limit), cursor=cursor)


def profile(username: str) -> Call[Profile]:
    """One person, as others see them; "me" is yourself."""
    return Call("GET", path_to("users", username), reader_of(Profile))


def follow(username: str) -> Call[None]:
    """Follow a person: their public tracks come to your feed."""
    return Call("PUT", path_to("users", username, "follow"), read_nothing)


def unfollow(username: str) -> Call[None]:
    """Follow a person no longer."""
    return Call("DELETE", path_to("users", username, "follow"), read_nothing)


def block(username: str) -> Call[None]:
    """Block a person: they see nothing of you and do nothing to you."""
    return Call("PUT", path_to("users", username, "block"), read_nothing)


def unblock(username: str) -> Call[None]:
    """Block a person no longer."""
    return Call("DELETE", path_to("users", username, "block"), read_nothing)


def mute(username: str) -> Call[None]:
    """Mute a person: they stay out of your feed and notifications."""
    return Call("PUT", path_to("users", username, "mute"), read_nothing)


def unmute(username: str) -> Call[None]:
    """Mute a person no longer."""
    return Call("DELETE", path_to("users", username, "mute"), read_nothing)


def followers(username: str = "me", *, limit: int = 20, cursor: str | None = None) -> Call[Page[Profile]]:
    """Who follows a person, latest first."""
    return Call("GET", path_to("users", username, "followers"), _READ_PEOPLE, params=_page(limit, cursor))


def following(username: str = "me", *, limit: int = 20, cursor: str | None = None) -> Call[Page[Profile]]:
    """Whom a person follows, latest first."""
    return Call("GET", path_to("users", username, "following"), _READ_PEOPLE, params=_page(limit, cursor))


def blocked(*, limit: int = 20, cursor: str | None = None) -> Call[Page[Profile]]:
    """Whom you block, latest first."""
    return Call("GET", path_to("users", "me", "blocked"), _READ_PEOPLE, params=_page(limit, cursor))


def muted(*, limit: int = 20, cursor: str | None = None) -> Call[Page[Profile]]:
    """Whom you mute, latest first."""
    return Call("GET", path_to("users", "me", "muted"), _READ_PEOPLE, params=_page(limit, cursor))


def tracks_of(username: str, *, limit: int = 20, cursor: str | None = None) -> Call[Page[Track]]:
    """A person's public tracks, latest first."""
    return Call("GET", path_to("users", username, "tracks"), READ_TRACKS, params=_page(limit, cursor))


def like(track_id: str) -> Call[LikeState]:
    """Like a track."""
    return Call("PUT", path_to("tracks", track_id, "like"), reader_of(LikeState))


def unlike(track_id: str) -> Call[LikeState]:
    """Like a track no longer."""
    return Call("DELETE", path_to("tracks", track_id, "like"), reader_of(LikeState))


def liked_tracks(*, limit: int = 20, cursor: str | None = None) -> Call[Page[Track]]:
    """What you like, latest first."""
    return Call("GET", path_to("users", "me", "likes"), READ_TRACKS, params=_page(limit, cursor))


def comments(
    track_id: str, *, sort: CommentSort | None = None, limit: int = 20, cursor: str | None = None
) -> Call[Page[Comment]]:
    """What people said about a track, newest first; by "position" along the track."""
    params = _page(limit, cursor) | given(sort=sort)
    return Call("GET", path_to("tracks", track_id, "comments"), reader_of(Page[Comment]), params=params)


def comment(
    track_id: str, body: str, *, position: float | None = None, idempotency_key: str | None = None
) -> Call[Comment]:
    """Say something about a track, as a whole or at a place of it (in seconds)."""
    return Call(
        "POST",
        path_to("tracks", track_id, "comments"),
        reader_of(Comment),
        body={"body": body, **given(position=position)},
        headers=once(idempotency_key),
    )


def edit_comment(track_id: str, comment_id: str, body: str) -> Call[Comment]:
    """Change what you said."""
    path = path_to("tracks", track_id, "comments", comment_id)
    return Call("PATCH", path, reader_of(Comment), body={"body": body})


def remove_comment(track_id: str, comment_id: str) -> Call[None]:
    """Remove what you said, or what somebody said about your track."""
    return Call("DELETE", path_to("tracks", track_id, "comments", comment_id), read_nothing)


def feed(*, limit: int = 20, cursor: str | None = None) -> Call[Page[Track]]:
    """Tracks of the people whom you follow, latest first."""
    return Call("GET", path_to("feed"), READ_TRACKS, params=_page(limit, cursor))


def explore(
    *, sort: ExploreSort | None = None, tags: Sequence[str] = (), limit: int = 20, cursor: str | None = None
) -> Call[Page[Track]]:
    """Everybody's public tracks: those that trend, or the new ones."""
    params: dict[str, Any] = _page(limit, cursor) | given(sort=sort)
    if tags:
        params["tag"] = list(tags)
    return Call("GET", path_to("explore"), READ_TRACKS, params=params)


def trending_tags(*, limit: int = 20) -> Call[Page[TrendingTag]]:
    """The tags of what is liked most these days, commonest first."""
    return Call("GET", path_to("explore", "tags"), reader_of(Page[TrendingTag]), params=given(limit=str(limit)))


def search(
    query: str,
    *,
    type: SearchType = "tracks",  # noqa: A002 — the API's word
    tags: Sequence[str] = (),
    limit: int = 20,
    cursor: str | None = None,
) -> Call[Page[SearchHit]]:
    """Public tracks or people by words, best first; every word is a beginning."""
    params: dict[str, Any] = {"q": query, "type": type, **_page(limit, cursor)}
    if tags:
        params["tag"] = list(tags)
    return Call("GET", path_to("search"), reader_of(Page[SearchHit]), params=params)


def notifications(*, unread: bool = False, limit: int = 20, cursor: str | None = None) -> Call[NotificationPage]:
    """What you were told, latest first."""
    params = _page(limit, cursor) | ({"unread": "true"} if unread else {})
    return Call("GET", path_to("notifications"), reader_of(NotificationPage), params=params)


def unread_notifications() -> Call[Unread]:
    """How many notifications are unread."""
    return Call("GET", path_to("notifications", "unread"), reader_of(Unread))


def mark_read(ids: Sequence[str] | None = None) -> Call[Unread]:
    """Mark notifications as read; without `ids` all of them."""
    body = {} if ids is None else {"ids": list(ids)}
    return Call("POST", path_to("notifications", "read"), reader_of(Unread), body=body)


def notification_preferences() -> Call[NotificationPreferences]:
    """What you want to be told of."""
    return Call("GET", path_to("notifications", "preferences"), reader_of(NotificationPreferences))


def update_notification_preferences(
    *,
    follow: bool | None = None,
    like: bool | None = None,
    comment: bool | None = None,
    invitation: bool | None = None,
    digest: Digest | None = None,
    if_match: str | None = None,
) -> Call[NotificationPreferences]:
    """Change what you want to be told of, and how often by mail.

    With `if_match` only while the `etag` of these still holds.
    """
    body: dict[str, Any] = given(follow=follow, like=like, comment=comment, invitation=invitation)
    body |= given(digest=digest)
    path, read = path_to("notifications", "preferences"), reader_of(NotificationPreferences)
    return Call("PATCH", path, read, body=body, headers=unless_edited(if_match))


def unsubscribe(token: str) -> Call[None]:
    """End the mails that sum up what you missed, by the token of the link in one of them."""
    path = path_to("notifications", "unsubscribe")
    return Call("POST", path, read_nothing, params={"token": token}, signed=False)
