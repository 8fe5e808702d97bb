"""Quota as double-checked bookkeeping: pure functions from an account to an account and the entry that explains it.

Amounts are whole milliseconds of audio, so that sums are exact. `balance_ms` always equals the sum of the account's
entries; `reserved_ms` and `used_ms` say where the rest of the grants went: grants = balance + reserved + used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from services.shared.errors import AppError, ErrorCode


class EntryKind(StrEnum):
    """Why a balance changed."""

    GRANT = "grant"
    RESERVE = "reserve"
    SETTLE = "settle"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Account:
    """One owner's quota in milliseconds of audio."""

    balance_ms: int = 0
    reserved_ms: int = 0
    used_ms: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger: what was added to the balance (negative: taken), and why."""

    kind: EntryKind
    amount_ms: int


def milliseconds(seconds: float) -> int:
    """Whole milliseconds, rounded up; raises `AppError` (VALIDATION) for what is no length."""
    if not math.isfinite(seconds) or seconds < 0:
        raise AppError.field("/duration", "The duration has to be a number of seconds, 0 or more.")
    # The product carries a rounding error of its own; 30.1 s are 30,100 ms and not one more.
    return math.ceil(round(seconds * 1000, 6))


def grant(account: Account, amount_ms: int) -> tuple[Account, Entry]:
    """Add to what may be made."""
    return replace(account, balance_ms=account.balance_ms + amount_ms), Entry(EntryKind.GRANT, amount_ms)


def reserve(account: Account, amount_ms: int) -> tuple[Account, Entry]:
    """Hold an amount for a job. Raises `AppError` (QUOTA_EXCEEDED) when the balance does not cover it."""
    if amount_ms > account.balance_ms:
        raise AppError(
            ErrorCode.QUOTA_EXCEEDED,
            f"This takes {amount_ms / 1000:g} s of your quota and {max(account.balance_ms, 0) / 1000:g} s are left. "
            "Ask for less, or ask the operator for more.",
        )
    held = replace(account, balance_ms=account.balance_ms - amount_ms, reserved_ms=account.reserved_ms + amount_ms)
    return held, Entry(EntryKind.RESERVE, -amount_ms)


def check_room(stored_bytes: int, needed_bytes: int, limit_bytes: int) -> None:
    """Raise `AppError` (QUOTA_EXCEEDED) when storage that is taken, and what is about to be, go beyond the limit."""
    if stored_bytes + needed_bytes > limit_bytes:
        raise AppError(
            ErrorCode.QUOTA_EXCEEDED,
            f"This takes about {_megabytes(needed_bytes)} of storage and {_megabytes(limit_bytes - stored_bytes)} of "
            f"your {_megabytes(limit_bytes)} are left. Delete tracks, or ask the operator for more.",
        )


def _megabytes(size_bytes: int) -> str:
    return f"{math.ceil(max(0, size_bytes) / 1e6):,} MB"


def settle(account: Account, reserved_ms: int, made_ms: int) -> tuple[Account, Entry]:
    """Turn a reservation into use: what was not made comes back. Never takes more than was reserved."""
    used_ms = min(made_ms, reserved_ms)
    back_ms = reserved_ms - used_ms
    settled = Account(
        balance_ms=account.balance_ms + back_ms,
        reserved_ms=account.reserved_ms - reserved_ms,
        used_ms=account.used_ms + used_ms,
    )
    return settled, Entry(EntryKind.SETTLE, back_ms)


def release(account: Account, reserved_ms: int) -> tuple[Account, Entry]:
    """Give a whole reservation back: the job failed, was cancelled or expired."""
    released = replace(
        account, balance_ms=account.balance_ms + reserved_ms, reserved_ms=account.reserved_ms - reserved_ms
    )
    return released, Entry(EntryKind.RELEASE, reserved_ms)
