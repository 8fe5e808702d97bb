"""Which files a command writes: names, formats, and whether they can be written, known before a song is made."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import typer

if TYPE_CHECKING:
    from musicgen_client.calls.library import AudioFormat
    from musicgen_client.client import Client
    from musicgen_client.models import Track

FORMATS = ("wav", "flac", "mp3", "ogg", "opus", "m4a")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be written of each track."""

    audio: Path | None
    format: AudioFormat
    stems: Path | None
    midi: Path | None


def wanted(audio: Path | None, format_name: str | None, stems: Path | None, midi: Path | None) -> Wanted:
    """Check the options; raises a usage error for what cannot work."""
    from musicgen_client.calls.library import AudioFormat

    name = format_name or (audio.suffix.lstrip(".").lower() if audio is not None else "") or "wav"
    if name not in get_args(AudioFormat):
        hint = "--format" if format_name else "the ending of --output"
        raise typer.BadParameter(f"{hint} has to be one of {', '.join(FORMATS)}, not {name!r}")
    for path in (audio, midi):
        if path is not None:
            _check_writable(path)
    if stems is not None and stems.exists() and not stems.is_dir():
        raise typer.BadParameter(f"{stems} is not a folder")
    return Wanted(audio, cast("AudioFormat", name), stems, midi)


def _check_writable(path: Path) -> None:
    if path.is_dir():
        raise typer.BadParameter(f"{path} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"the folder {path.parent} does not exist")
    if not os.access(path.parent, os.W_OK):
        raise typer.BadParameter(f"the folder {path.parent} cannot be written")


def numbered(path: Path, index: int) -> Path:
    """`song.wav`, `song-2.wav`, … for the first, second, … track of a job."""
    return path if index == 0 else path.with_stem(f"{path.stem}-{index + 1}")


def plain_name(title: str) -> str:
    """A title as the name of a file, without its ending."""
    return re.sub(r"[^\w]+", "-", title.lower(), flags=re.UNICODE).strip("-_")[:60].strip("-") or "song"


def default_path(title: str, suffix: str, taken: Sequence[Path] = ()) -> Path:
    """A name in this folder that no file has yet, after the song's title."""
    stem = plain_name(title)
    index = 0
    while (path := numbered(Path(f"{stem}.{suffix}"), index)).exists() or path in taken:
        index += 1
    return path


def fetch(client: Client, tracks: Sequence[Track], asked: Wanted, *, with_audio: bool = True) -> list[Path]:
    """Download what was asked for of every track; the files that were written."""
    written: list[Path] = []
    for index, track in enumerate(tracks):
        if with_audio:
            audio = numbered(asked.audio, index) if asked.audio else default_path(track.title, asked.format, written)
            written.append(client.download(track.id, audio, format=asked.format))
        if asked.stems is not None:
            folder = asked.stems if len(tracks) == 1 else asked.stems / track.id
            stem_format: AudioFormat = asked.format if asked.format == "flac" else "wav"
            written.extend(client.download_stems(track.id, folder, format=stem_format))
        if asked.midi is not None:
            written.append(client.download_midi(track.id, numbered(asked.midi, index)))
    return written
