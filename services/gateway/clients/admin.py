"""user_management's administration, as the gateway calls it. Every call is made as the administrator."""

from __future__ import annotations

import grpc

from protos.common.v1 import common_pb2
from protos.users.v1 import accounts_pb2, admin_pb2, admin_pb2_grpc, jobs_pb2
from services.gateway.clients.retries import RETRIES
from services.gateway.tokens.internal import InternalTokens
from services.shared.grpc_client import call
from services.shared.identity import Principal


class AdminClient:
    """Answers FORBIDDEN to whoever is no administrator."""

    def __init__(self, channel: grpc.aio.Channel, tokens: InternalTokens) -> None:
        self._stub = admin_pb2_grpc.AdminServiceStub(channel)
        self._tokens = tokens

    async def users(
        self, caller: Principal, *, search: str, role: str, limit: int, cursor: str
    ) -> admin_pb2.ListUsersResponse:
        """One page of accounts, newest first."""
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        response: admin_pb2.ListUsersResponse = await call(
            self._stub.ListUsers,
            admin_pb2.ListUsersRequest(page=page, search=search, role=role),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response

    async def user(self, caller: Principal, user_id: str) -> admin_pb2.ManagedUser:
        """One account with its quota."""
        response: admin_pb2.GetUserResponse = await call(
            self._stub.GetUser,
            admin_pb2.GetUserRequest(user_id=user_id),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.user

    async def change(
        self,
        caller: Principal,
        user_id: str,
        *,
        role: str | None,
        suspended: bool | None,
        tier: str | None,
        reason: str,
        device: accounts_pb2.Device,
    ) -> admin_pb2.ManagedUser:
        """Change a role, shut out, let in again."""
        request = admin_pb2.UpdateUserRequest(
            user_id=user_id, role=role, suspended=suspended, tier=tier, reason=reason, device=device
        )
        response: admin_pb2.UpdateUserResponse = await call(
            self._stub.UpdateUser, request, token=self._tokens.token(caller)
        )
        return response.user

    async def grant(
        self, caller: Principal, user_id: str, seconds: float, device: accounts_pb2.Device
    ) -> admin_pb2.ManagedUser:
        """Add to what an account may make."""
        request = admin_pb2.GrantQuotaRequest(user_id=user_id, seconds=seconds, device=device)
        response: admin_pb2.GrantQuotaResponse = await call(
            self._stub.GrantQuota, request, token=self._tokens.token(caller)
        )
        return response.user

    async def jobs(
        self, caller: Principal, *, user_id: str, status: jobs_pb2.JobStatus.ValueType, limit: int, cursor: str
    ) -> admin_pb2.ListJobsResponse:
        """One page of everybody's jobs, newest first."""
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        response: admin_pb2.ListJobsResponse = await call(
            self._stub.ListJobs,
            admin_pb2.ListJobsRequest(page=page, user_id=user_id, status=status),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response

    async def stats(self, caller: Principal) -> admin_pb2.GetStatsResponse:
        """How much there is of everything."""
        response: admin_pb2.GetStatsResponse = await call(
            self._stub.GetStats, admin_pb2.GetStatsRequest(), token=self._tokens.token(caller), retries=RETRIES
        )
        return response

    async def audit(
        self, caller: Principal, *, user_id: str, action: str, limit: int, cursor: str
    ) -> admin_pb2.ListAuditResponse:
        """One page of the audit log, newest first."""
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        response: admin_pb2.ListAuditResponse = await call(
            self._stub.ListAudit,
            admin_pb2.ListAuditRequest(page=page, user_id=user_id, action=action),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response
