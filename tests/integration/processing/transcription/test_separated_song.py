"""From a song by way of its stems to notes: through the service, the library and a worker, with the real networks."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mido
import orjson
import pytest
import soundfile

from protos.users.v1 import jobs_pb2, tracks_pb2
from services.shared.assets.store import AssetStore
from services.shared.grpc_client import call
from tests.support import spleeter_reference
from tests.support.rendered_midi import ASSETS, KnownNote, render, sound_bank

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]


async def transcribed(processing: Any, track: tracks_pb2.Track) -> tuple[list[str], mido.MidiFile]:
    """The names of the parts and the MIDI file of a transcription."""
    job = await processing.ended((await processing.submit(track, kind="transcribe")).job.id, within=120)
    assert job.status == jobs_pb2.JOB_STATUS_SUCCEEDED, job
    result = orjson.loads(job.result_json)
    [key] = [file["object_key"] for file in result["files"] if file["name"] == "transcription.mid"]
    file = mido.MidiFile(file=io.BytesIO(await processing.store.get(key)))
    return [part["name"] for part in result["parts"]], file


async def test_song_that_was_separated_becomes_one_midi_file_with_a_track_for_each_stem(
    processing: Any, start_worker: Callable[..., Any], tmp_path: Path
) -> None:
    for name in spleeter_reference.WEIGHTS:
        spleeter_reference.store().fetch(name)
    AssetStore(ASSETS).fetch("transcriber.basic-pitch")
    notes = [KnownNote(0.3 + i * 0.5, 0.7 + i * 0.5, 60 + (0, 4, 7, 12)[i % 4], 100) for i in range(8)]
    soundfile.write(tmp_path / "song.flac", render(sound_bank(), notes, 0), 44_100, subtype="PCM_24")
    worker = start_worker(ASSETS_DIR=str(ASSETS))
    await worker.until("child_ready")
    song = await processing.track_of(tmp_path / "song.flac")
    assert (await transcribed(processing, song))[0] == ["song"]

    separated = await processing.ended((await processing.submit(song, kind="separate")).job.id, within=120)
    assert separated.status == jobs_pb2.JOB_STATUS_SUCCEEDED, separated
    parts, file = await transcribed(processing, song)
    assert parts == ["vocals", "accompaniment"]
    assert [track.name for track in file.tracks[1:]] == parts
    pitches = [message.note for track in file.tracks for message in track if message.type == "note_on"]
    assert set(pitches) >= {60, 64, 67, 72}

    asked = tracks_pb2.GetTrackRequest(track_id=separated.track_ids[1])
    stem = (await call(processing.users.tracks.GetTrack, asked, token=processing.token())).track
    assert (await transcribed(processing, stem))[0] == ["accompaniment"]
