"""`musicgen generate`, `vary`, `remix`, `extend`, `jobs`, `job`, `cancel`."""

from __future__ import annotations

import math
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

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
from musicgen_client.exit_codes import ExitCode

if TYPE_CHECKING:
    from musicgen_client.calls.making import GenerateOptions, LiveFormat
    from musicgen_client.client import Client
    from musicgen_client.commands.files import Wanted
    from musicgen_client.commands.progress import JobProgress
    from musicgen_client.models import Job

app = typer.Typer()

STDOUT = Path("-")


@app.command()
def generate(
    prompt: Annotated[str, typer.Argument(help="What the music should be like.")],
    duration: Annotated[float | None, typer.Option("--duration", "-d", help="Seconds.")] = None,
    out: Output = None,
    format_name: Annotated[str | None, typer.Option("--format", "-f", help="wav, flac, mp3, ogg or opus.")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="A model's id; see musicgen models.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="The same seed makes the same song again.")] = None,
    negative_prompt: Annotated[str | None, typer.Option("--negative-prompt", help="What to keep out.")] = None,
    bpm: Annotated[float | None, typer.Option("--bpm", help="Beats a minute.")] = None,
    key: Annotated[str | None, typer.Option("--key", help='For example "A minor".')] = None,
    lyrics: Annotated[str | None, typer.Option("--lyrics", help="Words to sing, for models that can.")] = None,
    melody: Annotated[
        str | None, typer.Option("--melody", metavar="TRACK", help="Follow its melody, for models that can.")
    ] = None,
    style: Annotated[
        str | None, typer.Option("--style", metavar="TRACK", help="Play in its manner, for models that can.")
    ] = None,
    style_codebooks: Annotated[
        int | None,
        typer.Option("--style-codebooks", min=1, max=6, help="How finely the style is heard; fewer is freer."),
    ] = None,
    guidance_beta: Annotated[
        float | None, typer.Option("--guidance-beta", help="How far the words push beyond the style.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="The track's name.")] = None,
    public: Annotated[bool, typer.Option("--public", help="Let everybody hear it.")] = False,
    stems: Stems = None,
    midi: Midi = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the song and fetch it.")] = True,
    stream: Annotated[
        bool, typer.Option("--stream", help="Write the live audio while it is made (-o - for stdout).")
    ] = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Make a song and fetch it. Ctrl-C asks the server to stop."""
    _require_numbers(("--duration", duration), ("--bpm", bpm), ("--guidance-beta", guidance_beta))
    asked = _checked(out, format_name, stems, midi, wait=wait, stream=stream, json=json)
    # Here and not above: the command's help needs no HTTP.
    from musicgen_client.calls.call import given

    options = given(
        duration=duration,
        model=model,
        seed=seed,
        negative_prompt=negative_prompt,
        bpm=bpm,
        key=key,
        lyrics=lyrics,
        title=title,
        public=public or None,
        melody_id=melody,
        style_id=style,
        style_codebooks=style_codebooks,
        guidance_beta=guidance_beta,
    )
    with connect(url) as client:
        job = client.generate(prompt, **cast("GenerateOptions", options))
        _follow(client, job, asked, wait=wait, stream=stream, json=json)


@app.command()
def vary(
    track_id: Annotated[str, typer.Argument(metavar="TRACK", help="A song of the composer.")],
    section: Annotated[
        str | None, typer.Option("--section", help="Play only this section anew, for example bridge.")
    ] = None,
    occurrence: Annotated[int, typer.Option("--occurrence", min=0, help="Which of several; 0: each.")] = 0,
    seed: Annotated[int | None, typer.Option("--seed", help="The same seed makes the same variation again.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="The track's name.")] = None,
    out: Output = None,
    format_name: Annotated[str | None, typer.Option("--format", "-f", help="wav, flac, mp3, ogg or opus.")] = None,
    stems: Stems = None,
    midi: Midi = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the song and fetch it.")] = True,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Make another version of a song: its form and harmony stay. Ctrl-C asks the server to stop."""
    asked = _checked(out, format_name, stems, midi, wait=wait, stream=False, json=json)
    with connect(url) as client:
        job = client.vary(track_id, section=section, occurrence=occurrence, seed=seed, title=title)
        _follow(client, job, asked, wait=wait, stream=False, json=json)


@app.command()
def remix(
    track_id: Annotated[str, typer.Argument(metavar="TRACK", help="A song of yours or a public one.")],
    section: Annotated[str | None, typer.Option("--section", help="Make only this section anew.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="The same seed makes the same remix again.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="The track's name.")] = None,
    public: Annotated[bool, typer.Option("--public", help="Let everybody hear it.")] = False,
    out: Output = None,
    format_name: Annotated[str | None, typer.Option("--format", "-f", help="wav, flac, mp3, ogg or opus.")] = None,
    stems: Stems = None,
    midi: Midi = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the song and fetch it.")] = True,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Make a song after somebody's: the remix names them. Ctrl-C asks the server to stop."""
    asked = _checked(out, format_name, stems, midi, wait=wait, stream=False, json=json)
    with connect(url) as client:
        job = client.remix(track_id, section=section, seed=seed, title=title, public=public)
        _follow(client, job, asked, wait=wait, stream=False, json=json)


@app.command()
def extend(
    track_id: Annotated[str, typer.Argument(metavar="TRACK", help="A song of the composer.")],
    duration: Annotated[
        float | None, typer.Option("--duration", "-d", help="Seconds of the whole; half a minute more if left out.")
    ] = None,
    at: Annotated[float | None, typer.Option("--at", help="The second from which on there is new music.")] = None,
    prompt: Annotated[str | None, typer.Option("--prompt", help="What the new part should be like.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="The same seed goes on in the same way again.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="The track's name.")] = None,
    out: Output = None,
    format_name: Annotated[str | None, typer.Option("--format", "-f", help="wav, flac, mp3, ogg or opus.")] = None,
    stems: Stems = None,
    midi: Midi = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the song and fetch it.")] = True,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Make a song longer: its key, tempo, players and motifs stay. Ctrl-C asks the server to stop."""
    _require_numbers(("--duration", duration), ("--at", at))
    asked = _checked(out, format_name, stems, midi, wait=wait, stream=False, json=json)
    with connect(url) as client:
        job = client.extend(track_id, duration=duration, at=at, prompt=prompt, seed=seed, title=title)
        _follow(client, job, asked, wait=wait, stream=False, json=json)


def _follow(client: Client, job: Job, asked: Wanted, *, wait: bool, stream: bool, json: bool) -> None:
    """Say the job's id, or follow it to its end and say which files came of it."""
    if not wait:
        output.document({"job": job}) if json else output.line(job.id)
        return
    try:
        job, written = _make(client, job, asked, stream=stream, json=json)
    except KeyboardInterrupt:
        stop(client, job)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    tracks = [client.track(track_id) for track_id in job.track_ids]
    if json:
        output.document({"job": job, "tracks": tracks, "files": [str(path) for path in written]})
        return
    for track in tracks:
        output.note(f"{track.title or track.id}: {output.clock(track.duration)}, {track.model}, seed {track.seed}")
    if asked.audio != STDOUT:
        for path in written:
            output.line(str(path))


def _require_numbers(*named: tuple[str, float | None]) -> None:
    for name, number in named:
        if number is not None and not math.isfinite(number):
            raise typer.BadParameter(f"{name} has to be a number, not {number}")


def _checked(
    out: Path | None,
    format_name: str | None,
    stems: Path | None,
    midi: Path | None,
    *,
    wait: bool,
    stream: bool,
    json: bool,
) -> Wanted:
    from musicgen_client.commands.files import Wanted, wanted

    if not wait and (out or stems or midi or stream):
        raise typer.BadParameter("--no-wait fetches nothing: leave out --output, --stems, --midi and --stream")
    if out != STDOUT:
        asked = wanted(out, format_name, stems, midi)
    elif not stream or json:
        raise typer.BadParameter("-o - writes audio to stdout: it needs --stream and goes without --json")
    else:
        rest = wanted(None, format_name, stems, midi)
        asked = Wanted(STDOUT, rest.format, rest.stems, rest.midi)
    if stream and asked.format not in ("wav", "mp3", "opus"):
        raise typer.BadParameter(f"live audio comes as wav, mp3 or opus, not {asked.format}")
    return asked


def _make(client: Client, job: Job, asked: Wanted, *, stream: bool, json: bool) -> tuple[Job, list[Path]]:
    """Follow the job to its end and fetch what was asked for."""
    from musicgen_client.commands.files import default_path, fetch
    from musicgen_client.commands.progress import JobProgress
    from musicgen_client.errors import JobFailedError

    live: list[Path] = []
    with JobProgress(quiet=json) as progress:
        if stream:
            path = asked.audio or default_path("live", asked.format)
            live.append(path)
            follower = _Follower(client, job.id, progress)
            follower.start()
            _write_live(client, job.id, path, asked.format)
            follower.join(5.0)
        else:
            for event in client.events(job.id):
                progress.take(event)
    job = client.job(job.id, wait_seconds=10.0)
    if job.status != "succeeded":
        raise JobFailedError(job)
    tracks = [client.track(track_id) for track_id in job.track_ids]
    return job, live + fetch(client, tracks, asked, with_audio=not stream)


def _write_live(client: Client, job_id: str, path: Path, format_name: str) -> None:
    live_format: LiveFormat = "mp3" if format_name == "mp3" else "opus" if format_name == "opus" else "wav"
    if path != STDOUT:
        client.stream_to_file(job_id, path, format=live_format)
        return
    for data in client.stream(job_id, format=live_format):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


class _Follower(threading.Thread):
    """Shows the progress while the main thread writes live audio. Its failures cost a line of text, not the song."""

    def __init__(self, client: Client, job_id: str, progress: JobProgress) -> None:
        super().__init__(name="progress", daemon=True)
        self._client, self._job_id, self._progress = client, job_id, progress

    def run(self) -> None:
        from musicgen_client.errors import MusicGenError

        try:
            for event in self._client.events(self._job_id):
                self._progress.take(event)
        except MusicGenError as error:
            output.note(f"the progress can no longer be shown: {error}")
        except RuntimeError:
            return  # the client was closed: the command is over


def stop(client: Client, job: Job) -> None:
    """Ask the server to stop a job, and say so."""
    from musicgen_client.errors import MusicGenError

    try:
        client.cancel(job.id)
        output.note(f"cancelled {job.id}")
    except MusicGenError as error:
        output.note(f"the server could not be asked to stop {job.id}: {error}")


@app.command()
def jobs(
    limit: Limit = 20,
    cursor: Cursor = None,
    everything: Everything = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """List your jobs, newest first."""
    from musicgen_client.calls import making

    with connect(url) as client:
        page = listed(client, making.jobs(limit=limit, cursor=cursor), everything=everything)
    rows = [
        (job.id, job.kind, job.status, f"{job.progress:.0%}", job.stage, output.when(job.created_at))
        for job in page.items
    ]
    output.page(page, ("id", "kind", "status", "done", "stage", "created"), rows, "no jobs yet", as_document=json)


@app.command()
def job(
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="A job's id.")],
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end.")] = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Show one job. The exit code is 1 when it has failed."""
    from musicgen_client.commands.progress import JobProgress

    with connect(url) as client:
        found = client.job(job_id)
        if wait and not found.ended:
            with JobProgress(quiet=json) as progress:
                for event in client.events(job_id):
                    progress.take(event)
            found = client.job(job_id, wait_seconds=10.0)
    if json:
        output.document(found)
    else:
        output.line(f"{found.id} {found.kind} {found.status} {found.progress:.0%} {found.stage or ''}".rstrip())
        for track_id in found.track_ids:
            output.line(f"track {track_id}")
        if found.error is not None:
            output.note(found.error.detail or found.error.title)
    if found.status == "failed":
        raise typer.Exit(ExitCode.JOB_FAILED)


@app.command()
def cancel(
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="A job's id.")],
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Ask the server to stop a job."""
    with connect(url) as client:
        found = client.cancel(job_id)
    output.document(found) if json else output.line(f"{found.id} {found.status}")
