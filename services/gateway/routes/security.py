"""Addresses, passwords and second factors."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Caller, Gateway
from services.gateway.device import device_of
from services.gateway.responses import also
from services.gateway.routes.auth import needs_sign_in
from services.gateway.schemas.security import (
    Accepted,
    EmailAddress,
    EmailChange,
    EmailToken,
    FactorCode,
    FactorEnrolment,
    FactorRemoval,
    PasswordChange,
    PasswordProof,
    PasswordReset,
    RecoveryCodes,
)

router = APIRouter(
    prefix="/api/v1/auth", tags=["auth"], route_class=GatewayRoute, dependencies=[Depends(needs_sign_in)]
)

_BY_MAIL = [Depends(Admission("auth", signed_in=False))]
# Guessing the present password is held back as at sign-in.
_OWN = [Depends(Admission("auth", scope="account"))]
# The same for every address: nobody learns which has an account.
_ON_ITS_WAY = Accepted(message="If this address has an account, a mail is on its way.")


@router.post("/email/verify", status_code=204, response_class=Response, dependencies=_BY_MAIL, responses=also(409))
async def verify_email(body: EmailToken, request: Request, gateway: Gateway) -> None:
    """Prove an address by the token of the mail that was sent to it. Once more changes nothing while it is yours."""
    await gateway.credentials.verify_email(body.token, device_of(request))


@router.post("/email/resend", status_code=202, dependencies=_BY_MAIL, responses=also(409))
async def resend_verification(body: EmailAddress, gateway: Gateway) -> Accepted:
    """Send the mail that verifies an address again."""
    await gateway.credentials.resend_verification(body.email)
    return _ON_ITS_WAY


@router.post("/email/change", status_code=202, dependencies=_OWN, responses=also(409))
async def change_email(body: EmailChange, request: Request, caller: Caller, gateway: Gateway) -> Accepted:
    """Ask for another address: it becomes yours once the link in its mail was opened."""
    await gateway.credentials.change_email(caller, password=body.password, email=body.email, device=device_of(request))
    return Accepted(message="A mail is on its way to the new address. The old one stays until its link was opened.")


@router.post("/password/forgot", status_code=202, dependencies=_BY_MAIL, responses=also(409))
async def forgot_password(body: EmailAddress, request: Request, gateway: Gateway) -> Accepted:
    """Send a mail with which the owner of the address can choose a new password."""
    await gateway.credentials.forgot_password(body.email, device_of(request))
    return _ON_ITS_WAY


@router.post("/password/reset", status_code=204, response_class=Response, dependencies=_BY_MAIL, responses=also(409))
async def reset_password(body: PasswordReset, request: Request, gateway: Gateway) -> None:
    """Choose a new password by the token of a mail. Ends every session and API key."""
    await gateway.credentials.reset_password(token=body.token, password=body.password, device=device_of(request))


@router.post("/password/change", status_code=204, response_class=Response, dependencies=_OWN, responses=also(409))
async def change_password(body: PasswordChange, request: Request, caller: Caller, gateway: Gateway) -> None:
    """Choose a new password by the present one. Ends every other session."""
    await gateway.credentials.change_password(
        caller, present=body.present_password, password=body.password, device=device_of(request)
    )


@router.post("/totp/enroll", dependencies=_OWN, responses=also(409))
async def enroll_totp(body: PasswordProof, request: Request, caller: Caller, gateway: Gateway) -> FactorEnrolment:
    """Set a second factor up: show the answer to an authenticator app, then confirm by its code."""
    enrolment = await gateway.credentials.enrol(caller, body.password, device_of(request))
    return FactorEnrolment(secret=enrolment.secret, uri=enrolment.uri)


@router.post("/totp/confirm", dependencies=_OWN, responses=also(409))
async def confirm_totp(body: FactorCode, request: Request, caller: Caller, gateway: Gateway) -> RecoveryCodes:
    """Turn the second factor on by the app's present code. The recovery codes are shown this once."""
    codes = await gateway.credentials.confirm_factor(caller, body.code, device_of(request))
    return RecoveryCodes(recovery_codes=codes)


@router.post("/totp/disable", status_code=204, response_class=Response, dependencies=_OWN, responses=also(409))
async def disable_totp(body: FactorRemoval, request: Request, caller: Caller, gateway: Gateway) -> None:
    """Turn the second factor off, by password and code."""
    await gateway.credentials.disable_factor(caller, password=body.password, code=body.code, device=device_of(request))
