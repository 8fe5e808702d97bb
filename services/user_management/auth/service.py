"""`musicgen.users.v1.CredentialService`: reads messages, asks the use cases, writes messages."""
# ruff: noqa: N802 — the names of the methods are the protocol's

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from protos.users.v1 import credentials_pb2, credentials_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import require_service, require_user
from services.user_management.accounts.credentials import AccountCredentials
from services.user_management.accounts.repository import UserRepository
from services.user_management.accounts.wire import actor_of, device_of, profile_changes, user_message
from services.user_management.auth.api_keys import ApiKey, ApiKeys
from services.user_management.callers import user_id
from services.user_management.database import Database
from services.user_management.revisions import expected
from services.user_management.wire import parse_id, timestamp

_log = structlog.get_logger(__name__)

Context = Any


class CredentialServicer(credentials_pb2_grpc.CredentialServiceServicer):
    """Calls by mail token or key take a service token, the others the caller's own: never a key's."""

    def __init__(self, database: Database, credentials: AccountCredentials, keys: ApiKeys) -> None:
        self._database = database
        self._credentials = credentials
        self._keys = keys
        self._running: set[asyncio.Task[None]] = set()

    async def VerifyEmail(
        self, request: credentials_pb2.VerifyEmailRequest, context: Context
    ) -> credentials_pb2.VerifyEmailResponse:
        """Take the token of a mail."""
        require_service()
        await self._credentials.verify_email(request.token, device_of(request.device))
        return credentials_pb2.VerifyEmailResponse()

    async def ResendVerification(
        self, request: credentials_pb2.ResendVerificationRequest, context: Context
    ) -> credentials_pb2.ResendVerificationResponse:
        """Another mail to verify an address."""
        require_service()
        self._behind_the_answer(self._credentials.resend_verification(request.email))
        return credentials_pb2.ResendVerificationResponse()

    async def ChangeEmail(
        self, request: credentials_pb2.ChangeEmailRequest, context: Context
    ) -> credentials_pb2.ChangeEmailResponse:
        """Ask for another address."""
        owner_id = _owner()
        await self._credentials.change_email(owner_id, request.password, request.email, device_of(request.device))
        return credentials_pb2.ChangeEmailResponse()

    async def ForgotPassword(
        self, request: credentials_pb2.ForgotPasswordRequest, context: Context
    ) -> credentials_pb2.ForgotPasswordResponse:
        """A mail to choose a new password with."""
        require_service()
        self._behind_the_answer(self._credentials.forgot_password(request.email, device_of(request.device)))
        return credentials_pb2.ForgotPasswordResponse()

    async def ResetPassword(
        self, request: credentials_pb2.ResetPasswordRequest, context: Context
    ) -> credentials_pb2.ResetPasswordResponse:
        """Choose a password by the token of a mail."""
        require_service()
        await self._credentials.reset_password(request.token, request.password, device_of(request.device))
        return credentials_pb2.ResetPasswordResponse()

    async def ChangePassword(
        self, request: credentials_pb2.ChangePasswordRequest, context: Context
    ) -> credentials_pb2.ChangePasswordResponse:
        """Replace the password."""
        await self._credentials.change_password(
            _owner(),
            parse_id(require_user().session_id),
            request.present_password,
            request.password,
            device_of(request.device),
        )
        return credentials_pb2.ChangePasswordResponse()

    async def EnrolTotp(
        self, request: credentials_pb2.EnrolTotpRequest, context: Context
    ) -> credentials_pb2.EnrolTotpResponse:
        """A second factor's secret."""
        enrolment = await self._credentials.enrol(_owner(), request.password, device_of(request.device))
        return credentials_pb2.EnrolTotpResponse(secret=enrolment.secret, uri=enrolment.uri)

    async def ConfirmTotp(
        self, request: credentials_pb2.ConfirmTotpRequest, context: Context
    ) -> credentials_pb2.ConfirmTotpResponse:
        """Turn the second factor on."""
        codes = await self._credentials.confirm_factor(_owner(), request.code, device_of(request.device))
        return credentials_pb2.ConfirmTotpResponse(recovery_codes=codes)

    async def DisableTotp(
        self, request: credentials_pb2.DisableTotpRequest, context: Context
    ) -> credentials_pb2.DisableTotpResponse:
        """Turn the second factor off."""
        device = device_of(request.device)
        await self._credentials.turn_off_factor(_owner(), request.password, request.code, device)
        return credentials_pb2.DisableTotpResponse()

    async def UpdateProfile(
        self, request: credentials_pb2.UpdateProfileRequest, context: Context
    ) -> credentials_pb2.UpdateProfileResponse:
        """Change the owner's names, bio or links."""
        user = await self._credentials.change_profile(
            _owner(), profile_changes(request), expected(request.expected_revisions)
        )
        return credentials_pb2.UpdateProfileResponse(user=user_message(user))

    async def DeleteAccount(
        self, request: credentials_pb2.DeleteAccountRequest, context: Context
    ) -> credentials_pb2.DeleteAccountResponse:
        """Let the account go when its grace is over."""
        user = await self._credentials.ask_deletion(_owner(), request.password, device_of(request.device))
        return credentials_pb2.DeleteAccountResponse(user=user_message(user))

    async def CreateApiKey(
        self, request: credentials_pb2.CreateApiKeyRequest, context: Context
    ) -> credentials_pb2.CreateApiKeyResponse:
        """A new key."""
        owner_id = _owner()
        user = await self._database.read(lambda connection: UserRepository(connection).get(owner_id))
        if user is None:
            raise AppError(ErrorCode.UNAUTHENTICATED, "This account does not exist any more.")
        life = timedelta(days=request.expires_in_days) if request.expires_in_days else None
        actor = actor_of(request.device)
        key, secret = await self._keys.make(
            user, actor, request.name, list(request.scopes), life, session_id=parse_id(require_user().session_id)
        )
        return credentials_pb2.CreateApiKeyResponse(key=_key_message(key), secret=secret)

    async def ListApiKeys(
        self, request: credentials_pb2.ListApiKeysRequest, context: Context
    ) -> credentials_pb2.ListApiKeysResponse:
        """The caller's keys."""
        keys = await self._keys.of(_owner())
        return credentials_pb2.ListApiKeysResponse(keys=[_key_message(key) for key in keys])

    async def RevokeApiKey(
        self, request: credentials_pb2.RevokeApiKeyRequest, context: Context
    ) -> credentials_pb2.RevokeApiKeyResponse:
        """End a key."""
        key_id = parse_id(request.key_id)
        if key_id is None:
            raise AppError(ErrorCode.NOT_FOUND, "There is no such key.")
        await self._keys.revoke(actor_of(request.device), _owner(), key_id)
        return credentials_pb2.RevokeApiKeyResponse()

    async def ResolveApiKey(
        self, request: credentials_pb2.ResolveApiKeyRequest, context: Context
    ) -> credentials_pb2.ResolveApiKeyResponse:
        """Whom a key stands for."""
        require_service()
        use = await self._keys.resolve(request.secret)
        return credentials_pb2.ResolveApiKeyResponse(
            key_id=str(use.key_id), user=user_message(use.user), scopes=use.scopes
        )

    def _behind_the_answer(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it after the answer, whose time then tells nothing of whether there was anything to do."""
        task = asyncio.create_task(_logged(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except AppError as error:
        _log.warning("mail_not_posted", reason=error.message)


def _owner() -> UUID:
    """The calling user's id. FORBIDDEN for a key: whoever finds one must not take the account over."""
    if require_user().scopes:
        raise AppError(ErrorCode.FORBIDDEN, "An API key may not do this. Sign in with the password.")
    return user_id()


def _key_message(key: ApiKey) -> credentials_pb2.ApiKey:
    return credentials_pb2.ApiKey(
        id=str(key.id),
        name=key.name,
        prefix=key.prefix,
        scopes=key.scopes,
        created_at=timestamp(key.created_at),
        expires_at=timestamp(key.expires_at),
        last_used_at=timestamp(key.last_used_at),
    )
