"""A song is heard while it is made: early, by several listeners, by a late one from its beginning."""

import threading
import time

import numpy as np
import pytest

from tests.support.listening import decode, sounding_seconds
from tests.support.platform import Caller, Platform
from tests.support.timing import check_promise

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module", autouse=True)
def warm(platform: Platform) -> None:
    """Both workers have made a song before anything is timed."""
    caller = platform.sign_up()
    for job in [caller.generate("warm up", duration=1) for _ in range(4)]:
        caller.finished(job["id"])


@pytest.mark.parametrize("audio_format", ["wav", "mp3", "opus"])
@pytest.mark.parametrize("duration", [30, 600])
def test_half_a_second_sounds_within_two_seconds_of_submission(
    musician: Caller, audio_format: str, duration: int
) -> None:
    started = time.monotonic()
    job = musician.generate("driving house, 124 bpm", duration=duration, seed=5)
    heard = b""
    waited = None
    for piece in musician.stream(job["id"], audio_format):
        heard += piece
        if sounding_seconds(*decode(heard, audio_format)) >= 0.5:
            waited = time.monotonic() - started
            break
    musician.call("POST", f"/jobs/{job['id']}/cancel")
    musician.finished(job["id"])
    assert waited is not None
    check_promise(waited, 2, f"half a second of {audio_format} of a song of {duration} s")


def test_late_and_simultaneous_listeners_hear_the_same_from_the_beginning(musician: Caller) -> None:
    job = musician.generate("slow ambient", duration=60, seed=8)
    heard: dict[str, bytes] = {}

    def listen(name: str) -> None:
        heard[name] = b"".join(musician.stream(job["id"], "wav"))

    early = [threading.Thread(target=listen, args=(f"early {i}",)) for i in range(2)]
    for thread in early:
        thread.start()
    while musician.job(job["id"])["progress"] < 0.3:
        pass
    late = threading.Thread(target=listen, args=("late",))
    late.start()
    for thread in (*early, late):
        thread.join(60)
    assert heard["early 0"] == heard["early 1"]
    assert heard["late"][:1_000_000] == heard["early 0"][:1_000_000]
    assert len(heard["late"]) == len(heard["early 0"])


def test_live_audio_is_the_file_but_for_the_stated_gain(musician: Caller) -> None:
    job = musician.generate("pop ballad", duration=15, seed=2)
    live, rate = decode(b"".join(musician.stream(job["id"], "wav")), "wav")
    ended = musician.finished(job["id"])
    track = musician.call("GET", f"/tracks/{ended['result']['track_ids'][0]}").json()
    data = musician.call("GET", f"/tracks/{track['id']}/audio", params={"format": "flac"}).content
    file, file_rate = decode(data, "flac")
    gain = 10 ** (track["mastering_gain_db"] / 20)
    assert (rate, len(live)) == (file_rate, len(file))
    assert np.abs(live * gain - file).max() < 3 * max(gain, 1) / 32768


def test_stream_of_a_finished_song_is_the_whole_track(musician: Caller) -> None:
    job = musician.generate("folk guitar", duration=4)
    musician.finished(job["id"])
    audio, rate = decode(b"".join(musician.stream(job["id"], "mp3")), "mp3")
    assert len(audio) / rate == pytest.approx(4, abs=0.1)
