"""user_management's exports of accounts, as the gateway calls them."""

from __future__ import annotations

import grpc

from protos.users.v1 import exports_pb2, exports_pb2_grpc
from services.gateway.clients.retries import RETRIES
from services.gateway.tokens.internal import InternalTokens
from services.shared.grpc_client import call
from services.shared.identity import Principal


class ExportsClient:
    """Every call is made as the account's owner."""

    def __init__(self, channel: grpc.aio.Channel, tokens: InternalTokens) -> None:
        self._stub = exports_pb2_grpc.ExportServiceStub(channel)
        self._tokens = tokens

    async def start(self, caller: Principal) -> exports_pb2.Export:
        """Have an export made."""
        response: exports_pb2.StartExportResponse = await call(
            self._stub.StartExport, exports_pb2.StartExportRequest(), token=self._tokens.token(caller), retries=RETRIES
        )
        return response.export

    async def get(self, caller: Principal) -> exports_pb2.Export:
        """The account's export."""
        response: exports_pb2.GetExportResponse = await call(
            self._stub.GetExport, exports_pb2.GetExportRequest(), token=self._tokens.token(caller), retries=RETRIES
        )
        return response.export
