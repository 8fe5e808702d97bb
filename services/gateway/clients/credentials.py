"""user_management's credentials, as the gateway calls them: addresses, passwords, second factors, keys."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from protos.users.v1 import accounts_pb2, credentials_pb2, credentials_pb2_grpc
from services.gateway.clients.retries import RETRIES, retries_unless
from services.gateway.tokens.internal import InternalTokens
from services.shared.grpc_client import call
from services.shared.identity import Principal

Device = accounts_pb2.Device


class CredentialsClient:
    """Calls by mail token or key carry the channel's service token, the others the caller's."""

    def __init__(self, channel: grpc.aio.Channel, tokens: InternalTokens) -> None:
        self._stub = credentials_pb2_grpc.CredentialServiceStub(channel)
        self._tokens = tokens

    async def verify_email(self, token: str, device: Device) -> None:
        """Take the token of a mail."""
        await call(self._stub.VerifyEmail, credentials_pb2.VerifyEmailRequest(token=token, device=device))

    async def resend_verification(self, email: str) -> None:
        """Another mail to verify an address."""
        await call(self._stub.ResendVerification, credentials_pb2.ResendVerificationRequest(email=email))

    async def change_email(self, caller: Principal, *, password: str, email: str, device: Device) -> None:
        """Ask for another address."""
        request = credentials_pb2.ChangeEmailRequest(password=password, email=email, device=device)
        await call(self._stub.ChangeEmail, request, token=self._tokens.token(caller))

    async def forgot_password(self, email: str, device: Device) -> None:
        """A mail to choose a new password with."""
        await call(self._stub.ForgotPassword, credentials_pb2.ForgotPasswordRequest(email=email, device=device))

    async def reset_password(self, *, token: str, password: str, device: Device) -> None:
        """Choose a password by the token of a mail."""
        request = credentials_pb2.ResetPasswordRequest(token=token, password=password, device=device)
        await call(self._stub.ResetPassword, request)

    async def change_password(self, caller: Principal, *, present: str, password: str, device: Device) -> None:
        """Replace the password."""
        request = credentials_pb2.ChangePasswordRequest(present_password=present, password=password, device=device)
        await call(self._stub.ChangePassword, request, token=self._tokens.token(caller))

    async def enrol(self, caller: Principal, password: str, device: Device) -> credentials_pb2.EnrolTotpResponse:
        """A second factor's secret."""
        request = credentials_pb2.EnrolTotpRequest(password=password, device=device)
        response: credentials_pb2.EnrolTotpResponse = await call(
            self._stub.EnrolTotp, request, token=self._tokens.token(caller)
        )
        return response

    async def confirm_factor(self, caller: Principal, code: str, device: Device) -> list[str]:
        """Turn the second factor on; the recovery codes."""
        request = credentials_pb2.ConfirmTotpRequest(code=code, device=device)
        response: credentials_pb2.ConfirmTotpResponse = await call(
            self._stub.ConfirmTotp, request, token=self._tokens.token(caller)
        )
        return list(response.recovery_codes)

    async def disable_factor(self, caller: Principal, *, password: str, code: str, device: Device) -> None:
        """Turn the second factor off."""
        request = credentials_pb2.DisableTotpRequest(password=password, code=code, device=device)
        await call(self._stub.DisableTotp, request, token=self._tokens.token(caller))

    async def update_profile(
        self,
        caller: Principal,
        *,
        full_name: str | None,
        display_name: str | None,
        bio: str | None,
        links: Sequence[str] | None,
        revisions: Sequence[int] = (),
    ) -> accounts_pb2.User:
        """Change what is not None."""
        request = credentials_pb2.UpdateProfileRequest(
            full_name=full_name,
            display_name=display_name,
            bio=bio,
            links=links or (),
            set_links=links is not None,
            expected_revisions=revisions,
        )
        response: credentials_pb2.UpdateProfileResponse = await call(
            self._stub.UpdateProfile, request, token=self._tokens.token(caller), retries=retries_unless(revisions)
        )
        return response.user

    async def delete_account(self, caller: Principal, password: str, device: Device) -> accounts_pb2.User:
        """Let the account go when its grace is over."""
        request = credentials_pb2.DeleteAccountRequest(password=password, device=device)
        response: credentials_pb2.DeleteAccountResponse = await call(
            self._stub.DeleteAccount, request, token=self._tokens.token(caller)
        )
        return response.user

    async def create_key(
        self, caller: Principal, *, name: str, scopes: Sequence[str], expires_in_days: int, device: Device
    ) -> credentials_pb2.CreateApiKeyResponse:
        """A new key."""
        request = credentials_pb2.CreateApiKeyRequest(
            name=name, scopes=scopes, expires_in_days=expires_in_days, device=device
        )
        response: credentials_pb2.CreateApiKeyResponse = await call(
            self._stub.CreateApiKey, request, token=self._tokens.token(caller)
        )
        return response

    async def keys(self, caller: Principal) -> list[credentials_pb2.ApiKey]:
        """The caller's keys, newest first."""
        response: credentials_pb2.ListApiKeysResponse = await call(
            self._stub.ListApiKeys,
            credentials_pb2.ListApiKeysRequest(),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return list(response.keys)

    async def revoke_key(self, caller: Principal, key_id: str, device: Device) -> None:
        """End a key."""
        request = credentials_pb2.RevokeApiKeyRequest(key_id=key_id, device=device)
        await call(self._stub.RevokeApiKey, request, token=self._tokens.token(caller))

    async def resolve_key(self, secret: str) -> credentials_pb2.ResolveApiKeyResponse:
        """Whom a key stands for."""
        response: credentials_pb2.ResolveApiKeyResponse = await call(
            self._stub.ResolveApiKey, credentials_pb2.ResolveApiKeyRequest(secret=secret), retries=RETRIES
        )
        return response
