"""`musicgen.users.v1.ExportService`: reads messages, asks the use cases, writes messages."""
# ruff: noqa: N802 — the names of the methods are the protocol's

from __future__ import annotations

from typing import Any

from protos.users.v1 import exports_pb2, exports_pb2_grpc
from services.user_management.callers import user_id
from services.user_management.exports.exports import Exports, next_at
from services.user_management.exports.repository import Export
from services.user_management.wire import timestamp

Context = Any


class ExportServicer(exports_pb2_grpc.ExportServiceServicer):
    """Every call is the owner's."""

    def __init__(self, exports: Exports) -> None:
        self._exports = exports

    async def StartExport(
        self, request: exports_pb2.StartExportRequest, context: Context
    ) -> exports_pb2.StartExportResponse:
        """Have an export made."""
        return exports_pb2.StartExportResponse(export=_message(await self._exports.ask(user_id())))

    async def GetExport(self, request: exports_pb2.GetExportRequest, context: Context) -> exports_pb2.GetExportResponse:
        """How far it is."""
        return exports_pb2.GetExportResponse(export=_message(await self._exports.get(user_id())))


def _message(export: Export) -> exports_pb2.Export:
    return exports_pb2.Export(
        id=str(export.id),
        status=export.status,
        files=export.files,
        files_done=export.files_done,
        object_key=export.object_key,
        size_bytes=export.size_bytes,
        sha256=export.sha256,
        error=export.error,
        created_at=timestamp(export.created_at),
        finished_at=timestamp(export.finished_at),
        expires_at=timestamp(export.expires_at),
        next_at=timestamp(next_at(export)),
    )
