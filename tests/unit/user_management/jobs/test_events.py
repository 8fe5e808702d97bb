import json
import uuid
from datetime import timedelta

import pytest

from services.user_management.jobs import rules
from services.user_management.jobs.document import job_document
from services.user_management.jobs.events import ending_events, is_terminal, status_event
from services.user_management.jobs.forecast import queued_eta_seconds
from services.user_management.jobs.rules import HeldLease, Job, JobFailure
from tests.support.memory_ledger import START

LEASE = HeldLease(uuid.UUID(int=7), 1)


def running() -> Job:
    job = Job(uuid.UUID(int=1), uuid.UUID(int=2), "generate", "generation", START, START, {"prompt": "rain"})
    return rules.claim(job, lease_id=LEASE.lease_id, worker_id="worker", now=START)


def test_success_ends_with_done_that_holds_the_job_and_its_tracks() -> None:
    track_id = uuid.UUID(int=5)
    job = rules.complete(running(), LEASE, now=START + timedelta(seconds=3), track_ids=(track_id,))
    status, done = ending_events(job)
    assert status[0] == "status"
    assert status[1]["status"] == "succeeded"
    assert done[0] == "done"
    assert done[1]["track_ids"] == [str(track_id)]
    assert done[1]["request"] == {"prompt": "rain"}
    assert done[1]["finished_at"] == "2026-01-01T00:00:03Z"
    assert json.loads(json.dumps(done[1])) == done[1]
    assert [is_terminal(*event) for event in (status, done)] == [False, True]


def test_failure_ends_with_an_error_for_people() -> None:
    job = rules.fail(running(), LEASE, JobFailure("internal", "Broken."), now=START)
    told = {"code": "internal", "message": "Broken.", "violations": []}
    assert ending_events(job)[-1] == ("error", told)
    assert job_document(job)["error"] == told


def test_cancel_ends_with_its_status() -> None:
    job = rules.release(rules.cancel(running(), now=START), LEASE, now=START)
    (event,) = ending_events(job)
    assert event[1]["status"] == "cancelled"
    assert is_terminal(*event)


def test_status_of_a_running_job_is_not_the_end() -> None:
    assert not is_terminal(*status_event(running()))


@pytest.mark.parametrize(("position", "running_jobs", "eta"), [(1, 0, 10), (3, 1, 30), (3, 2, 20), (1, 8, 10)])
def test_queued_job_waits_for_those_before_it_spread_over_the_busy_slots(
    position: int, running_jobs: int, eta: float
) -> None:
    assert queued_eta_seconds(position, running_jobs, 10) == eta
