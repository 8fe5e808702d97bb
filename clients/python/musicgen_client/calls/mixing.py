"""Mixes: sessions that are worked on, and their versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from musicgen_client.calls.call import READ_JOB, Call, given, once, path_to, read_nothing, reader_of, unless_edited
from musicgen_client.collections import Mix, MixVersion
from musicgen_client.models import Job, Page

READ_MIX: Final = reader_of(Mix)
READ_VERSION: Final = reader_of(MixVersion)


def mixes(*, limit: int = 20, cursor: str | None = None) -> Call[Page[Mix]]:
    """Your mixes, newest first."""
    params: dict[str, Any] = given(limit=str(limit), cursor=cursor)
    return Call("GET", path_to("mixes"), reader_of(Page[Mix]), params=params)


def create_mix(
    title: str, session: Mapping[str, Any], *, note: str | None = None, idempotency_key: str | None = None
) -> Call[Mix]:
    """Keep a session as the first version of a new mix."""
    body: dict[str, Any] = {"title": title, "session": dict(session), **given(note=note)}
    return Call("POST", path_to("mixes"), READ_MIX, body=body, headers=once(idempotency_key))


def saved_mix(mix_id: str) -> Call[Mix]:
    """One mix; its sessions are its versions."""
    return Call("GET", path_to("mixes", mix_id), READ_MIX)


def delete_mix(mix_id: str, *, if_match: str | None = None) -> Call[None]:
    """Remove a mix with all its versions; tracks that were rendered of it stay.

    With `if_match` only while its `etag` still holds.
    """
    return Call("DELETE", path_to("mixes", mix_id), read_nothing, headers=unless_edited(if_match))


def save_mix_version(
    mix_id: str,
    session: Mapping[str, Any],
    *,
    note: str | None = None,
    base_version: int | None = None,
    if_match: str | None = None,
) -> Call[MixVersion]:
    """Keep a changed session as the newest version; 409 when `base_version` is not the newest any more.

    With `if_match` only while the mix's `etag` still holds.
    """
    body: dict[str, Any] = {"session": dict(session), **given(note=note), **given(base_version=base_version)}
    path = path_to("mixes", mix_id, "versions")
    return Call("POST", path, READ_VERSION, body=body, headers=unless_edited(if_match))


def mix_versions(mix_id: str, *, limit: int = 20, cursor: str | None = None) -> Call[Page[MixVersion]]:
    """The versions of a mix, newest first, without their sessions."""
    params: dict[str, Any] = given(limit=str(limit), cursor=cursor)
    return Call("GET", path_to("mixes", mix_id, "versions"), reader_of(Page[MixVersion]), params=params)


def mix_version(mix_id: str, number: int) -> Call[MixVersion]:
    """One version with its session."""
    return Call("GET", path_to("mixes", mix_id, "versions", str(number)), READ_VERSION)


def restore_mix_version(mix_id: str, number: int) -> Call[MixVersion]:
    """Make an older session the newest version."""
    return Call("POST", path_to("mixes", mix_id, "versions", str(number), "restore"), READ_VERSION)


def render_mix_version(mix_id: str, number: int, *, idempotency_key: str | None = None) -> Call[Job]:
    """Render a version; the job's track is its sound."""
    path = path_to("mixes", mix_id, "versions", str(number), "render")
    return Call("POST", path, READ_JOB, headers=once(idempotency_key))
