"""What people are told of."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Caller, Cursor, Gateway, Limit
from services.gateway.entity_tags import IfMatch, revised, revisions_of
from services.gateway.responses import Responses, also
from services.gateway.schemas.notifications import (
    NotificationList,
    NotificationPreferences,
    NotificationsRead,
    PreferencesChange,
    Unread,
)

router = APIRouter(prefix="/api/v1/notifications", tags=["notifications"], route_class=GatewayRoute)

# With the token of a mail; what mail readers send for their people comes from few addresses.
_MAILED = [Depends(Admission("shared", signed_in=False))]
Token = Annotated[str, Query(min_length=1, max_length=100, description="Of the link in the mail.")]
_HTML: Responses = {200: {"description": "A page", "content": {"text/html": {"schema": {"type": "string"}}}}}
_PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "cache-control": "no-store",
    # The button's own request says whence it comes; other sites learn nothing.
    "referrer-policy": "same-origin",
}
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Music Gen AI</title><h1>Mails of what you missed</h1>{body}</html>"""
_ASKED = '<form method="post"><button>Send me no more of them</button></form>'
_ENDED = "<p>You get no more of them. The settings of your account turn them on again.</p>"

_READ = [Depends(Admission("read"))]
_WRITE = [Depends(Admission("write"))]


@router.get("", dependencies=_READ)
async def list_notifications(
    caller: Caller,
    gateway: Gateway,
    unread: Annotated[bool, Query(description="Only those that are unread.")] = False,
    limit: Limit = 20,
    cursor: Cursor = "",
) -> NotificationList:
    """What you were told, latest first; kept for 90 days. New ones come over the hub, too."""
    page = await gateway.notifications.list(caller, unread=unread, limit=limit, cursor=cursor)
    return NotificationList.from_message(page)


@router.get("/unread", dependencies=_READ)
async def count_unread(caller: Caller, gateway: Gateway) -> Unread:
    """How many are unread."""
    return Unread(unread=await gateway.notifications.unread(caller))


@router.post("/read", dependencies=_WRITE)
async def mark_read(body: NotificationsRead, caller: Caller, gateway: Gateway) -> Unread:
    """Mark some as read, or all. The answer says how many are left."""
    return Unread(unread=await gateway.notifications.mark_read(caller, body.ids or ()))


@router.get("/preferences", dependencies=_READ)
async def get_notification_preferences(request: Request, caller: Caller, gateway: Gateway) -> NotificationPreferences:
    """What you want to be told of."""
    preferences = await gateway.notifications.preferences(caller)
    revised(request, preferences.revision)
    return NotificationPreferences.from_message(preferences)


@router.patch("/preferences", dependencies=_WRITE)
async def change_notification_preferences(
    body: PreferencesChange, request: Request, caller: Caller, gateway: Gateway, if_match: IfMatch = None
) -> NotificationPreferences:
    """Change what you want to be told of, and how often by mail."""
    changed = await gateway.notifications.change_preferences(
        caller,
        follow=body.follow,
        like=body.like,
        comment=body.comment,
        invitation=body.invitation,
        digest=body.digest,
        revisions=revisions_of(if_match),
    )
    revised(request, changed.revision)
    return NotificationPreferences.from_message(changed)


@router.get("/unsubscribe", dependencies=_MAILED, response_class=HTMLResponse, responses={**_HTML, **also(404)})
async def ask_to_unsubscribe(token: Token, gateway: Gateway) -> HTMLResponse:
    """A page with a button that ends the mails: readers that look at links in advance end nothing."""
    await gateway.notifications.unsubscribe(token, check_only=True)
    return HTMLResponse(_PAGE.format(body=_ASKED), headers=_PAGE_HEADERS)


@router.post("/unsubscribe", dependencies=_MAILED, response_class=HTMLResponse, responses={**_HTML, **also(404)})
async def unsubscribe(token: Token, gateway: Gateway) -> HTMLResponse:
    """End the mails that sum up what you missed, by the link in one of them (RFC 8058): no sign-in, no second question.

    The body does not matter. What you are told of in the app stays as it is.
    """
    await gateway.notifications.unsubscribe(token)
    return HTMLResponse(_PAGE.format(body=_ENDED), headers=_PAGE_HEADERS)
