"""`musicgen tracks`, `download`, `version`."""

from __future__ import annotations

from typing import Annotated

import typer

from musicgen_client.commands import output
from musicgen_client.commands.options import (
    DEFAULT_URL,
    Cursor,
    Json,
    Limit,
    Midi,
    Output,
    Stems,
    Url,
    connect,
)

app = typer.Typer()


@app.command()
def tracks(
    limit: Limit = 20,
    cursor: Cursor = None,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """List your tracks, newest first."""
    with connect(url) as client:
        page = client.tracks(limit=limit, cursor=cursor)
    if json:
        output.document(page)
        return
    rows = [
        (track.id, track.title, output.clock(track.duration), track.model, output.when(track.created_at))
        for track in page.items
    ]
    output.table(("id", "title", "length", "model", "created"), rows, "no tracks yet: try musicgen generate")
    if page.next_cursor:
        output.note(f"more: --cursor {page.next_cursor}")


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
