"""`musicgen upload`, `separate`, `mix`, `master`, `transcribe`, `analyze`, `convert`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias, cast

import typer

from musicgen_client.commands import output
from musicgen_client.commands.options import DEFAULT_URL, Json, Url, connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from musicgen_client.calls.library import AudioFormat
    from musicgen_client.client import Client
    from musicgen_client.models import Job

app = typer.Typer()

Source: TypeAlias = Annotated[
    str, typer.Argument(metavar="TRACK", help="A track's id, or a file, which is sent first.")
]
Ask: TypeAlias = "Callable[[Client, str], Job]"
Output: TypeAlias = Annotated[
    Path | None, typer.Option("--output", "-o", help="A file, whose ending says what is wanted, or a folder for all.")
]
Wait: TypeAlias = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the result and fetch it.")]


@app.command()
def upload(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="WAV, FLAC, AIFF, MP3, Ogg, Opus or, where the server can, M4A.")
    ],
    title: Annotated[str | None, typer.Option("--title", help="The track's name; the file's if not said.")] = None,
    wait: Wait = True,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Send an audio file; it becomes a track of yours."""
    from musicgen_client.commands.sources import send

    if not file.is_file():
        raise typer.BadParameter(f"there is no file {file}")
    with connect(url) as client:
        finish(client, send(client, file, title=title, quiet=json), None, wait=wait, json=json)


@app.command()
def separate(
    track: Source,
    model: Annotated[str | None, typer.Option("--model", "-m", help="spleeter-2stems, htdemucs, …")] = None,
    stems: Annotated[str | None, typer.Option("--stems", help="Only these, with commas: vocals,drums.")] = None,
    residual: Annotated[
        str | None, typer.Option("--residual", help="Sound that no stem holds: fold (into the rest), stem or drop.")
    ] = None,
    karaoke: Annotated[bool, typer.Option("--karaoke", help="One track without the vocals.")] = False,
    guide_vocals_db: Annotated[
        float | None, typer.Option("--guide-vocals", help="Vocals that stay in a karaoke track, in dB: -60 to 0.")
    ] = None,
    out: Output = None,
    wait: Wait = True,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Take a song apart into stems."""
    from musicgen_client.calls.call import given

    if guide_vocals_db is not None and not karaoke:
        raise typer.BadParameter("--guide-vocals needs --karaoke")
    options = given(preset="karaoke" if karaoke else None, residual=residual, guide_vocals_db=guide_vocals_db)
    names = [name.strip() for name in stems.split(",")] if stems else None

    def ask(client: Client, track_id: str) -> Job:
        return client.separate(track_id, model=model, stems=names, options=options)

    _shape(track, ask, out, wait=wait, url=url, json=json)


@app.command()
def mix(
    session: Annotated[
        str, typer.Argument(metavar="SESSION", help="A session, as YAML or JSON; or the id of a track that was mixed.")
    ],
    save: Annotated[
        Path | None, typer.Option("--save", help="Write the session of a mixed track here, and render nothing.")
    ] = None,
    out: Output = None,
    wait: Wait = True,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Render a session. Its tracks name tracks of the library (track_id) or files (file), which are sent first.

    A mixed track keeps its session: its id renders that again, and --save makes a file of it to change.
    """
    from musicgen_client.commands.sources import (
        check_output,
        is_file_name,
        read_session,
        session_of,
        with_files_sent,
        write_session,
    )

    if out is not None and not wait:
        raise typer.BadParameter("--no-wait fetches nothing: leave out --output")
    if is_file_name(session):
        if save is not None:
            raise typer.BadParameter("--save takes the session of a track: give the id of one that was mixed")
        path = Path(session)
        body = read_session(path)
        out = check_output(out)
        with connect(url) as client:
            body = with_files_sent(client, body, path.parent, quiet=json)
            finish(client, client.mix(body), out, wait=wait, json=json)
        return
    out = check_output(out)
    with connect(url) as client:
        body = session_of(client, session)
        if save is not None:
            write_session(save, body)
            return
        finish(client, client.mix(body), out, wait=wait, json=json)


@app.command()
def master(
    track: Source,
    preset: Annotated[str | None, typer.Option("--preset", "-p", help="streaming, loud, club, podcast, …")] = None,
    target_lufs: Annotated[float | None, typer.Option("--lufs", help="Integrated loudness to reach.")] = None,
    true_peak_dbtp: Annotated[float | None, typer.Option("--true-peak", help="The ceiling, in dBTP.")] = None,
    reference: Annotated[
        str | None, typer.Option("--reference", "-r", metavar="TRACK", help="A track or file to sound like.")
    ] = None,
    out: Output = None,
    wait: Wait = True,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Bring a track to its loudness."""
    from musicgen_client.commands.sources import track_of

    def ask(client: Client, track_id: str) -> Job:
        return client.master(
            track_id,
            preset=preset,
            target_lufs=target_lufs,
            true_peak_dbtp=true_peak_dbtp,
            reference_track_id=track_of(client, reference, quiet=json) if reference else None,
        )

    _shape(track, ask, out, wait=wait, url=url, json=json)


@app.command()
def transcribe(
    track: Source,
    stem: Annotated[str | None, typer.Option("--stem", help="Only this part of the track.")] = None,
    instrument: Annotated[str | None, typer.Option("--instrument", help="auto, pitched or drums.")] = None,
    grid: Annotated[str | None, typer.Option("--quantize", "-q", help="Move notes to a grid: 1/16, 1/8, …")] = None,
    strength: Annotated[
        float | None, typer.Option("--strength", min=0, max=1, help="How far notes go: 1 is onto the grid.")
    ] = None,
    swing: Annotated[float | None, typer.Option("--swing", min=0, max=1, help="Of the grid.")] = None,
    triplets: Annotated[
        bool | None, typer.Option("--triplets", help="The triplets of the grid count too.", show_default=False)
    ] = None,
    ends: Annotated[bool | None, typer.Option("--ends", help="Move the ends of notes too.", show_default=False)] = None,
    bpm: Annotated[float | None, typer.Option("--bpm", help="The tempo, if you know it.")] = None,
    bends: Annotated[bool | None, typer.Option("--bends/--no-bends", help="Write pitch bends, or not.")] = None,
    musicxml: Annotated[bool | None, typer.Option("--score/--no-score", help="Write MusicXML too, or not.")] = None,
    out: Output = None,
    wait: Wait = True,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Write a track's notes down as MIDI."""
    from musicgen_client.calls.call import given

    how = given(strength=strength, swing=swing, triplets=triplets, ends=ends)
    if how and grid is None:
        raise typer.BadParameter(f"--{next(iter(how))} needs --quantize")
    quantize = {"grid": grid, **how} if grid is not None else None
    options = given(instrument=instrument, bpm=bpm, bends=bends, musicxml=musicxml)

    def ask(client: Client, track_id: str) -> Job:
        return client.transcribe(track_id, stem=stem, quantize=quantize, options=options)

    _shape(track, ask, out, wait=wait, url=url, json=json)


@app.command()
def analyze(
    track: Source,
    features: Annotated[str | None, typer.Option("--features", help="Only these, with commas: tempo,key.")] = None,
    scheme: Annotated[str | None, typer.Option("--scheme", help="Colours of the pictures: ember, ocean, …")] = None,
    out: Output = None,
    wait: Wait = True,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Find a track's tempo, beats, key, chords, sections, loudness and spectrum."""
    names = [name.strip() for name in features.split(",")] if features else None

    def ask(client: Client, track_id: str) -> Job:
        return client.analyze(track_id, features=names, scheme=scheme)

    _shape(track, ask, out, wait=wait, url=url, json=json)


@app.command()
def convert(
    track: Source,
    format_name: Annotated[
        str | None, typer.Option("--format", "-f", help="wav, flac, mp3, ogg, opus or, where the server can, m4a.")
    ] = None,
    sample_rate: Annotated[int | None, typer.Option("--rate", help="Hertz.")] = None,
    bit_depth: Annotated[
        int | None, typer.Option("--bits", help="16, 24 or 32, for wav and flac; else the track's.")
    ] = None,
    bitrate: Annotated[int | None, typer.Option("--bitrate", help="Bits a second, for mp3, ogg, opus and m4a.")] = None,
    out: Output = None,
    wait: Wait = True,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Make a file of a track in another form."""
    ending = out.suffix.lstrip(".").lower() if out is not None and not out.is_dir() else ""
    if format_name and ending and format_name != ending:
        raise typer.BadParameter(f"--format {format_name} makes no .{ending} file")
    name = cast("AudioFormat", format_name or ending or "wav")

    def ask(client: Client, track_id: str) -> Job:
        return client.convert(track_id, name, sample_rate=sample_rate, bit_depth=bit_depth, bitrate=bitrate)

    _shape(track, ask, out, wait=wait, url=url, json=json, named=True)


def _shape(track: str, ask: Ask, out: Path | None, *, wait: bool, url: str, json: bool, named: bool = False) -> None:
    """Send the file if it is one, ask for the job, and finish; `named`: what it leaves is called as the track is."""
    from musicgen_client.commands.sources import check_output, track_of

    if out is not None and not wait:
        raise typer.BadParameter("--no-wait fetches nothing: leave out --output")
    out = check_output(out)
    with connect(url) as client:
        track_id = track_of(client, track, quiet=json)
        job = ask(client, track_id)
        finish(client, job, out, wait=wait, json=json, named_after=track_id if named else None)


def finish(
    client: Client, job: Job, out: Path | None, *, wait: bool, json: bool, named_after: str | None = None
) -> None:
    """Follow a job, fetch what it made, and say what that is. Files may be called as the track `named_after` is."""
    from musicgen_client.commands.sources import deliver, follow

    if not wait:
        output.document({"job": job}) if json else output.line(job.id)
        return
    job = follow(client, job, quiet=json)
    tracks = [client.track(track_id) for track_id in job.track_ids]
    title = client.track(named_after).title if named_after and (out is None or out.is_dir()) else ""
    written = deliver(client, job, tracks, out, title=title or "")
    if json:
        output.document({"job": job, "tracks": tracks, "files": [str(path) for path in written]})
        return
    for said in (job.result.model_extra or {}).get("notes", []) if job.result else []:
        output.note(str(said))
    for found in tracks:
        output.line(f"track {found.id} {found.title}")
    for path in written:
        output.line(str(path))
    if not tracks and not written:
        result = job.result.model_dump(mode="json", exclude={"track_ids", "files"}) if job.result else {}
        output.document(result)
