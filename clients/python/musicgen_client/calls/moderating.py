"""Reports of what breaks the rules, and what moderators do about them."""

from __future__ import annotations

from typing import Any, Final, Literal

from musicgen_client.calls.call import Call, given, path_to, read_nothing, reader_of
from musicgen_client.collections import Report, ReportReceipt
from musicgen_client.models import Page

ReportKind = Literal["track", "user", "comment"]


ReportReason = Literal["spam", "copyright", "hate", "sexual", "violence", "impersonation", "other"]


Decision = Literal["dismiss", "hide", "suspend"]


READ_REPORT: Final = reader_of(Report)


def report(kind: ReportKind, subject_id: str, reason: ReportReason, details: str = "") -> Call[ReportReceipt]:
    """Tell moderators of a track, a comment or an account that breaks the rules."""
    body: dict[str, Any] = {"kind": kind, "id": subject_id, "reason": reason, "details": details}
    return Call("POST", path_to("reports"), reader_of(ReportReceipt), body=body)


def reports(
    *,
    status: Literal["open", "dismissed", "acted"] = "open",
    kind: ReportKind | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> Call[Page[Report]]:
    """The moderators' queue: open ones oldest first, decided ones newest first."""
    params: dict[str, Any] = given(status=status, kind=kind, limit=str(limit), cursor=cursor)
    return Call("GET", path_to("moderation", "reports"), reader_of(Page[Report]), params=params)


def moderated_report(report_id: str) -> Call[Report]:
    """One report, as moderators see it."""
    return Call("GET", path_to("moderation", "reports", report_id), READ_REPORT)


def decide_report(report_id: str, decision: Decision, note: str = "") -> Call[Report]:
    """Dismiss a report, hide the track (a comment is removed), or suspend whose it is.

    It holds for every open report of the same thing.
    """
    body = {"decision": decision, "note": note}
    return Call("POST", path_to("moderation", "reports", report_id, "decision"), READ_REPORT, body=body)


def hide_track(track_id: str, note: str = "") -> Call[None]:
    """Keep a track from everybody but its owner (moderators)."""
    return Call("PUT", path_to("moderation", "tracks", track_id, "hidden"), read_nothing, body={"note": note})


def show_track(track_id: str) -> Call[None]:
    """Show a hidden track again (moderators)."""
    return Call("DELETE", path_to("moderation", "tracks", track_id, "hidden"), read_nothing)
