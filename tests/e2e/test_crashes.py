"""What is promised survives `kill -9`: of a worker, of a database, of any service."""

import contextlib
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable

import httpx
import psutil
import pytest

from tests.support.listening import decode
from tests.support.platform import ROOT, Caller, Platform, eventually
from tests.support.timing import PATIENCE_SECONDS, check_promise

pytestmark = pytest.mark.e2e

WORKER = "services.generation.worker"
SLOW = {"model": "tone", "duration": 20}
# Once with every commit, three times in the full tier.
RUNS = [0, *(pytest.param(run, marks=pytest.mark.slow) for run in (1, 2))]


@pytest.fixture(scope="module")
def fragile(start_platform: Callable[..., Platform]) -> Platform:
    """A platform to break."""
    return start_platform(MUSICGEN_GENERATION_EXTRA_BACKENDS="tests.support.backends:ToneBackend")


@pytest.fixture
def caller(fragile: Platform) -> Caller:
    return fragile.sign_up()


def running(caller: Caller, job_id: str) -> bool:
    job = caller.job(job_id)
    return job["status"] == "running" and job["progress"] > 0.05


def second_worker(first: psutil.Process) -> subprocess.Popen[bytes]:
    """Another worker beside the first, with the same settings and an identity of its own."""
    environment = {**first.environ(), "MUSICGEN_GENERATION_WORKER_ID": f"second-{uuid.uuid4().hex[:8]}"}
    return subprocess.Popen(first.cmdline(), cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("run", RUNS)
def test_killed_workers_job_finishes_elsewhere_and_makes_one_track(fragile: Platform, caller: Caller, run: int) -> None:
    job = caller.generate("a long tone", **SLOW, spec={"speed": 4})
    heard: list[bytes] = []
    listener = threading.Thread(target=lambda: heard.extend(caller.stream(job["id"], "wav")))
    listener.start()
    eventually(lambda: running(caller, job["id"]), within=60, what="the job runs")
    killed_at = time.monotonic()
    for worker in fragile.children(WORKER):
        worker.send_signal(signal.SIGKILL)
    ended = caller.finished(job["id"], within=120)
    check_promise(time.monotonic() - killed_at, 20, f"run {run}: finishing elsewhere after the kill")
    listener.join(PATIENCE_SECONDS)
    assert ended["status"] == "succeeded", ended
    assert ended["attempts"] >= 1
    assert len(caller.tracks_of(job["id"])) == 1
    assert not listener.is_alive()
    audio, rate = decode(b"".join(heard), "wav")
    assert len(audio) / rate == pytest.approx(SLOW["duration"], abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("run", range(3))
def test_worker_that_slept_past_its_lease_is_refused_everything(
    start_platform: Callable[..., Platform], run: int
) -> None:
    lonely = start_platform(
        MUSICGEN_GENERATION_WORKERS="1", MUSICGEN_GENERATION_EXTRA_BACKENDS="tests.support.backends:ToneBackend"
    )
    caller = lonely.sign_up()
    job = caller.generate("a long tone", **SLOW, spec={"speed": 4})
    eventually(lambda: running(caller, job["id"]), within=60, what="the job runs")
    (sleeper,) = lonely.children(WORKER)
    sleeper.send_signal(signal.SIGSTOP)
    relief = second_worker(sleeper)
    try:
        ended = caller.finished(job["id"], within=40)
        audio_before = caller.call("GET", f"/tracks/{ended['result']['track_ids'][0]}/audio").content
        sleeper.send_signal(signal.SIGCONT)
        relief.send_signal(signal.SIGTERM)
        relief.wait(15)
        # Only the sleeper is left: that it takes the next job shows that it has given the lost one up.
        after = caller.finished(caller.generate("next", model="tone", duration=2)["id"], within=60)
    finally:
        relief.kill()
    assert (ended["status"], after["status"]) == ("succeeded", "succeeded")
    assert len(caller.tracks_of(job["id"])) == 1
    assert caller.job(job["id"])["attempts"] == 1
    assert caller.call("GET", f"/tracks/{ended['result']['track_ids'][0]}/audio").content == audio_before
    masters = list((lonely.home / "storage" / "jobs" / job["id"]).glob("*/master.flac"))
    assert len(masters) == 1
    lonely.stop()


@pytest.mark.parametrize("run", RUNS)
def test_job_that_kills_its_worker_fails_after_three_attempts_alone(
    fragile: Platform, caller: Caller, run: int
) -> None:
    poison = caller.generate("poison", **SLOW, spec={"crash_at": 1.0})
    bystander = fragile.sign_up()
    harmless = [bystander.generate("a tone", model="tone", duration=5) for _ in range(3)]
    ended = caller.finished(poison["id"], within=60)
    others = [bystander.finished(job["id"], within=60) for job in harmless]
    assert (ended["status"], ended["attempts"]) == ("failed", 3)
    assert "/problems/" in ended["error"]["type"]
    assert caller.tracks_of(poison["id"]) == []
    assert [job["status"] for job in others] == ["succeeded"] * 3


RESTARTED = {
    "postgres": ("postgres", "-D"),
    "valkey": ("valkey",),
    "user_management": ("services.user_management",),
    "generation": ("services.generation",),
    "processing": ("services.processing",),
    "gateway": ("services.gateway",),
}


@pytest.mark.parametrize("victim", list(RESTARTED))
def test_killed_process_is_back_within_ten_seconds_and_nothing_is_lost(
    fragile: Platform, caller: Caller, victim: str
) -> None:
    made = caller.finished(caller.generate("keep me", duration=2)["id"])
    track = made["result"]["track_ids"][0]
    before = caller.call("GET", f"/tracks/{track}/audio", params={"format": "flac"}).content
    main = fragile.children(*RESTARTED[victim])[0]
    main.send_signal(signal.SIGKILL)
    killed_at = time.monotonic()
    main.wait(5)
    eventually(lambda: whole(fragile, caller, track), within=60, what=f"requests recover after kill -9 of {victim}")
    check_promise(time.monotonic() - killed_at, 10, f"recovering from the kill of {victim}")
    after = caller.call("GET", f"/tracks/{track}/audio", params={"format": "flac"}).content
    assert after == before
    again = caller.generate("and again", duration=2)
    assert caller.finished(again["id"], within=60)["status"] == "succeeded"


def whole(fragile: Platform, caller: Caller, track: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return (
            httpx.get(f"{fragile.url}/health/ready", timeout=2).status_code == 200
            and caller.call("GET", f"/tracks/{track}", timeout=2).status_code == 200
        )
    return False
