"""From a song by way of its stems to notes: through the service, the library and a worker, with the real networks."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mido
import orjson
import pytest
import soundfile
import yaml
from safetensors.torch import save_file

from protos.users.v1 import jobs_pb2, tracks_pb2
from services.processing.transcription.drums import KEYS
from services.shared.assets.store import AssetStore
from services.shared.grpc_client import call
from tests.support import spleeter_reference
from tests.support.drum_patterns import matched_f1, random_pattern
from tests.support.rendered_midi import ASSETS, KnownNote, render, sound_bank
from tests.support.roformers import network

STEMS = ("drums", "bass", "other", "vocals")

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


def save_separator_that_hears_only_drums(models: Path) -> None:
    """A RoFormer of four stems as an operator would put it there, whose masks give all there is to the drums."""
    made = network(stems=4)
    tensors = made.state_dict()
    for stem, estimator in enumerate(made.mask_estimators):
        for band, _ in enumerate(made.band_split.to_features):
            last = f"mask_estimators.{stem}.to_freqs.{band}.0.2"
            assert f"{last}.weight" in tensors, list(estimator.state_dict())[:4]
            tensors[f"{last}.weight"].zero_()
            # Real and imaginary parts in turns, then the gates: a mask of one for the first stem, of nothing else.
            values, gates = tensors[f"{last}.bias"].chunk(2)
            values.zero_()
            values[::2] = float(stem == 0)
            gates.fill_(60.0)
    home = models / "separation"
    home.mkdir(parents=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, home / "roformer-4stems.safetensors")
    said = {
        "model": {"stft_hop_length": 512},
        "training": {"instruments": list(STEMS)},
        "audio": {"chunk_size": 88_200, "sample_rate": 44_100},
    }
    (home / "roformer-4stems.yaml").write_text(yaml.safe_dump(said))


async def test_drums_that_were_separated_are_heard_as_drums(
    processing: Any, start_worker: Callable[..., Any], tmp_path: Path
) -> None:
    AssetStore(ASSETS).fetch("transcriber.basic-pitch")
    save_separator_that_hears_only_drums(tmp_path / "models")
    pattern = random_pattern(random.Random(7_100), 9.0)
    soundfile.write(tmp_path / "loop.flac", render(sound_bank(), pattern, 12, drums=True), 44_100, subtype="PCM_24")
    worker = start_worker(ASSETS_DIR=str(ASSETS), MODELS_DIR=str(tmp_path / "models"))
    await worker.until("child_ready")
    song = await processing.track_of(tmp_path / "loop.flac")
    asked = await processing.submit(song, kind="separate", model="roformer-4stems")
    separated = await processing.ended(asked.job.id, within=120)
    assert separated.status == jobs_pb2.JOB_STATUS_SUCCEEDED, separated

    get = tracks_pb2.GetTrackRequest(track_id=separated.track_ids[0])
    stem = (await call(processing.users.tracks.GetTrack, get, token=processing.token())).track
    assert stem.content.title == "A song (drums)"
    # The child by itself, and its parent by way of its children.
    for track, parts in ((stem, ["drums"]), (song, list(STEMS))):
        names, file = await transcribed(processing, track)
        assert sorted(names) == sorted(parts)
        found = drum_hits(file)
        assert {message.channel for track in file.tracks for message in track if message.type == "note_on"} == {9}
        score = matched_f1(found, pattern, KEYS)
        print(f"{len(pattern)} hits, F1 {score:.3f}")
        assert score >= 0.8


def drum_hits(file: mido.MidiFile) -> list[KnownNote]:
    """What is played on the channel of the drums, in seconds."""
    now, found = 0.0, []
    for message in file:
        now += message.time
        if message.type == "note_on" and message.channel == 9:
            found.append(KnownNote(now, now + 0.1, message.note, message.velocity))
    return found
