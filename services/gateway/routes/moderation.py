"""Reports of what breaks the rules, and what moderators do about them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Caller, Cursor, Gateway, Limit, known_id
from services.gateway.device import device_of
from services.gateway.responses import also
from services.gateway.schemas.moderation import (
    Hiding,
    NewReport,
    Report,
    ReportKind,
    ReportList,
    ReportReceipt,
    ReportStatus,
    Verdict,
)

router = APIRouter(prefix="/api/v1", tags=["moderation"], route_class=GatewayRoute)

_REPORT = [Depends(Admission("write"))]
_READ = [Depends(Admission("read", scope="admin"))]
_WRITE = [Depends(Admission("write", scope="admin"))]


@router.post("/reports", status_code=201, dependencies=_REPORT, responses=also(404, 409))
async def report(body: NewReport, request: Request, caller: Caller, gateway: Gateway) -> ReportReceipt:
    """Tell moderators of a track, a comment or an account that breaks the rules.

    Told again while it is open, it is one report.
    """
    made = await gateway.moderation.report(
        caller,
        kind=body.kind,
        subject_id=body.id,
        reason=body.reason,
        details=body.details,
        device=device_of(request),
    )
    return ReportReceipt.from_message(made)


@router.get("/moderation/reports", dependencies=_READ)
async def list_reports(
    caller: Caller,
    gateway: Gateway,
    limit: Limit = 20,
    cursor: Cursor = "",
    status: Annotated[ReportStatus, Query(description="Open ones come oldest first, decided ones newest first.")] = (
        "open"
    ),
    kind: Annotated[ReportKind | None, Query(description="Only reports of such things.")] = None,
) -> ReportList:
    """The moderators' queue."""
    page = await gateway.moderation.reports(caller, status=status, kind=kind or "", limit=limit, cursor=cursor)
    items = [Report.from_message(found) for found in page.reports]
    return ReportList(items=items, next_cursor=page.next_cursor or None)


@router.get("/moderation/reports/{report_id}", dependencies=_READ)
async def get_report(report_id: str, caller: Caller, gateway: Gateway) -> Report:
    """One report."""
    return Report.from_message(await gateway.moderation.get(caller, known_id(report_id, "report")))


@router.post("/moderation/reports/{report_id}/decision", dependencies=_WRITE, responses=also(409))
async def decide_report(report_id: str, body: Verdict, request: Request, caller: Caller, gateway: Gateway) -> Report:
    """Dismiss a report, hide the track (a comment is removed), or suspend whose it is.

    It holds for every open report of the same thing.
    """
    decided = await gateway.moderation.decide(
        caller, known_id(report_id, "report"), decision=body.decision, note=body.note, device=device_of(request)
    )
    return Report.from_message(decided)


@router.put("/moderation/tracks/{track_id}/hidden", status_code=204, response_class=Response, dependencies=_WRITE)
async def hide_track(track_id: str, body: Hiding, request: Request, caller: Caller, gateway: Gateway) -> None:
    """Keep a track from everybody but its owner, without a report."""
    await gateway.moderation.set_hidden(
        caller, known_id(track_id, "track"), hidden=True, note=body.note, device=device_of(request)
    )


@router.delete("/moderation/tracks/{track_id}/hidden", status_code=204, response_class=Response, dependencies=_WRITE)
async def show_track(track_id: str, request: Request, caller: Caller, gateway: Gateway) -> None:
    """Show a hidden track again."""
    await gateway.moderation.set_hidden(
        caller, known_id(track_id, "track"), hidden=False, note="", device=device_of(request)
    )
