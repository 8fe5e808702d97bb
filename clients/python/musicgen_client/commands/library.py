"""`musicgen tracks`, `download`, `delete`, `restore`, `version`."""

from __future__ import annotations

from typing import Annotated, get_args

import typer

from musicgen_client.calls import library
from musicgen_client.calls.library import TrackSort
from musicgen_client.commands import output
from musicgen_client.commands.options import (
    DEFAULT_URL,
    Cursor,
    Everything,
    Json,
    Limit,
    Midi,
    Output,
    Stems,
    Url,
    connect,
    listed,
)

app = typer.Typer()


@app.command()
def tracks(
    limit: Limit = 20,
    cursor: Cursor = None,
    everything: Everything = False,
    query: Annotated[str | None, typer.Option("--query", "-q", help="Words in title, tags or prompt.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="A tag that they have; may be repeated.")] = None,
    sort: Annotated[str | None, typer.Option("--sort", help="newest, oldest, title or relevance.")] = None,
    project: Annotated[str | None, typer.Option("--project", help="A project's id; none: in no project.")] = None,
    trashed: Annotated[bool, typer.Option("--trashed", help="What lies in the trash.")] = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """List your tracks, newest first."""
    orders: dict[str, TrackSort] = {name: name for name in get_args(TrackSort)}
    if sort is not None and sort not in orders:
        raise typer.BadParameter(f"--sort has to be one of {', '.join(orders)}, not {sort!r}")
    with connect(url) as client:
        call = library.tracks(
            limit=limit,
            cursor=cursor,
            query=query,
            tags=tag or (),
            sort=orders[sort] if sort else None,
            project_id=project,
            trashed=trashed,
        )
        page = listed(client, call, everything=everything)
    rows = [
        (track.id, track.title, output.clock(track.duration), track.model, output.when(track.created_at))
        for track in page.items
    ]
    output.page(
        page,
        ("id", "title", "length", "model", "created"),
        rows,
        "no tracks match" if query or tag or project or trashed else "no tracks yet: try musicgen generate",
        as_document=json,
    )


@app.command()
def download(
    track_id: Annotated[str, typer.Argument(metavar="TRACK", help="A track's id.")],
    out: Output = None,
    format_name: Annotated[str | None, typer.Option("--format", "-f", help="wav, flac, mp3, ogg or opus.")] = None,
    stems: Stems = None,
    midi: Midi = None,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Fetch a track, and its stems and MIDI file if asked for."""
    from musicgen_client.commands.files import fetch, wanted

    asked = wanted(out, format_name, stems, midi)
    with connect(url) as client:
        track = client.track(track_id)
        written = fetch(client, [track], asked)
    if json:
        output.document({"track": track, "files": [str(path) for path in written]})
        return
    for path in written:
        output.line(str(path))


@app.command()
def delete(
    track_id: Annotated[str, typer.Argument(metavar="TRACK", help="A track's id.")],
    forever: Annotated[bool, typer.Option("--forever", help="At once and with its files; asks first.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Put a track into the trash, from which it goes after 30 days."""
    if forever and not yes:
        typer.confirm(f"Remove {track_id} and its files for good?", abort=True)
    with connect(url) as client:
        client.delete_track(track_id, forever=forever)
    output.note("removed" if forever else f"in the trash; take it out with: musicgen restore {track_id}")


@app.command()
def restore(
    track_id: Annotated[str, typer.Argument(metavar="TRACK", help="A track's id.")],
    url: Url = DEFAULT_URL,
) -> None:
    """Take a track out of the trash."""
    with connect(url) as client:
        track = client.restore_track(track_id)
    output.note(f"{track.title or track.id} is back")


@app.command()
def version(url: Url = DEFAULT_URL, json: Json = False) -> None:
    """Show the version of this command and of the server."""
    from musicgen_client.connection import client_version
    from musicgen_client.errors import MusicGenError

    server: str | None = None
    with connect(url) as client:
        try:
            server = client.version().version
        except MusicGenError as error:
            reason = str(error)
    if json:
        output.document({"client": client_version(), "server": server, "url": url})
    else:
        output.line(f"musicgen {client_version()}")
        output.line(f"server {server} at {url}" if server else f"no server: {reason}")
