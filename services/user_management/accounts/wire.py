"""Accounts as messages."""

from __future__ import annotations

from typing import Final

from protos.users.v1 import accounts_pb2
from services.shared.identity import require_user
from services.user_management.accounts.user import User
from services.user_management.audit.entry import Actor
from services.user_management.auth.repository import Device
from services.user_management.callers import user_id
from services.user_management.wire import storable, timestamp

_LONGEST_USER_AGENT: Final = 256
_LONGEST_ADDRESS: Final = 64


def user_message(user: User) -> accounts_pb2.User:
    """An account as its owner sees it."""
    return accounts_pb2.User(
        id=str(user.id),
        username=user.username,
        email=user.email,
        full_name=user.full_name,
        role=user.role,
        created_at=timestamp(user.created_at),
        email_verified=user.email_verified_at is not None,
        suspended=user.suspended_at is not None,
        second_factor=user.totp_confirmed_at is not None,
        deletion_due_at=timestamp(user.deletion_due_at),
    )


def device_of(message: accounts_pb2.Device) -> Device:
    """Where a call comes from."""
    return Device(storable(message.address, _LONGEST_ADDRESS), storable(message.user_agent, _LONGEST_USER_AGENT))


def actor_of(message: accounts_pb2.Device) -> Actor:
    """The calling user, as the audit log names them. Raises `AppError` when no user calls."""
    return Actor(user_id(), require_user().username, device_of(message).address)
