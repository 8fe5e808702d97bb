"""What a stranger may have set on an account before the owner of its address came, and how it is ended.

Somebody may register another's address and wait: once the owner confirms it by the mail, or signs in by a provider that
vouches for it, both would be in one account ("pre-hijacking": Sudhodanan and Paverd, USENIX Security 2022). So the
first provider that proves the address ends all that could let a stranger in or tell them anything, unless the second
factor shows that whoever signs in is who set it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.accounts.repository import UserRepository
from services.user_management.accounts.user import User
from services.user_management.audit.entry import Action, Actor, Entry
from services.user_management.audit.repository import AuditLog
from services.user_management.auth.api_keys import revoke_all_keys
from services.user_management.auth.identity_repository import IdentityRepository
from services.user_management.auth.repository import SessionRepository
from services.user_management.auth.second_factor import SecondFactors
from services.user_management.mail.repository import MailRepository, Purpose
from services.user_management.webhooks.repository import WebhookRepository

_SWITCHED_OFF = "It was made before the owner of the account's e-mail address came. Switch it on if it is yours."


def may_be_a_strangers(user: User) -> bool:
    """Whether somebody else than the reader of the account's mails may have set what opens it."""
    return user.owned_since is None


def factor_counts(user: User) -> bool:
    """Whether the account's second factor is asked for where a provider links it.

    Not one that was set up before the address was confirmed: a stranger's would lock its owner out.
    """
    if user.totp_confirmed_at is None:
        return False
    confirmed_at = user.email_verified_at
    return not may_be_a_strangers(user) or confirmed_at is None or user.totp_confirmed_at >= confirmed_at


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """The sessions and keys that ended, and how much of each kind went."""

    ended: tuple[UUID, ...]
    counts: Mapping[str, int]

    @property
    def anything(self) -> bool:
        """Whether there was anything to end."""
        return any(self.counts.values())


async def reclaim(connection: AsyncConnection, factors: SecondFactors, user: User, actor: Actor) -> Reclaimed:
    """End every credential of a locked account, within the caller's transaction, and write down what went."""
    users, mails = UserRepository(connection), MailRepository(connection)
    sessions = await SessionRepository(connection).revoke_all(user.id)
    keys = await revoke_all_keys(connection, user.id)
    unlinked = await IdentityRepository(connection).forget_all(user.id)
    webhooks = await WebhookRepository(connection).silence(user.id, _SWITCHED_OFF)
    await users.forget_password(user.id)
    await factors.turn_off(connection, user.id)
    for purpose in Purpose:
        await mails.forget_tokens(user.id, purpose)
    counts = {
        "password": int(user.password_hash is not None),
        "second_factor": int(user.totp_confirmed_at is not None),
        "sessions": len(sessions),
        "api_keys": len(keys),
        "identities": unlinked,
        "webhooks": webhooks,
    }
    done = Reclaimed((*sessions, *keys), counts)
    if done.anything:
        await AuditLog(connection).append(Entry(Action.CREDENTIALS_DROPPED, actor, details=counts))
    return done
