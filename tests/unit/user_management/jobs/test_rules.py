"""One transition at a time."""

import math
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from services.shared.errors import AppError, ErrorCode
from services.user_management.jobs import rules
from services.user_management.jobs.rules import HeldLease, Job, JobFailure, Status
from tests.support.memory_ledger import START

LATER = START + timedelta(seconds=5)
LEASE = uuid.UUID(int=7)


def queued() -> Job:
    return Job(
        id=uuid.UUID(int=1),
        owner_id=uuid.UUID(int=2),
        kind="generate",
        queue="generation",
        created_at=START,
        queued_at=START,
    )


def running(job: Job | None = None) -> Job:
    return rules.claim(job or queued(), lease_id=LEASE, worker_id="worker", now=START)


def held(job: Job) -> HeldLease:
    assert job.lease_id is not None
    return HeldLease(job.lease_id, job.fencing_token)


def test_claim_leases_for_ten_seconds_under_a_new_token() -> None:
    job = running()
    assert job.status is Status.RUNNING
    assert job.lease_expires_at == START + timedelta(seconds=10)
    assert (job.fencing_token, job.runs, job.started_at) == (1, 1, START)


def test_running_job_cannot_be_claimed() -> None:
    with pytest.raises(AppError):
        running(running())


def test_second_run_keeps_the_first_start() -> None:
    back = rules.release(running(), held(running()), now=LATER)
    again = rules.claim(back, lease_id=uuid.UUID(int=8), worker_id="other", now=LATER)
    assert (again.runs, again.fencing_token, again.started_at) == (2, 2, START)


def test_renewal_prolongs_and_progress_never_falls() -> None:
    job = running()
    job = rules.renew(job, held(job), progress=0.6, stage="bass", eta_seconds=4, now=LATER)
    job = rules.renew(job, held(job), progress=0.2, stage="", eta_seconds=math.inf, now=LATER)
    assert job.lease_expires_at == LATER + timedelta(seconds=10)
    assert (job.progress, job.stage, job.eta_seconds) == (0.6, "bass", 0)


@pytest.mark.parametrize(("given", "taken"), [(-1, 0), (2, 1), (math.nan, 0), (math.inf, 0), (0.5, 0.5)])
def test_progress_is_a_fraction_whatever_is_reported(given: float, taken: float) -> None:
    assert rules.fraction(given) == taken


def test_lease_that_ran_out_but_was_not_taken_still_completes() -> None:
    job = running()
    ended = rules.complete(job, held(job), now=START + timedelta(minutes=1), track_ids=(uuid.UUID(int=5),))
    assert (ended.status, ended.progress, ended.track_ids) == (Status.SUCCEEDED, 1.0, (uuid.UUID(int=5),))


def test_completion_repeated_answers_the_first_outcome() -> None:
    job = running()
    ended = rules.complete(job, held(job), now=LATER, track_ids=(uuid.UUID(int=5),))
    again = rules.complete(ended, held(job), now=LATER + timedelta(seconds=1), track_ids=(uuid.UUID(int=6),))
    assert again == ended


@pytest.mark.parametrize("stale", [HeldLease(LEASE, 2), HeldLease(uuid.UUID(int=9), 1), HeldLease(LEASE, 0)])
def test_stale_lease_changes_nothing(stale: HeldLease) -> None:
    job = running()
    calls = [
        lambda: rules.renew(job, stale, progress=1, stage="", eta_seconds=0, now=LATER),
        lambda: rules.complete(job, stale, now=LATER),
        lambda: rules.fail(job, stale, JobFailure("x", "y"), now=LATER),
        lambda: rules.release(job, stale, now=LATER),
    ]
    for call in calls:
        with pytest.raises(AppError) as refused:
            call()
        assert refused.value.code is ErrorCode.STALE_LEASE


def test_completion_after_release_is_refused() -> None:
    job = running()
    with pytest.raises(AppError):
        rules.complete(rules.release(job, held(job), now=LATER), held(job), now=LATER)


def test_failure_says_why_and_is_repeatable() -> None:
    job = running()
    failed = rules.fail(job, held(job), JobFailure("validation", "Too long."), now=LATER)
    assert failed.status is Status.FAILED
    assert failed.failure == JobFailure("validation", "Too long.")
    assert rules.fail(failed, held(job), JobFailure("other", "Other."), now=LATER) == failed


def test_release_costs_no_attempt() -> None:
    job = running()
    back = rules.release(job, held(job), now=LATER)
    assert (back.status, back.crashes, back.progress, back.queued_at) == (Status.QUEUED, 0, 0, LATER)
    assert not back.run_alone
    assert rules.release(back, held(job), now=LATER) == back


def test_queued_job_is_cancelled_at_once() -> None:
    job = rules.cancel(queued(), now=LATER)
    assert (job.status, job.finished_at, job.cancel_requested) == (Status.CANCELLED, LATER, True)


def test_running_job_is_asked_to_stop_and_ends_with_its_release() -> None:
    asked = rules.cancel(running(), now=LATER)
    assert (asked.status, asked.cancel_requested) == (Status.RUNNING, True)
    assert rules.release(asked, held(asked), now=LATER).status is Status.CANCELLED


@pytest.mark.parametrize("end", ["complete", "fail", "reap"])
def test_accepted_cancel_wins_over_whatever_comes_after(end: str) -> None:
    asked = rules.cancel(running(), now=LATER)
    ended = {
        "complete": lambda: rules.complete(asked, held(asked), now=LATER, track_ids=(LEASE,)),
        "fail": lambda: rules.fail(asked, held(asked), JobFailure("x", "y"), now=LATER),
        "reap": lambda: rules.take_away(asked, now=LATER),
    }[end]()
    assert (ended.status, ended.track_ids, ended.failure) == (Status.CANCELLED, (), None)


def test_cancel_of_an_ended_job_changes_nothing() -> None:
    job = running()
    ended = rules.complete(job, held(job), now=LATER)
    assert rules.cancel(ended, now=LATER) == ended


def test_job_is_taken_away_under_a_new_token() -> None:
    job = running()
    taken = rules.take_away(job, now=LATER)
    assert (taken.status, taken.crashes, taken.fencing_token) == (Status.QUEUED, 1, 2)
    assert taken.run_alone
    with pytest.raises(AppError):
        rules.complete(taken, held(job), now=LATER)


def test_third_crash_fails_the_job_in_words_for_people() -> None:
    job = queued()
    for _ in range(3):
        job = rules.take_away(running(job), now=LATER)
    assert (job.status, job.crashes) == (Status.FAILED, 3)
    assert job.failure is not None
    assert job.failure.code == "worker-crashed"
    assert "3 times" in job.failure.message


def test_taking_away_what_does_not_run_changes_nothing() -> None:
    assert rules.take_away(queued(), now=LATER) == queued()


def test_lease_expires_when_its_time_has_come() -> None:
    job = running()
    assert not rules.expired(job, START + timedelta(seconds=9.9))
    assert rules.expired(job, START + timedelta(seconds=10))
    assert not rules.expired(replace(queued(), lease_expires_at=START), LATER)


def test_ended_job_is_cleaned_up_after_the_live_channel() -> None:
    job = running()
    assert rules.complete(job, held(job), now=LATER).cleanup_due_at == LATER + timedelta(minutes=20)
