"""What is done with sound that exists, and the files that it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from musicgen_client.calls.call import READ_JOB, Call, given, once, path_to, reader_by
from musicgen_client.calls.library import AudioFormat
from musicgen_client.models import (
    Job,
)
from musicgen_client.uploads import FileUpload, Sent

READ_DOCUMENT: Final = reader_by(TypeAdapter(dict[str, Any]))


def _process(kind: str, idempotency_key: str | None, body: Mapping[str, Any], **options: Any) -> Call[Job]:
    return Call(
        "POST", path_to("processing", kind), READ_JOB, body={**body, **given(**options)}, headers=once(idempotency_key)
    )


def upload(
    path: Path, *, title: str | None = None, sent: Sent | None = None, idempotency_key: str | None = None
) -> Call[Job]:
    """Send an audio file; the job's track is a lossless copy. `sent` is told bytes so far, and bytes in all."""
    return Call(
        "POST", path_to("uploads"), READ_JOB, upload=FileUpload(path, title, sent), headers=once(idempotency_key)
    )


def separate(
    track_id: str,
    *,
    model: str | None = None,
    stems: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Call[Job]:
    """Take a track apart into stems. `options` are further fields of the request."""
    body = {"track_id": track_id, **(options or {})}
    return _process("separate", idempotency_key, body, model=model, stems=list(stems) if stems else None)


def mix(session: Mapping[str, Any], *, idempotency_key: str | None = None) -> Call[Job]:
    """Render a session: `tracks`, `buses`, `master`, … as `effects` describes them."""
    return _process("mix", idempotency_key, session)


def master(
    track_id: str,
    *,
    preset: str | None = None,
    target_lufs: float | None = None,
    true_peak_dbtp: float | None = None,
    reference_track_id: str | None = None,
    idempotency_key: str | None = None,
) -> Call[Job]:
    """Bring a track to a loudness (LUFS) below a true peak (dBTP), by a preset or near a reference."""
    return _process(
        "master",
        idempotency_key,
        {"track_id": track_id},
        preset=preset,
        target_lufs=target_lufs,
        true_peak_dbtp=true_peak_dbtp,
        reference_track_id=reference_track_id,
    )


def transcribe(
    track_id: str,
    *,
    stem: str | None = None,
    quantize: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Call[Job]:
    """Write a track's notes down as MIDI. `options` are further fields of the request."""
    body = {"track_id": track_id, **(options or {})}
    return _process("transcribe", idempotency_key, body, stem=stem, quantize=quantize)


def analyze(
    track_id: str,
    *,
    features: Sequence[str] | None = None,
    scheme: str | None = None,
    idempotency_key: str | None = None,
) -> Call[Job]:
    """Find a track's tempo, beats, key, chords, sections, loudness and spectrum; the job's `result` holds them.

    `scheme` colours the pictures that it leaves: "ember", "ocean", …
    """
    asked = list(features) if features else None
    return _process("analyze", idempotency_key, {"track_id": track_id}, features=asked, scheme=scheme)


def effects() -> Call[dict[str, Any]]:
    """The mixer's effects, with the units, ranges and defaults of their parameters."""
    return Call("GET", path_to("processing", "effects"), READ_DOCUMENT)


def presets() -> Call[dict[str, Any]]:
    """The presets of the mastering chain."""
    return Call("GET", path_to("processing", "presets"), READ_DOCUMENT)


def convert(
    track_id: str,
    format: AudioFormat,  # noqa: A002 — the API's word
    *,
    sample_rate: int | None = None,
    bit_depth: int | None = None,
    bitrate: int | None = None,
    idempotency_key: str | None = None,
) -> Call[Job]:
    """Ask for a track in another form; `download_file` fetches it when the job has succeeded."""
    body = {"track_id": track_id, "format": format}
    return _process("convert", idempotency_key, body, sample_rate=sample_rate, bit_depth=bit_depth, bitrate=bitrate)


def file_path(job_id: str, name: str | None = None) -> str:
    """Where a job's file is; without a name the only one."""
    return path_to("jobs", job_id, "file") if name is None else path_to("jobs", job_id, "files", name)
