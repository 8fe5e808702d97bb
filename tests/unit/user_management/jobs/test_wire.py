import pytest

from protos.users.v1 import jobs_pb2
from services.shared.errors import AppError
from services.user_management.jobs import wire
from services.user_management.jobs.rules import JobFailure


def request(**fields: object) -> jobs_pb2.CreateRequest:
    return jobs_pb2.CreateRequest(
        **{"kind": "generate", "queue": "generation", "request_json": "{}", **fields}  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"kind": ""}, "/kind"),
        ({"kind": "x" * 65}, "/kind"),
        ({"queue": "elsewhere"}, "/queue"),
        ({"priority": 11}, "/priority"),
        ({"request_json": "nonsense"}, "/request_json"),
        ({"reserve_seconds": float("nan")}, "/duration"),
        ({"reserve_seconds": -1}, "/duration"),
    ],
)
def test_job_that_makes_no_sense_is_refused_by_field(fields: dict[str, object], pointer: str) -> None:
    with pytest.raises(AppError) as refused:
        wire.new_job(request(**fields))
    assert refused.value.violations[0].pointer == pointer


def test_unset_cost_is_one() -> None:
    assert wire.new_job(request()).cost == 1


@pytest.mark.parametrize(
    ("key", "route", "sha", "pointer"),
    [
        ("k" * 256, "POST /x", b"0" * 32, "/idempotency_key"),
        ("kö", "POST /x", b"0" * 32, "/idempotency_key"),
        ("a\n", "POST /x", b"0" * 32, "/idempotency_key"),
        ("k", "", b"0" * 32, "/idempotency"),
        ("k", "POST /x", b"short", "/idempotency"),
    ],
)
def test_bad_idempotency_key_is_refused(key: str, route: str, sha: bytes, pointer: str) -> None:
    with pytest.raises(AppError) as refused:
        wire.idempotency_key(jobs_pb2.Idempotency(key=key, route=route, body_sha256=sha))
    assert refused.value.violations[0].pointer == pointer


def test_no_key_is_no_idempotency() -> None:
    assert wire.idempotency_key(jobs_pb2.Idempotency(route="POST /x")) is None


def test_worker_needs_a_name() -> None:
    with pytest.raises(AppError):
        wire.worker_id("")


def test_beat_of_a_forged_id_is_none() -> None:
    assert wire.beat(jobs_pb2.LeaseBeat(job_id="x", lease_id="y")) is None


def test_failure_without_words_gets_some() -> None:
    assert wire.failure(jobs_pb2.JobError()) == JobFailure("internal", "Something went wrong on our side.")


def test_fields_to_blame_are_kept_within_bounds() -> None:
    told = jobs_pb2.JobError(
        code="validation", message="No.", violations=[{"pointer": "/a\0", "detail": "b" * 9_000}] * 30
    )
    kept = wire.failure(told).violations
    assert len(kept) == 20
    assert (kept[0].pointer, kept[0].detail) == ("/a\N{REPLACEMENT CHARACTER}", "b" * 2_000)


def test_unknown_status_cannot_be_filtered_by() -> None:
    with pytest.raises(AppError):
        wire.status_filter(99)  # type: ignore[arg-type]
    assert wire.status_filter(jobs_pb2.JOB_STATUS_UNSPECIFIED) is None
