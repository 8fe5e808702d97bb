"""user_management's reports and moderation, as the gateway calls them."""

from __future__ import annotations

import grpc

from protos.common.v1 import common_pb2
from protos.users.v1 import accounts_pb2, moderation_pb2, moderation_pb2_grpc
from services.gateway.clients.retries import RETRIES
from services.gateway.tokens.internal import InternalTokens
from services.shared.grpc_client import call
from services.shared.identity import Principal

Device = accounts_pb2.Device


class ModerationClient:
    """Every call is made as the person who asks; all but reporting is for moderators."""

    def __init__(self, channel: grpc.aio.Channel, tokens: InternalTokens) -> None:
        self._stub = moderation_pb2_grpc.ModerationServiceStub(channel)
        self._tokens = tokens

    async def report(
        self, caller: Principal, *, kind: str, subject_id: str, reason: str, details: str, device: Device
    ) -> moderation_pb2.Report:
        """Tell moderators of something. The same again while it is open is one report."""
        request = moderation_pb2.ReportRequest(
            kind=kind, subject_id=subject_id, reason=reason, details=details, device=device
        )
        response: moderation_pb2.ReportResponse = await call(
            self._stub.Report, request, token=self._tokens.token(caller), retries=RETRIES
        )
        return response.report

    async def reports(
        self, caller: Principal, *, status: str, kind: str, limit: int, cursor: str
    ) -> moderation_pb2.ListReportsResponse:
        """One page of the queue, or of what was decided."""
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        response: moderation_pb2.ListReportsResponse = await call(
            self._stub.ListReports,
            moderation_pb2.ListReportsRequest(page=page, status=status, kind=kind),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response

    async def get(self, caller: Principal, report_id: str) -> moderation_pb2.Report:
        """One report."""
        response: moderation_pb2.GetReportResponse = await call(
            self._stub.GetReport,
            moderation_pb2.GetReportRequest(report_id=report_id),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.report

    async def decide(
        self, caller: Principal, report_id: str, *, decision: str, note: str, device: Device
    ) -> moderation_pb2.Report:
        """Decide every open report of the same thing."""
        request = moderation_pb2.DecideReportRequest(report_id=report_id, decision=decision, note=note, device=device)
        response: moderation_pb2.DecideReportResponse = await call(
            self._stub.DecideReport, request, token=self._tokens.token(caller)
        )
        return response.report

    async def set_hidden(self, caller: Principal, track_id: str, *, hidden: bool, note: str, device: Device) -> None:
        """Keep a track from everybody but its owner, or show it again."""
        request = moderation_pb2.SetTrackHiddenRequest(track_id=track_id, hidden=hidden, note=note, device=device)
        await call(self._stub.SetTrackHidden, request, token=self._tokens.token(caller))
