import grpc

from protos.users.v1.jobs_pb2 import JobError
from services.gateway.problems import PROBLEM_KINDS, kind_of
from services.gateway.schemas.jobs import problem_of
from services.gateway.validation import entry_of
from services.shared.errors import ErrorCode
from services.shared.grpc_errors import GRPC_STATUS

# The contract (docs/api-reference): written out, so that a change is seen.
STATUSES = {
    ErrorCode.VALIDATION: 422,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.SIGN_UP_REQUIRED: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.CONFLICT: 409,
    ErrorCode.IDEMPOTENCY_MISMATCH: 422,
    ErrorCode.IDEMPOTENCY_IN_PROGRESS: 409,
    ErrorCode.QUOTA_EXCEEDED: 429,
    ErrorCode.SECOND_FACTOR_REQUIRED: 401,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.QUEUE_FULL: 503,
    ErrorCode.OVERLOADED: 503,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.DEADLINE_EXCEEDED: 504,
    ErrorCode.STALE_LEASE: 409,
    ErrorCode.PRECONDITION_FAILED: 412,
    ErrorCode.PAYLOAD_TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA: 415,
    ErrorCode.RANGE_NOT_SATISFIABLE: 416,
    ErrorCode.STORAGE_FULL: 507,
    ErrorCode.MODEL_NOT_INSTALLED: 409,
    ErrorCode.INTERNAL: 500,
}


def test_every_error_code_has_its_status() -> None:
    assert {code: kind_of(code).status for code in ErrorCode} == STATUSES
    assert set(GRPC_STATUS) == set(STATUSES)
    assert grpc.StatusCode.OK not in GRPC_STATUS.values()


def test_every_kind_explains_itself() -> None:
    for code, kind in PROBLEM_KINDS.items():
        assert kind.type == f"/problems/{code}"
        assert kind.title[0].isupper()
        assert not kind.title.endswith(".")
        assert kind.explanation.endswith(".")


def test_an_unknown_code_counts_as_internal() -> None:
    assert kind_of("worker-crashed").status == 500
    problem = problem_of(JobError(code="worker-crashed", message="It broke."))
    assert (problem.detail, problem.errors) == ("It broke.", None)


def test_an_unforeseen_finding_keeps_its_own_words() -> None:
    found = entry_of({"type": "url_parsing", "loc": ("body", "webhook_url"), "msg": "Input should be a valid URL"})
    assert (found.pointer, found.detail) == ("/webhook_url", "Input should be a valid URL.")
