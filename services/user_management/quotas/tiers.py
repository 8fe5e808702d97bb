"""Tiers of accounts as data: `configs/tiers.yaml`. What an account has made in a span is read off its ledger."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.shared.errors import AppError, ErrorCode

DEFAULT_TIER: Final = "standard"
GUEST_TIER: Final = "guest"
# Access tokens and signed links carry it.
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)


class Tier(BaseModel):
    """What one tier allows; None: no such limit of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    day_seconds: Annotated[int, Field(ge=0)] | None = None
    month_seconds: Annotated[int, Field(ge=0)] | None = None
    stored_bytes: Annotated[int, Field(ge=1)] | None = None
    jobs: Annotated[int, Field(ge=1)] | None = None
    longest_seconds: Annotated[int, Field(ge=1)] | None = None
    network_day_seconds: Annotated[int, Field(ge=0)] | None = None
    guests_day_seconds: Annotated[int, Field(ge=0)] | None = None

    @property
    def limits_making(self) -> bool:
        """Whether what was made in a span of time matters."""
        spans = (self.day_seconds, self.month_seconds, self.network_day_seconds, self.guests_day_seconds)
        return any(limit is not None for limit in spans)


_NOTHING: Final = Tier(day_seconds=0, month_seconds=0, jobs=1)


class Tiers:
    """Every tier by its name. A name that the file has no more means the default one."""

    def __init__(self, tiers: Mapping[str, Tier] | None = None) -> None:
        self._tiers = dict(tiers or {DEFAULT_TIER: Tier()})

    @classmethod
    def load(cls, path: Path) -> Tiers:
        """Read the file. Raises `AppError` (VALIDATION) that says what is wrong with it."""
        try:
            document = yaml.safe_load(path.read_text("utf-8"))
            tiers = {str(name): Tier.model_validate(entry) for name, entry in document["tiers"].items()}
        except OSError as error:
            raise AppError(ErrorCode.VALIDATION, f"The tiers {path} cannot be read: {error.strerror}.") from error
        except (yaml.YAMLError, ValidationError, TypeError, KeyError, AttributeError) as error:
            raise AppError(ErrorCode.VALIDATION, f"The tiers {path} are not as expected: {error}") from error
        if DEFAULT_TIER not in tiers:
            raise AppError(ErrorCode.VALIDATION, f"The tiers {path} lack {DEFAULT_TIER}.")
        wrong = sorted(name for name in tiers if _NAME.fullmatch(name) is None)
        if wrong:
            raise AppError(
                ErrorCode.VALIDATION,
                f"The tiers {path} have the name {wrong[0]!r}: give 1 to 40 of a-z, 0-9, _ and -, a letter first.",
            )
        return cls(tiers)

    def of(self, name: str) -> Tier:
        """The tier of this name."""
        if name == GUEST_TIER:
            # Whoever took the tier out of the file gives guests nothing, rather than everything.
            return self._tiers.get(name, _NOTHING)
        return self._tiers.get(name, self._tiers[DEFAULT_TIER])

    def demand_guests(self) -> None:
        """Raise `AppError` (VALIDATION) unless the file says what guests may make."""
        tier = self._tiers.get(GUEST_TIER)
        lacking = [
            name
            for name in ("day_seconds", "jobs", "longest_seconds", "network_day_seconds", "stored_bytes")
            if tier is None or getattr(tier, name) is None
        ]
        if lacking:
            raise AppError(
                ErrorCode.VALIDATION,
                f"The server takes guests, so the tiers need {GUEST_TIER} with a number for {', '.join(lacking)}.",
            )

    def check(self, name: str) -> str:
        """The name of a tier that exists. Raises `AppError` (VALIDATION)."""
        if name not in self._tiers:
            raise AppError.field("/tier", f"A tier is one of {', '.join(self._tiers)}.")
        return name


def day_start(now: datetime) -> datetime:
    """Midnight (UTC)."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def month_start(now: datetime) -> datetime:
    """The first of the month (UTC)."""
    return day_start(now).replace(day=1)


def check_span(made_ms: int, wanted_ms: int, limit_seconds: int | None, span: str) -> None:
    """Raise `AppError` (QUOTA_EXCEEDED) when a job does not fit into what a span (`day`, `month`) allows."""
    if limit_seconds is not None and made_ms + wanted_ms > limit_seconds * 1000:
        left = max(0, limit_seconds * 1000 - made_ms) / 1000
        when = "midnight" if span == "day" else "the first of the next month"
        raise AppError(
            ErrorCode.QUOTA_EXCEEDED,
            f"Your tier allows {limit_seconds:g} s of audio a {span} and {left:g} s are left; this takes "
            f"{wanted_ms / 1000:g} s. Ask for less, or wait until {when} (UTC).",
        )


def check_length(wanted_ms: int, limit_seconds: int | None) -> None:
    """Raise `AppError` (VALIDATION) for more at once than a tier makes."""
    if limit_seconds is not None and wanted_ms > limit_seconds * 1000:
        raise AppError.field(
            "/duration", f"Your tier makes at most {limit_seconds:g} s at once; this takes {wanted_ms / 1000:g} s."
        )


def check_guests(made_ms: int, wanted_ms: int, limit_seconds: int | None, whose: str) -> None:
    """Raise `AppError` (QUOTA_EXCEEDED) when guests have made what a day allows them together.

    `whose` says which: of "your network", or of "this server".
    """
    if limit_seconds is not None and made_ms + wanted_ms > limit_seconds * 1000:
        left = max(0, limit_seconds * 1000 - made_ms) / 1000
        raise AppError(
            ErrorCode.QUOTA_EXCEEDED,
            f"The guests of {whose} may make {limit_seconds:g} s of audio a day together and {left:g} s are left. "
            "Sign up to make more.",
        )


def check_jobs(at_once: int, limit: int | None) -> None:
    """Raise `AppError` (QUOTA_EXCEEDED) when more jobs wait or run than may at once; `at_once` counts the new one."""
    if limit is not None and at_once > limit:
        raise AppError(
            ErrorCode.QUOTA_EXCEEDED,
            f"Your tier allows {limit} {'job' if limit == 1 else 'jobs'} at once. Wait for one to end, or cancel one.",
        )
