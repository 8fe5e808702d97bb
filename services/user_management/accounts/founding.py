"""The accounts that an install begins with: the first admin, or the local owner of a single-user install."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode
from services.user_management.accounts.repository import UserRepository
from services.user_management.accounts.user import NewUser, User
from services.user_management.auth.passwords import Passwords
from services.user_management.database import Database
from services.user_management.quotas.opening import open_account

FIRST_ADMIN_FILE: Final = "first_admin_password"

# Both names are reserved and both addresses cannot be registered, so nobody else can hold them.
_ADMIN = NewUser(username="admin", email="admin@localhost", role="admin")
# 10,000 hours of music.
_OWNERS_GRANT_MS = 10_000 * 3_600_000
_OWNER = NewUser(username="owner", email="owner@localhost", role="admin")

_log = structlog.get_logger(__name__)


async def ensure_first_admin(
    database: Database, passwords: Passwords, secrets_dir: Path, grant_ms: int, *, given: str = ""
) -> bool:
    """Make `admin` when nobody could sign in as an admin; True when it was made.

    Its password is the `given` one. Without one it is random and goes to `<secrets_dir>/first_admin_password` (0600)
    before the account is committed: whoever reads the file shows it once and deletes it.
    """
    path = secrets_dir / FIRST_ADMIN_FILE

    async def work(connection: AsyncConnection) -> bool:
        users = UserRepository(connection)
        await users.lock_founding()
        if await users.has_admin_with_password():
            return False
        password = given or secrets.token_urlsafe(15)
        password_hash = await passwords.hash(password)
        if not given:
            await asyncio.to_thread(_write_secret, path, password)
        existing = await users.by_identifier(_ADMIN.username)
        if existing is not None:
            await users.set_password_hash(existing.id, password_hash)
            return True
        user = await users.insert(NewUser(_ADMIN.username, _ADMIN.email, role=_ADMIN.role, password_hash=password_hash))
        await open_account(connection, user.id, grant_ms)
        return True

    created = await database.write(work)
    if created:
        _log.info("first_admin_created", username=_ADMIN.username, password="as configured" if given else str(path))
    return created


async def local_owner(database: Database, grant_ms: int) -> User:
    """The owner of a single-user install, made at the first call: nobody else's share has to be kept for anybody."""

    async def find(connection: AsyncConnection) -> User | None:
        return await UserRepository(connection).by_identifier(_OWNER.username)

    async def work(connection: AsyncConnection) -> User:
        users = UserRepository(connection)
        await users.lock_founding()
        existing = await users.by_identifier(_OWNER.username)
        if existing is not None:
            return existing
        user = await users.insert(_OWNER)
        await open_account(connection, user.id, max(grant_ms, _OWNERS_GRANT_MS))
        return user

    known = await database.read(find)
    if known is not None:
        return known
    return await database.write(work, repeatable=True)


def _write_secret(path: Path, content: str) -> None:
    """Write atomically with mode 0600, over what a start that failed may have left."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise AppError(
            ErrorCode.INTERNAL,
            f"The first admin's password cannot be written to {path} ({error.strerror}). Make the folder writable.",
        ) from error
