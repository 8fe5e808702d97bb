"""Links that open one track for whoever holds them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from musicgen_client.calls.call import Call, given, path_to, read_nothing, reader_of
from musicgen_client.collections import NewShare, Share, SharedTrack
from musicgen_client.errors import UnexpectedAnswerError
from musicgen_client.models import Page, Waveform


def share_track(track_id: str, *, expires_in_hours: int | None = 720, password: str | None = None) -> Call[NewShare]:
    """Make a link to your track; with None as `expires_in_hours` it works until it is revoked."""
    body: dict[str, Any] = {"expires_in_hours": expires_in_hours, **given(password=password)}
    return Call("POST", path_to("tracks", track_id, "share"), reader_of(NewShare), body=body)


def shares(track_id: str) -> Call[Page[Share]]:
    """The links to your track, newest first, without their tokens."""
    return Call("GET", path_to("tracks", track_id, "shares"), reader_of(Page[Share]))


def revoke_share(track_id: str, share_id: str) -> Call[None]:
    """End a link, at once."""
    return Call("DELETE", path_to("tracks", track_id, "shares", share_id), read_nothing)


def open_share(token: str, *, password: str | None = None) -> Call[SharedTrack]:
    """What a link leads to; needs no account."""
    body: dict[str, Any] = given(token=token, password=password)
    return Call("POST", path_to("shared"), reader_of(SharedTrack), body=body, signed=False)


def shared_waveform(shared: SharedTrack, *, points: int = 1000) -> Call[Waveform]:
    """The outline of a track that a link leads to, for drawing; 16 to 8,192 points."""
    path, params = shared_link(shared, "waveform")
    return Call("GET", path, reader_of(Waveform), params={**params, "points": str(points)}, signed=False)


def shared_link(shared: SharedTrack, name: str) -> tuple[str, dict[str, str]]:
    """Path and signature of what belongs to a shared track: "audio", "cover" or "waveform".

    Raises `UnexpectedAnswerError` when there is no such link, or when it does not lead to the same server.
    """
    parts = urlsplit(shared.links.get(name, ""))
    if parts.scheme or parts.netloc or not parts.path.startswith("/"):
        raise UnexpectedAnswerError(f"the shared track has no link to its {name} on this server")
    return parts.path, dict(parse_qsl(parts.query))
