"""`musicgen.users.v1.ProjectService`: reads messages, asks the database, writes messages."""
# ruff: noqa: N802 — the names of the methods are the protocol's

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from protos.users.v1 import projects_pb2, projects_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.shared.ids import new_id
from services.user_management.callers import user_id
from services.user_management.database import Database
from services.user_management.jobs.idempotency import IdempotencyRepository
from services.user_management.jobs.wire import idempotency_key
from services.user_management.library.rules import description, title
from services.user_management.projects.repository import Project, ProjectRepository
from services.user_management.revisions import expected
from services.user_management.wire import cursor_id, cursor_of, page_limit, parse_id, timestamp

Context = Any

MOST_PROJECTS: Final = 1_000


class ProjectServicer(projects_pb2_grpc.ProjectServiceServicer):
    """The caller's folders of tracks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def CreateProject(
        self, request: projects_pb2.CreateProjectRequest, context: Context
    ) -> projects_pb2.CreateProjectResponse:
        """Make an empty project."""
        owner_id, key, project_id = user_id(), idempotency_key(request.idempotency), UUID(new_id())
        name, about = title(request.title), description(request.description)

        async def work(connection: AsyncConnection) -> tuple[Project, bool]:
            repository = ProjectRepository(connection)
            earlier = await IdempotencyRepository(connection).claim(owner_id, key, project_id) if key else None
            if earlier is not None:
                return _existing(await repository.get(earlier, owner_id)), True
            if await repository.count_of(owner_id) >= MOST_PROJECTS:
                raise AppError(
                    ErrorCode.CONFLICT, f"You have {MOST_PROJECTS} projects, which is the limit. Remove one first."
                )
            await repository.insert(project_id, owner_id, name, about)
            return _existing(await repository.get(project_id, owner_id)), False

        project, replayed = await self._database.write(work, repeatable=key is not None)
        return projects_pb2.CreateProjectResponse(project=_message(project), replayed=replayed)

    async def ListProjects(
        self, request: projects_pb2.ListProjectsRequest, context: Context
    ) -> projects_pb2.ListProjectsResponse:
        """The caller's, newest first."""
        owner_id, limit, before_id = user_id(), page_limit(request.page.limit), cursor_id(request.page.cursor)
        found = await self._database.read(
            lambda connection: ProjectRepository(connection).page(owner_id, before_id, limit + 1)
        )
        return projects_pb2.ListProjectsResponse(
            projects=[_message(project) for project in found[:limit]],
            next_cursor=cursor_of(found[limit - 1].id) if len(found) > limit else "",
        )

    async def GetProject(
        self, request: projects_pb2.GetProjectRequest, context: Context
    ) -> projects_pb2.GetProjectResponse:
        """One project of the caller."""
        owner_id, project_id = user_id(), _project_id(request.project_id)
        found = await self._database.read(lambda connection: ProjectRepository(connection).get(project_id, owner_id))
        return projects_pb2.GetProjectResponse(project=_message(_existing(found)))

    async def UpdateProject(
        self, request: projects_pb2.UpdateProjectRequest, context: Context
    ) -> projects_pb2.UpdateProjectResponse:
        """Change what a project is called."""
        owner_id, project_id = user_id(), _project_id(request.project_id)
        changes: dict[str, Any] = {}
        if request.HasField("title"):
            changes["title"] = title(request.title)
        if request.HasField("description"):
            changes["description"] = description(request.description)

        revisions = expected(request.expected_revisions)

        async def work(connection: AsyncConnection) -> Project | None:
            repository = ProjectRepository(connection)
            if not await repository.lock(project_id, owner_id, revisions):
                return None
            await repository.update(project_id, changes)
            return await repository.get(project_id, owner_id)

        # Done once, it finds another revision.
        changed = _existing(await self._database.write(work, repeatable=not revisions))
        return projects_pb2.UpdateProjectResponse(project=_message(changed))

    async def DeleteProject(
        self, request: projects_pb2.DeleteProjectRequest, context: Context
    ) -> projects_pb2.DeleteProjectResponse:
        """Remove a project; its tracks stay."""
        owner_id, project_id = user_id(), _project_id(request.project_id)
        revisions = expected(request.expected_revisions)

        async def work(connection: AsyncConnection) -> bool:
            repository = ProjectRepository(connection)
            there = await repository.lock(project_id, owner_id, revisions)
            if there:
                await repository.delete(project_id)
            return there

        if not await self._database.write(work):
            raise no_such_project()
        return projects_pb2.DeleteProjectResponse()


def no_such_project() -> AppError:
    """What is said of a project that is none of the caller's."""
    return AppError(ErrorCode.NOT_FOUND, "There is no such project.")


def _project_id(text: str) -> UUID:
    project_id = parse_id(text)
    if project_id is None:
        raise no_such_project()
    return project_id


def _existing(project: Project | None) -> Project:
    if project is None:
        raise no_such_project()
    return project


def _message(project: Project) -> projects_pb2.Project:
    return projects_pb2.Project(
        id=str(project.id),
        title=project.title,
        description=project.description,
        track_count=project.track_count,
        created_at=timestamp(project.created_at),
        revision=project.revision,
    )
