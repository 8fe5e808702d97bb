# ruff: noqa: N802 — the methods are named as in the protos
"""Exports, of which nobody has asked for any; over real gRPC."""

from protos.users.v1 import exports_pb2_grpc
from services.shared.identity import require_user
from tests.support.gateway_services.library import not_found


class Exports(exports_pb2_grpc.ExportServiceServicer):
    """None."""

    async def GetExport(self, request, context):
        require_user()
        raise not_found("export")
