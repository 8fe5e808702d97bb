"""`musicgen feed`, `explore`, `search`, `profile`, `follow`, `like`, `comment`, `notifications` and their opposites."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from musicgen_client.calls import people
from musicgen_client.calls.people import ExploreSort, SearchType
from musicgen_client.commands import output
from musicgen_client.commands.options import DEFAULT_URL, Cursor, Everything, Json, Limit, Url, connect, listed

if TYPE_CHECKING:
    from musicgen_client.models import Track

app = typer.Typer()

Name = Annotated[str, typer.Argument(metavar="NAME", help="A username.")]
TrackId = Annotated[str, typer.Argument(metavar="TRACK", help="A track's id.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag that they have; may be repeated.")]


@app.command()
def feed(
    limit: Limit = 20, cursor: Cursor = None, everything: Everything = False, url: Url = DEFAULT_URL, json: Json = False
) -> None:
    """List the tracks of the people whom you follow, latest first."""
    with connect(url) as client:
        page = listed(client, people.feed(limit=limit, cursor=cursor), everything=everything)
    if json:
        output.document(page)
        return
    _tracks(page.items, "nothing yet: try musicgen explore, and musicgen follow NAME")
    output.more(page.next_cursor)


@app.command()
def explore(
    sort: Annotated[str | None, typer.Option("--sort", help="trending or new.")] = None,
    tag: Tags = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    everything: Everything = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """List everybody's public tracks: those that trend, or the new ones."""
    orders: dict[str, ExploreSort] = {name: name for name in get_args(ExploreSort)}
    if sort is not None and sort not in orders:
        raise typer.BadParameter(f"--sort has to be one of {', '.join(orders)}, not {sort!r}")
    with connect(url) as client:
        page = listed(
            client,
            people.explore(sort=orders[sort] if sort else None, tags=tag or (), limit=limit, cursor=cursor),
            everything=everything,
        )
    if json:
        output.document(page)
        return
    _tracks(page.items, "no public tracks")
    output.more(page.next_cursor)


@app.command()
def search(
    words: Annotated[str, typer.Argument(metavar="WORDS", help="Words, each at least as a beginning.")],
    kind: Annotated[str, typer.Option("--type", help="tracks or users.")] = "tracks",
    tag: Tags = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    everything: Everything = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Find public tracks or people, best match first."""
    kinds: dict[str, SearchType] = {name: name for name in get_args(SearchType)}
    if kind not in kinds:
        raise typer.BadParameter(f"--type has to be one of {', '.join(kinds)}, not {kind!r}")
    with connect(url) as client:
        page = listed(
            client,
            people.search(words, type=kinds[kind], tags=tag or (), limit=limit, cursor=cursor),
            everything=everything,
        )
    if json:
        output.document(page)
        return
    if kind == "tracks":
        _tracks([hit.track for hit in page.items if hit.track is not None], "nothing found")
    else:
        found = [hit.user for hit in page.items if hit.user is not None]
        rows = [(one.username, one.display_name, one.followers, one.tracks) for one in found]
        output.table(("name", "called", "followers", "tracks"), rows, "nobody found")
    output.more(page.next_cursor)


@app.command()
def profile(name: Name = "me", url: Url = DEFAULT_URL, json: Json = False) -> None:
    """Show a person as others see them; without a name yourself."""
    with connect(url) as client:
        found = client.profile(name)
    if json:
        output.document(found)
        return
    output.line(f"{found.display_name} ({found.username})" if found.display_name else found.username)
    output.line(f"{found.tracks} tracks, {found.followers} followers, follows {found.following}")
    for text in (found.bio, *found.links):
        if text:
            output.line(text)


@app.command()
def follow(name: Name, url: Url = DEFAULT_URL) -> None:
    """Follow a person: their public tracks come to your feed."""
    with connect(url) as client:
        client.follow(name)
    output.note(f"you follow {name}")


@app.command()
def unfollow(name: Name, url: Url = DEFAULT_URL) -> None:
    """Follow a person no longer."""
    with connect(url) as client:
        client.unfollow(name)
    output.note(f"you do not follow {name}")


@app.command()
def like(track_id: TrackId, url: Url = DEFAULT_URL, json: Json = False) -> None:
    """Like a track."""
    with connect(url) as client:
        state = client.like(track_id)
    if json:
        output.document(state)
    else:
        output.note(f"liked by {state.likes}")


@app.command()
def unlike(track_id: TrackId, url: Url = DEFAULT_URL, json: Json = False) -> None:
    """Like a track no longer."""
    with connect(url) as client:
        state = client.unlike(track_id)
    if json:
        output.document(state)
    else:
        output.note(f"liked by {state.likes}")


@app.command()
def comment(
    track_id: TrackId,
    words: Annotated[str | None, typer.Argument(metavar="WORDS", help="What to say; without it, list.")] = None,
    at: Annotated[float | None, typer.Option("--at", min=0, help="Seconds into the track.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    everything: Everything = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Say something about a track, or list what people said."""
    with connect(url) as client:
        if words is not None:
            made = client.comment(track_id, words, position=at)
            if json:
                output.document(made)
            else:
                output.note("said")
            return
        page = listed(client, people.comments(track_id, limit=limit, cursor=cursor), everything=everything)
    if json:
        output.document(page)
        return
    rows = [
        (one.author.username, "" if one.position is None else output.clock(one.position), one.body)
        for one in page.items
    ]
    output.table(("who", "at", "said"), rows, "nobody has said anything")
    output.more(page.next_cursor)


@app.command()
def notifications(
    unread: Annotated[bool, typer.Option("--unread", help="Only those that are unread.")] = False,
    read: Annotated[bool, typer.Option("--read", help="Mark all as read instead of listing them.")] = False,
    limit: Limit = 20,
    cursor: Cursor = None,
    everything: Everything = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """List what you were told, latest first."""
    with connect(url) as client:
        if read:
            left = client.mark_read()
            if json:
                output.document(left)
            return
        page = listed(client, people.notifications(unread=unread, limit=limit, cursor=cursor), everything=everything)
    if json:
        output.document(page)
        return
    rows = [
        (
            "" if one.read_at else "new",
            output.when(one.created_at),
            one.actor.username,
            one.kind,
            one.track.title if one.track else "",
            one.comment.excerpt if one.comment else "",
        )
        for one in page.items
    ]
    output.table(("", "when", "who", "what", "track", "said"), rows, "nothing was told")
    output.more(page.next_cursor)


def _tracks(found: Sequence[Track], empty: str) -> None:
    rows = [
        (track.id, track.title, track.owner.username if track.owner else "", output.clock(track.duration), track.likes)
        for track in found
    ]
    output.table(("id", "title", "by", "length", "likes"), rows, empty)
