"""Cancelling frees a slot at once, and nobody's queue stands in another person's way."""

import pytest

from tests.support.platform import Caller, Platform, eventually
from tests.support.timing import promised

pytestmark = pytest.mark.e2e


def test_cancelled_job_stops_within_a_second_and_frees_its_slot(musician: Caller) -> None:
    job = musician.generate("endless tone", model="tone", duration=300, spec={"speed": 2})
    eventually(lambda: musician.job(job["id"])["progress"] > 0, within=60, what="the job runs")
    with promised(1, "cancelling"):
        assert musician.call("POST", f"/jobs/{job['id']}/cancel").status_code == 202
        eventually(lambda: musician.job(job["id"])["status"] == "cancelled", within=60, what="cancelled", every=0.02)
    assert musician.tracks_of(job["id"]) == []
    usage = musician.call("GET", "/users/me/usage").json()
    assert usage["reserved_seconds"] == 0


def test_composer_job_stops_within_a_second_too(musician: Caller) -> None:
    job = musician.generate("long house", duration=600)
    eventually(lambda: musician.job(job["id"])["progress"] > 0, within=60, what="the job runs")
    with promised(1, "cancelling"):
        musician.call("POST", f"/jobs/{job['id']}/cancel")
        eventually(lambda: musician.job(job["id"])["status"] == "cancelled", within=60, what="cancelled", every=0.02)


def test_fifty_jobs_of_one_person_delay_another_by_one_job_at_most(platform: Platform, musician: Caller) -> None:
    crowd = [musician.generate("a tone", model="tone", duration=10, spec={"speed": 10}) for _ in range(50)]
    eventually(
        lambda: sum(j["status"] == "running" for j in jobs_of(musician)) >= 2, within=60, what="the workers are busy"
    )
    other = platform.sign_up()
    job = other.generate("just one", model="tone", duration=10, spec={"speed": 10})
    ended = other.finished(job["id"], within=60)
    done_before = sum(
        j["finished_at"] is not None and j["finished_at"] < ended["started_at"] for j in jobs_of(musician)
    )
    started_after_submission = sum(
        j["started_at"] is not None and ended["created_at"] < j["started_at"] < ended["started_at"]
        for j in jobs_of(musician)
    )
    for queued in crowd:
        musician.call("POST", f"/jobs/{queued['id']}/cancel")
    print(f"{done_before} of the crowd's jobs were done when the other one's began")
    assert started_after_submission <= 1


def jobs_of(caller: Caller) -> list[dict]:
    return caller.call("GET", "/jobs", params={"limit": 100}).json()["items"]
