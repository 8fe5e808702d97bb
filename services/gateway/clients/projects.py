"""user_management's projects, as the gateway calls them."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from protos.common.v1 import common_pb2
from protos.users.v1 import jobs_pb2, projects_pb2, projects_pb2_grpc
from services.gateway.clients.retries import RETRIES, retries_unless
from services.gateway.tokens.internal import InternalTokens
from services.shared.grpc_client import call
from services.shared.identity import Principal


class ProjectsClient:
    """Every call is made as the person who asks."""

    def __init__(self, channel: grpc.aio.Channel, tokens: InternalTokens) -> None:
        self._stub = projects_pb2_grpc.ProjectServiceStub(channel)
        self._tokens = tokens

    async def create(
        self, caller: Principal, *, title: str, description: str, idempotency: jobs_pb2.Idempotency | None
    ) -> projects_pb2.CreateProjectResponse:
        """A new project. Repeated by itself only under an idempotency key."""
        request = projects_pb2.CreateProjectRequest(title=title, description=description, idempotency=idempotency)
        response: projects_pb2.CreateProjectResponse = await call(
            self._stub.CreateProject,
            request,
            token=self._tokens.token(caller),
            retries=RETRIES if idempotency is not None else 0,
        )
        return response

    async def list(self, caller: Principal, *, limit: int, cursor: str) -> projects_pb2.ListProjectsResponse:
        """One page of the caller's projects, newest first."""
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        response: projects_pb2.ListProjectsResponse = await call(
            self._stub.ListProjects,
            projects_pb2.ListProjectsRequest(page=page),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response

    async def get(self, caller: Principal, project_id: str) -> projects_pb2.Project:
        """One project."""
        response: projects_pb2.GetProjectResponse = await call(
            self._stub.GetProject,
            projects_pb2.GetProjectRequest(project_id=project_id),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.project

    async def update(
        self,
        caller: Principal,
        project_id: str,
        *,
        title: str | None,
        description: str | None,
        revisions: Sequence[int] = (),
    ) -> projects_pb2.Project:
        """Change what is not None."""
        request = projects_pb2.UpdateProjectRequest(
            project_id=project_id, title=title, description=description, expected_revisions=revisions
        )
        response: projects_pb2.UpdateProjectResponse = await call(
            self._stub.UpdateProject, request, token=self._tokens.token(caller), retries=retries_unless(revisions)
        )
        return response.project

    async def delete(self, caller: Principal, project_id: str, revisions: Sequence[int] = ()) -> None:
        """Remove a project; its tracks stay."""
        request = projects_pb2.DeleteProjectRequest(project_id=project_id, expected_revisions=revisions)
        await call(self._stub.DeleteProject, request, token=self._tokens.token(caller))
