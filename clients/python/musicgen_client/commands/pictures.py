"""`musicgen cover`, `waveform`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from musicgen_client.commands import output
from musicgen_client.commands.options import DEFAULT_URL, Json, Url, connect

app = typer.Typer()

TrackId: TypeAlias = Annotated[str, typer.Argument(metavar="TRACK", help="A track's id.")]


@app.command()
def cover(
    track_id: TrackId,
    picture: Annotated[
        Path | None, typer.Option("--set", help="Give it this picture: PNG, JPEG or WebP, up to 10 MiB.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take its picture away; one is drawn again.")] = False,
    out: Annotated[Path | None, typer.Option("--output", "-o", help="Fetch it to this file (JPEG).")] = None,
    size: Annotated[int, typer.Option("--size", min=16, max=1280, help="Pixels a side, at least.")] = 640,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Give a track a picture, take it away, or fetch it."""
    if (picture is not None) + remove + (out is not None) != 1:
        raise typer.BadParameter("say one of --set FILE, --remove and --output FILE")
    if picture is not None and not picture.is_file():
        raise typer.BadParameter(f"there is no file {picture}")
    with connect(url) as client:
        if picture is not None:
            track = client.set_cover(track_id, picture)
            output.document({"track": track}) if json else output.note(f"{track.title or track.id} has a new cover")
        elif out is not None:
            written = client.download_cover(track_id, _file(out), size=size)
            output.document({"file": str(written)}) if json else output.line(str(written))
        else:
            client.delete_cover(track_id)
            output.document({"removed": True}) if json else output.note("its cover is drawn from its sound again")


@app.command()
def waveform(
    track_id: TrackId,
    out: Annotated[Path, typer.Option("--output", "-o", help="A .png or .svg file.")],
    width: Annotated[int, typer.Option("--width", min=64, max=4096, help="Pixels, at least.")] = 1200,
    height: Annotated[int, typer.Option("--height", min=32, max=2048, help="Pixels, at least.")] = 200,
    scheme: Annotated[str, typer.Option("--scheme", help="Colours: ember, ocean, grey or paper.")] = "ember",
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Fetch a picture of a track's waveform."""
    if out.suffix.lower() not in {".png", ".svg"}:
        raise typer.BadParameter("--output has to end in .png or .svg")
    with connect(url) as client:
        written = client.download_waveform(track_id, _file(out), width=width, height=height, scheme=scheme)
    output.document({"file": str(written)}) if json else output.line(str(written))


def _file(path: Path) -> Path:
    if path.is_dir():
        raise typer.BadParameter(f"{path} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"the folder {path.parent} does not exist")
    return path
