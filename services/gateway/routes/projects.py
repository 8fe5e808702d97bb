"""Projects: folders of one's own tracks."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Caller, Cursor, Gateway, IdempotencyKey, Limit, idempotency_of, known_id
from services.gateway.entity_tags import IfMatch, revised, revisions_of
from services.gateway.responses import also
from services.gateway.schemas.projects import NewProject, Project, ProjectList, ProjectPatch

router = APIRouter(prefix="/api/v1/projects", tags=["projects"], route_class=GatewayRoute)

_READ = [Depends(Admission("read"))]
_WRITE = [Depends(Admission("write"))]


@router.get("", dependencies=_READ)
async def list_projects(caller: Caller, gateway: Gateway, limit: Limit = 20, cursor: Cursor = "") -> ProjectList:
    """Your projects, newest first."""
    page = await gateway.projects.list(caller, limit=limit, cursor=cursor)
    items = [Project.from_message(project) for project in page.projects]
    return ProjectList(items=items, next_cursor=page.next_cursor or None)


@router.post("", status_code=201, dependencies=_WRITE, responses=also(404, 409))
async def create_project(
    body: NewProject,
    request: Request,
    response: Response,
    caller: Caller,
    gateway: Gateway,
    idempotency_key: IdempotencyKey = None,
) -> Project:
    """Make an empty project."""
    made = await gateway.projects.create(
        caller,
        title=body.title,
        description=body.description,
        idempotency=idempotency_of(request, idempotency_key, body),
    )
    if made.replayed:
        response.headers["idempotency-replayed"] = "true"
    return Project.from_message(made.project)


@router.get("/{project_id}", dependencies=_READ)
async def get_project(project_id: str, request: Request, caller: Caller, gateway: Gateway) -> Project:
    """One project; its tracks are `GET /api/v1/tracks?project_id=…`."""
    project = await gateway.projects.get(caller, known_id(project_id, "project"))
    revised(request, project.revision)
    return Project.from_message(project)


@router.patch("/{project_id}", dependencies=_WRITE)
async def update_project(
    project_id: str, body: ProjectPatch, request: Request, caller: Caller, gateway: Gateway, if_match: IfMatch = None
) -> Project:
    """Change what a project is called."""
    changed = await gateway.projects.update(
        caller,
        known_id(project_id, "project"),
        title=body.title,
        description=body.description,
        revisions=revisions_of(if_match),
    )
    revised(request, changed.revision)
    return Project.from_message(changed)


@router.delete("/{project_id}", status_code=204, response_class=Response, dependencies=_WRITE)
async def delete_project(project_id: str, caller: Caller, gateway: Gateway, if_match: IfMatch = None) -> None:
    """Remove a project. Its tracks stay, in none."""
    await gateway.projects.delete(caller, known_id(project_id, "project"), revisions_of(if_match))
