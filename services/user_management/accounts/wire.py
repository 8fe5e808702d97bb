"""Accounts as messages."""

from __future__ import annotations

from typing import Final

from protos.users.v1 import accounts_pb2, credentials_pb2
from services.shared.identity import require_user
from services.user_management.accounts import rules
from services.user_management.accounts.user import User
from services.user_management.audit.entry import Actor
from services.user_management.auth.repository import Device
from services.user_management.callers import user_id
from services.user_management.guests.rules import GUEST
from services.user_management.social.rules import bio, display_name, links
from services.user_management.wire import storable, timestamp

_LONGEST_USER_AGENT: Final = 256
_LONGEST_ADDRESS: Final = 64


def user_message(user: User) -> accounts_pb2.User:
    """An account as its owner sees it."""
    return accounts_pb2.User(
        id=str(user.id),
        username=user.username,
        # What stands in the place of a guest's address is nobody's.
        email=user.email if user.role != GUEST else "",
        full_name=user.full_name,
        role=user.role,
        created_at=timestamp(user.created_at),
        email_verified=user.email_verified_at is not None,
        suspended=user.suspended_at is not None,
        second_factor=user.totp_confirmed_at is not None,
        deletion_due_at=timestamp(user.deletion_due_at),
        display_name=user.display_name,
        bio=user.bio,
        links=user.links,
        tier=user.tier,
        revision=user.revision,
    )


def profile_changes(request: credentials_pb2.UpdateProfileRequest) -> dict[str, object]:
    """What of a profile is to change, checked. Raises `AppError` (VALIDATION)."""
    changes: dict[str, object] = {}
    if request.HasField("full_name"):
        changes["full_name"] = rules.full_name(request.full_name)
    if request.HasField("display_name"):
        changes["display_name"] = display_name(request.display_name)
    if request.HasField("bio"):
        changes["bio"] = bio(request.bio)
    if request.set_links:
        changes["links"] = list(links(request.links))
    return changes


def device_of(message: accounts_pb2.Device) -> Device:
    """Where a call comes from."""
    return Device(storable(message.address, _LONGEST_ADDRESS), storable(message.user_agent, _LONGEST_USER_AGENT))


def actor_of(message: accounts_pb2.Device) -> Actor:
    """The calling user, as the audit log names them. Raises `AppError` when no user calls."""
    return Actor(user_id(), require_user().username, device_of(message).address)
