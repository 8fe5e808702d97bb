"""Files that people send in a form: streamed to storage while they come, under a key of the sender's."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from starlette.requests import Request

from services.gateway.media.multipart import FileForm, boundary_of
from services.shared.errors import AppError, ErrorCode
from services.shared.ids import new_id
from services.shared.storage import ObjectStore


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file that lies in storage under `key`, and the form that it came in."""

    store: ObjectStore
    key: str
    form: FileForm

    async def forget(self) -> None:
        """Delete the file; what cannot be deleted now is swept later."""
        with contextlib.suppress(AppError):
            await self.store.delete(self.key)


async def receive_file(request: Request, store: ObjectStore, sender_id: str) -> ReceivedFile:
    """The file of the request's form, all of it stored.

    Raises `AppError` for what is no form with a file, and `ClientDisconnect` when the sender leaves half-way: then
    nothing is kept.
    """
    boundary = boundary_of(request.headers.get("content-type", ""))
    if request.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise AppError(ErrorCode.UNSUPPORTED_MEDIA, "Send the file as it is, without a Content-Encoding.")
    key = f"uploads/{sender_id}/{new_id()}"
    form = FileForm(boundary, request.stream())
    await store.put_stream(key, form.file())
    return ReceivedFile(store, key, form)
