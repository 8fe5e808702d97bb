"""A producer drops in any audio and gets stems, a mix, a master, notes, an analysis and other formats back."""

from __future__ import annotations

import io
import signal
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile

from tests.support.platform import Caller, Platform, eventually
from tests.support.timing import promised

pytestmark = pytest.mark.e2e

RATE = 44_100
WORKER = "services.processing.worker"


@cache
def song(seconds: float = 8.0) -> bytes:
    """A bass line, chords and a beat at 120 beats a minute, as FLAC."""
    time_seconds = np.arange(int(seconds * RATE)) / RATE
    beat = time_seconds % 0.5
    roots = np.array([110.0, 130.81, 146.83, 98.0])[(time_seconds // 2).astype(int) % 4]
    phase = 2 * np.pi * np.cumsum(roots) / RATE
    bass = 0.25 * np.sin(phase) * np.exp(-3 * beat)
    chords = sum(np.sin(ratio * phase) for ratio in (2.0, 2.5, 3.0)) * 0.08
    kick = 0.4 * np.sin(2 * np.pi * 55 * beat) * np.exp(-25 * beat)
    hats = 0.1 * np.random.default_rng(1).standard_normal(len(time_seconds)) * np.exp(-60 * (time_seconds % 0.25))
    left, right = bass + kick + 0.8 * chords + 0.6 * hats, bass + kick + chords + hats
    packed = io.BytesIO()
    soundfile.write(packed, np.stack([left, right], axis=1) * 0.8, RATE, format="FLAC", subtype="PCM_16")
    return packed.getvalue()


def upload(caller: Caller, data: bytes, name: str = "song.flac") -> dict[str, Any]:
    answer = caller.call("POST", "/uploads", files={"file": (name, data)})
    assert answer.status_code == 202, answer.text
    return caller.finished(answer.json()["id"])


def uploaded(caller: Caller, data: bytes) -> str:
    job = upload(caller, data)
    assert job["status"] == "succeeded", job["error"]
    return str(job["result"]["track_ids"][0])


def ask(caller: Caller, kind: str, **body: Any) -> str:
    answer = caller.call("POST", f"/processing/{kind}", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def done(caller: Caller, kind: str, within: float = 90, **body: Any) -> dict[str, Any]:
    job = caller.finished(ask(caller, kind, **body), within=within)
    assert job["status"] == "succeeded", job["error"]
    return dict(job["result"])


def audio_of(caller: Caller, track_id: str) -> tuple[np.ndarray, int]:
    answer = caller.call("GET", f"/tracks/{track_id}/audio", params={"format": "flac"})
    assert answer.status_code == 200, answer.text
    samples, rate = soundfile.read(io.BytesIO(answer.content), always_2d=True)
    return samples, rate


@pytest.fixture(scope="module")
def producer(platform: Platform) -> Caller:
    return platform.sign_up()


@pytest.fixture(scope="module")
def track_id(producer: Caller) -> str:
    """A song of the producer's own, sent once."""
    return uploaded(producer, song())


def test_sent_song_comes_back_bit_for_bit(producer: Caller, track_id: str) -> None:
    track = producer.call("GET", f"/tracks/{track_id}").json()
    assert (track["title"], track["licence"]["name"], track["model"]) == ("song", "own upload", "upload")
    assert track["duration"] == pytest.approx(8.0)
    assert -30 < track["loudness_lufs"] < -5
    assert np.array_equal(audio_of(producer, track_id)[0], soundfile.read(io.BytesIO(song()))[0])


def test_sent_song_becomes_another_format(producer: Caller, track_id: str) -> None:
    result = done(producer, "convert", track_id=track_id, format="wav", sample_rate=48_000, bit_depth=24)
    [file] = result["files"]
    answer = producer.call("GET", f"/jobs/{job_of(producer, 'convert')}/files/{file['name']}")
    info = soundfile.info(io.BytesIO(answer.content))
    assert (info.samplerate, info.subtype, info.duration) == (48_000, "PCM_24", 8.0)
    assert len(answer.content) == file["size_bytes"]


def job_of(caller: Caller, kind: str) -> str:
    jobs = caller.call("GET", "/jobs").json()["items"]
    return next(str(job["id"]) for job in jobs if job["kind"] == kind)


def test_song_that_is_sent_twice_under_one_key_is_one_song(producer: Caller) -> None:
    data, headers = song(1.0), {"Idempotency-Key": "take-1"}
    answers = [
        producer.call("POST", "/uploads", files={"file": ("take.flac", data)}, headers=headers) for _ in range(2)
    ]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert answers[1].headers["idempotency-replayed"] == "true"
    other = producer.call("POST", "/uploads", files={"file": ("take.flac", song(1.5))}, headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-mismatch")
    used = producer.call("GET", "/users/me/usage").json()
    producer.finished(answers[0].json()["id"])
    assert 0 < used["stored_bytes"] < used["stored_bytes_limit"]


def test_words_are_no_song(producer: Caller) -> None:
    job = upload(producer, b"These are words.\n" * 50, "song.wav")
    assert (job["status"], job["error"]["type"]) == ("failed", "/problems/unsupported-media")
    assert "text document" in job["error"]["detail"]
    assert producer.tracks_of(job["id"]) == []


def test_song_is_taken_apart(producer: Caller, track_id: str) -> None:
    result = done(producer, "separate", track_id=track_id)
    assert len(result["track_ids"]) == 2
    parts = [audio_of(producer, part)[0] for part in result["track_ids"]]
    whole = audio_of(producer, track_id)[0]
    assert np.abs(sum(parts) - whole).max() < 1e-3
    assert producer.call("GET", f"/tracks/{result['track_ids'][0]}").json()["parent_id"] == track_id


def test_songs_are_mixed(producer: Caller, track_id: str) -> None:
    session = {
        "title": "Twice",
        "tracks": [
            {"track_id": track_id, "gain_db": -6.0, "pan": -0.5},
            {"track_id": track_id, "gain_db": -9.0, "start": 1.0},
        ],
    }
    result = done(producer, "mix", **session)
    [made] = result["track_ids"]
    track = producer.call("GET", f"/tracks/{made}").json()
    assert track["title"] == "Twice"
    assert track["duration"] >= 9.0
    assert track["true_peak_dbtp"] <= -0.9


def test_song_is_mastered_to_its_target(producer: Caller, track_id: str) -> None:
    result = done(producer, "master", track_id=track_id, target_lufs=-16.0, true_peak_dbtp=-1.0)
    track = producer.call("GET", f"/tracks/{result['track_ids'][0]}").json()
    assert track["loudness_lufs"] == pytest.approx(-16.0, abs=0.2)
    assert track["true_peak_dbtp"] <= -1.0


def test_song_becomes_notes(producer: Caller, track_id: str) -> None:
    result = done(producer, "transcribe", track_id=track_id)
    job_id = job_of(producer, "transcribe")
    [midi] = [file["name"] for file in result["files"] if file["name"].endswith(".mid")]
    assert producer.call("GET", f"/jobs/{job_id}/files/{midi}").content[:4] == b"MThd"


def test_song_is_analysed_and_drawn(producer: Caller, track_id: str) -> None:
    result = done(producer, "analyze", track_id=track_id)
    assert result.keys() > {"track_ids", "files"}
    picture = producer.call("GET", f"/tracks/{track_id}/spectrogram.png", params={"width": 300, "height": 100})
    assert (picture.status_code, picture.content[:8]) == (200, b"\x89PNG\r\n\x1a\n")


def test_catalogues_describe_what_can_be_asked_for(producer: Caller) -> None:
    effects = producer.call("GET", "/processing/effects").json()["effects"]
    assert "compressor" in {effect["id"] for effect in effects}
    assert producer.call("GET", "/processing/presets").json()["items"]


def test_what_is_wrong_is_named_by_field(producer: Caller, track_id: str) -> None:
    nobody = "0196f1c2-7b3a-7d42-9a61-3f0f6f2c9b11"
    for kind, body, status, pointer in (
        ("master", {"track_id": track_id, "reference_track_id": nobody}, 404, "/reference_track_id"),
        ("mix", {"tracks": [{"track_id": track_id}, {"track_id": nobody}]}, 404, "/tracks/1/track_id"),
        ("separate", {"track_id": track_id, "model": "nonsense"}, 422, "/model"),
        ("convert", {"track_id": track_id, "format": "mp3", "bit_depth": 24}, 422, "/bit_depth"),
        ("analyze", {"track_id": track_id, "features": ["colour"]}, 422, "/features"),
    ):
        answer = producer.call("POST", f"/processing/{kind}", json=body)
        assert answer.status_code == status, (kind, answer.text)
        pointers = [error["pointer"] for error in answer.json()["errors"]]
        assert any(found.startswith(pointer) for found in pointers), (kind, pointers)


def test_cancelled_work_ends_at_once(producer: Caller) -> None:
    long_id = uploaded(producer, song(120.0))
    job_id = ask(producer, "convert", track_id=long_id, format="opus")
    eventually(lambda: producer.job(job_id)["progress"] > 0.1, within=60, what="the job runs")
    with promised(2, "cancelling"):
        assert producer.call("POST", f"/jobs/{job_id}/cancel").status_code == 202
        assert producer.finished(job_id)["status"] == "cancelled"


@pytest.mark.slow
def test_killed_worker_s_work_is_done_once(start_platform: Callable[..., Platform]) -> None:
    fragile = start_platform()
    caller = fragile.sign_up()
    long_id = uploaded(caller, song(120.0))
    job_id = ask(caller, "master", track_id=long_id)
    eventually(lambda: caller.job(job_id)["progress"] > 0.1, within=60, what="the job runs")
    killed_at = time.monotonic()
    for worker in fragile.children(WORKER):
        for child in psutil.Process(worker.pid).children(recursive=True):
            child.send_signal(signal.SIGKILL)
    ended = caller.finished(job_id, within=90)
    print(f"finished {time.monotonic() - killed_at:.1f} s after the kill, attempts {ended['attempts']}")
    assert ended["status"] == "succeeded", ended
    assert ended["attempts"] == 1
    assert len(caller.tracks_of(job_id)) == 1
