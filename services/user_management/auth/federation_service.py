"""`musicgen.users.v1.FederationService`: reads messages, asks the use case, writes messages."""
# ruff: noqa: N802 — the names of the methods are the protocol's

from __future__ import annotations

from typing import Any

from protos.users.v1 import accounts_pb2, federation_pb2, federation_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import require_service
from services.user_management.accounts.wire import device_of, user_message
from services.user_management.auth.federation import Federation, checked
from services.user_management.auth.identity_rules import LONGEST_ISSUER, LONGEST_SUBJECT, Identity, Trust
from services.user_management.wire import storable

Context = Any

_LONGEST_PROVIDER = 64
_LONGEST_EMAIL = 320
_LONGEST_NAME = 200


class FederationServicer(federation_pb2_grpc.FederationServiceServicer):
    """Takes a service token: the gateway has checked what the provider signed."""

    def __init__(self, federation: Federation) -> None:
        self._federation = federation

    async def OpenFederatedSession(
        self, request: federation_pb2.OpenFederatedSessionRequest, context: Context
    ) -> federation_pb2.OpenFederatedSessionResponse:
        """Sign a browser in."""
        require_service()
        trust = Trust(email=request.trusts_email, registers=request.registers)
        session, secret = await self._federation.open_browser(
            _identity(request.identity), trust, request.code, device_of(request.device)
        )
        message = accounts_pb2.BrowserSession(
            id=str(session.id), user=user_message(session.user), lifetime_seconds=int(session.lifetime.total_seconds())
        )
        return federation_pb2.OpenFederatedSessionResponse(session=message, secret=secret)


def _identity(message: federation_pb2.FederatedIdentity) -> Identity:
    """The identity. Raises `AppError` (UNAUTHENTICATED) for what names nobody: nothing of it is cut or mended."""
    for text, longest in ((message.issuer, LONGEST_ISSUER), (message.subject, LONGEST_SUBJECT)):
        if not text or len(text) > longest or storable(text, longest) != text:
            raise AppError(ErrorCode.UNAUTHENTICATED, "The provider names nobody. Sign in another way.")
    email = message.email if len(message.email) <= _LONGEST_EMAIL else ""
    return checked(
        Identity(
            storable(message.provider, _LONGEST_PROVIDER),
            message.issuer,
            message.subject,
            email,
            message.email_verified,
            storable(message.full_name, _LONGEST_NAME),
            storable(message.preferred_username, _LONGEST_NAME),
        )
    )
