"""Files that people send: streamed to storage, then made tracks by a job."""

from __future__ import annotations

import orjson
from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from protos.processing.v1 import processing_pb2
from services.gateway.admission import Admission, GatewayRoute
from services.gateway.collaborators import Collaborators
from services.gateway.dependencies import Caller, Gateway, IdempotencyKey, idempotency_of
from services.gateway.in_flight import TRANSFERS
from services.gateway.media.multipart import FileForm
from services.gateway.media.receiving import ReceivedFile, receive_file
from services.gateway.responses import also
from services.gateway.schemas.jobs import Job
from services.gateway.schemas.uploads import UPLOAD_FORM, Upload, UploadFields
from services.gateway.streams.disconnect import nobody_there
from services.gateway.validation import entry_of
from services.shared.errors import AppError, ErrorCode, FieldViolation
from services.shared.identity import Principal

PATH = "/api/v1/uploads"

router = APIRouter(prefix=PATH, tags=["uploads"], route_class=GatewayRoute)

_LONGEST_FILENAME = 255

# After these nobody knows whether a job has taken the file: it stays, and is forgotten when none did.
_UNDECIDED = frozenset({ErrorCode.UNAVAILABLE, ErrorCode.DEADLINE_EXCEEDED, ErrorCode.IDEMPOTENCY_IN_PROGRESS})


@router.post(
    "",
    status_code=202,
    dependencies=[Depends(Admission("generate", place=TRANSFERS))],
    response_model=Job,
    responses=also(408, 409, 413, 415, 422, 507),
    openapi_extra=UPLOAD_FORM,
)
async def upload(
    request: Request,
    response: Response,
    caller: Caller,
    gateway: Gateway,
    idempotency_key: IdempotencyKey = None,
) -> Job | Response:
    """Send a file; the answer is the job that checks it and makes it a track of yours. Its result names the track."""
    try:
        sent = await receive_file(request, gateway.store, caller.subject)
    except ClientDisconnect:
        return nobody_there()
    try:
        submitted = await _submit(request, gateway, caller, sent, idempotency_key)
    except AppError as error:
        if error.code not in _UNDECIDED:
            await sent.forget()
        raise
    if submitted.replayed:
        # A call that was repeated on the way is a replay too: then the job waits for this very file.
        if f'"{sent.key}"' not in submitted.job.request_json:
            await sent.forget()
        response.headers["idempotency-replayed"] = "true"
    job = Job.from_message(submitted.job, gateway.links.of(caller))
    response.headers["location"] = job.links["self"]
    return job


async def _submit(
    request: Request, gateway: Collaborators, caller: Principal, sent: ReceivedFile, idempotency_key: str | None
) -> processing_pb2.SubmitResponse:
    form = sent.form
    fields = _fields(form)
    filename = form.filename[-_LONGEST_FILENAME:]
    same = Upload(title=fields.title, filename=filename, size_bytes=form.size_bytes, sha256=form.sha256)
    body = {"filename": filename, "size_bytes": form.size_bytes, "title": fields.title}
    return await gateway.processing.submit(
        caller,
        "import",
        orjson.dumps({name: value for name, value in body.items() if value is not None}).decode(),
        idempotency_of(request, idempotency_key, same),
        processing_pb2.Upload(object_key=sent.key, size_bytes=form.size_bytes, filename=filename),
    )


def _fields(form: FileForm) -> UploadFields:
    try:
        return UploadFields.model_validate(form.fields)
    except ValidationError as error:
        found = [entry_of({**item, "loc": ("body", *item["loc"])}) for item in error.errors()]
        violations = [FieldViolation(item.pointer, item.detail) for item in found]
        raise AppError(ErrorCode.VALIDATION, violations[0].detail, violations=violations) from None
