"""What a command works on and what it leaves: a track or a local file in, tracks and files out."""

from __future__ import annotations

import json as json_format
import math
import os
from collections.abc import Mapping
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast, get_args

import typer

from musicgen_client.exit_codes import ExitCode

if TYPE_CHECKING:
    from musicgen_client.client import Client
    from musicgen_client.models import Job, Track

# Values in a session file, and how deep they lie: far more than a request of 1 MiB can hold.
_LARGEST_SESSION: Final = 500_000
_DEEPEST_SESSION: Final = 64


def track_of(client: Client, source: str, *, quiet: bool) -> str:
    """The id of a track; a local file is sent first and becomes one."""
    if not is_file_name(source):
        return source
    path = Path(source)
    if not path.is_file():
        raise typer.BadParameter(f"there is no file {source}")
    job = follow(client, send(client, path, quiet=quiet), quiet=quiet)
    return job.track_ids[0]


def is_file_name(source: str) -> bool:
    """Whether a file is meant, there or not; ids of tracks have no ending and no folder."""
    path = Path(source)
    return path.is_file() or bool(path.suffix) or os.sep in source


def send(client: Client, path: Path, *, title: str | None = None, quiet: bool) -> Job:
    """Send a file, with a bar; the job that makes it a track."""
    from musicgen_client.commands.progress import JobProgress
    from musicgen_client.models import JobEvent

    with JobProgress(quiet=quiet) as progress:

        def sent(done: int, size: int) -> None:
            data = {"progress": done / max(1, size), "stage": f"sending {path.name}"}
            progress.take(JobEvent(id="", type="progress", data=data))

        return client.upload(path, title=title, sent=sent)


def follow(client: Client, job: Job, *, quiet: bool) -> Job:
    """Show a job's progress to its end. Raises `JobFailedError`; Ctrl-C asks the server to stop."""
    from musicgen_client.commands.making import stop
    from musicgen_client.commands.progress import JobProgress
    from musicgen_client.errors import JobFailedError

    try:
        with JobProgress(quiet=quiet) as progress:
            for event in client.events(job.id):
                progress.take(event)
        job = client.job(job.id, wait_seconds=10.0)
    except KeyboardInterrupt:
        stop(client, job)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if job.status != "succeeded":
        raise JobFailedError(job)
    return job


def deliver(client: Client, job: Job, tracks: list[Track], out: Path | None, *, title: str = "") -> list[Path]:
    """Fetch what a job made. Without `out`, its files come here and its tracks stay in the library.

    A folder takes everything; a file takes what its ending says: one of the job's files, or the sound of its tracks.
    Where files get no name from `out`, they are called after `title`, if there is one.
    """
    from musicgen_client.calls.library import AudioFormat
    from musicgen_client.commands.files import default_path, numbered, plain_name

    written: list[Path] = []
    if out is None or out.is_dir():
        folder = out or Path()
        for file in job.files:
            # A name and nothing else: where files go is not the server's to say.
            name = Path(Path(file.name).name)
            stem = plain_name(title) if title else name.stem
            path = (
                _free(folder, stem, name.suffix, written)
                if out
                else default_path(stem, name.suffix.lstrip("."), written)
            )
            written.append(client.download_file(job.id, path, name=file.name))
        for track in tracks if out is not None else ():
            path = _free(folder, plain_name(track.title or track.id), ".wav", written)
            written.append(client.download(track.id, path))
        return written
    ending = out.suffix.lstrip(".").lower()
    for file in job.files:
        if Path(file.name).suffix.lstrip(".").lower() == ending:
            return [client.download_file(job.id, out, name=file.name)]
    if tracks and ending in get_args(AudioFormat):
        audio = cast("AudioFormat", ending)
        return [client.download(track.id, numbered(out, index), format=audio) for index, track in enumerate(tracks)]
    made = ", ".join([file.name for file in job.files] + (["audio"] if tracks else [])) or "nothing"
    raise typer.BadParameter(f"the job made {made}: none of it is a .{ending} file. It is kept as job {job.id}.")


def check_output(out: Path | None) -> Path | None:
    """Refuse what cannot be written before any work is asked for; a name that ends in a slash makes a folder."""
    if out is None or out.is_dir():
        return out
    if not out.suffix:
        out.mkdir(parents=True)
        return out
    if not out.parent.is_dir():
        raise typer.BadParameter(f"the folder {out.parent} does not exist")
    if not os.access(out.parent, os.W_OK):
        raise typer.BadParameter(f"the folder {out.parent} cannot be written")
    return out


def read_session(path: Path) -> dict[str, Any]:
    """A mix's session file, JSON or YAML. Raises a usage error that says where it is wrong."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise typer.BadParameter(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{path} is no text file") from None
    try:
        if path.suffix.lower() == ".json":
            found = json_format.loads(text)
        else:
            import yaml

            found = yaml.safe_load(text)
    except RecursionError:
        raise typer.BadParameter(f"{path} is no session: it is nested far too deep") from None
    except ValueError as error:
        raise typer.BadParameter(f"{path} is not valid JSON: {error}") from None
    except Exception as error:
        raise typer.BadParameter(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict):
        raise typer.BadParameter(f"{path} has to hold one object, with a list of tracks")
    if not _fits(found):
        raise typer.BadParameter(f"{path} is no session: it holds far too much, or the same within itself")
    if wrong := _without_json(found, ""):
        raise typer.BadParameter(f"{path} is no session: {wrong}")
    return found


def _without_json(value: object, place: str) -> str:
    """What of a document has no form in JSON, and where; empty if it all has. YAML knows dates and NaN."""
    if isinstance(value, dict):
        for name in value:
            if not isinstance(name, str):
                return f"{place}/{name} needs quotes to be a name"
        parts = [(f"{place}/{name}", part) for name, part in value.items()]
    elif isinstance(value, list):
        parts = [(f"{place}/{index}", part) for index, part in enumerate(value)]
    elif isinstance(value, float):
        return "" if math.isfinite(value) else f"{place} is {value}, which is no number that can be sent"
    elif value is None or isinstance(value, str | int):
        return ""
    else:
        return f"{place} is read as a {type(value).__name__}: put it in quotes"
    return next(filter(None, (_without_json(part, where) for where, part in parts)), "")


def _fits(document: object) -> bool:
    """Whether a document, with all that its aliases repeat, is of a size and depth that a session may have."""
    level: list[Any] = [document]
    values = 0
    for _ in range(_DEEPEST_SESSION):
        values += len(level)
        if values > _LARGEST_SESSION:
            return False
        inner = (item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list))
        # No more of it than decides: what one line of YAML repeats can be without end.
        level = list(islice(chain.from_iterable(inner), _LARGEST_SESSION + 1))
        if not level:
            return True
    return False


def session_of(client: Client, track_id: str) -> dict[str, Any]:
    """The session that a track was mixed by. Raises a usage error for a track that was made in another way."""
    session = (client.track(track_id).spec or {}).get("session")
    if not isinstance(session, dict):
        raise typer.BadParameter(f"track {track_id} holds no session: only tracks that were mixed do")
    return cast("dict[str, Any]", session)


def write_session(path: Path, session: Mapping[str, Any]) -> None:
    """Write a session as JSON or, with any other ending, as YAML. An existing file is left alone."""
    if path.suffix.lower() == ".json":
        text = json_format.dumps(session, indent=2, ensure_ascii=False) + "\n"
    else:
        import yaml

        text = yaml.safe_dump(dict(session), sort_keys=False, allow_unicode=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise typer.BadParameter(f"{path} exists: give another name, so that no version is lost") from None
    except OSError as error:
        raise typer.BadParameter(f"cannot write {path}: {error.strerror}") from None


def with_files_sent(client: Client, session: Mapping[str, Any], folder: Path, *, quiet: bool) -> dict[str, Any]:
    """The session with every `file: song.wav` sent and replaced by its `track_id`; each file is sent once."""
    ids: dict[Path, str] = {}

    def sent(value: Any) -> Any:
        if isinstance(value, list):
            return [sent(item) for item in value]
        if not isinstance(value, dict):
            return value
        item = {name: sent(part) for name, part in value.items()}
        if isinstance(item.get("file"), str):
            path = (folder / item.pop("file")).resolve()
            if not path.is_file():
                raise typer.BadParameter(f"there is no file {path}")
            if path not in ids:
                ids[path] = track_of(client, str(path), quiet=quiet)
            item["track_id"] = ids[path]
        return item

    return {name: sent(value) for name, value in session.items()}


def _free(folder: Path, stem: str, ending: str, taken: list[Path]) -> Path:
    from musicgen_client.commands.files import numbered

    index = 0
    while (path := numbered(folder / f"{stem}{ending}", index)).exists() or path in taken:
        index += 1
    return path
