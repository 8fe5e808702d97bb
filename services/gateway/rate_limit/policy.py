"""The rate limits as data: `configs/rate_limiting.yaml`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.shared.errors import AppError, ErrorCode

CheckedT = TypeVar("CheckedT")


class LimitClass(BaseModel):
    """What one class of routes allows one subject within a window."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per: Literal["user", "address"]
    quota: Annotated[int, Field(ge=1)]
    window_seconds: Annotated[int, Field(ge=1, le=86_400)]
    # What happens while Valkey does not answer: reads go on, what costs or guards something waits.
    when_unavailable: Literal["allow", "refuse"]
    # How much of a person's quota one of their API keys may use up, so that a program which runs away leaves its
    # owner's pages, and other programs, some; None: all of it.
    key_quota: Annotated[int, Field(ge=1)] | None = None

    # How much all networks (/64) of one IPv6 /48 have together: a customer may be given 65,536 of them. None: no bound.
    site_quota: Annotated[int, Field(ge=1)] | None = None

    @cached_property
    def of_a_site(self) -> LimitClass | None:
        """The window of an IPv6 /48 around those of its networks; None where it has none."""
        return (
            None if self.site_quota is None else self.model_copy(update={"quota": self.site_quota, "site_quota": None})
        )

    @cached_property
    def of_a_key(self) -> LimitClass | None:
        """The window of one API key within the person's; None where it has none of its own."""
        return None if self.key_quota is None else self.model_copy(update={"quota": self.key_quota, "key_quota": None})

    @model_validator(mode="after")
    def _is_within(self) -> Self:
        if self.key_quota is not None and (self.per != "user" or self.key_quota > self.quota):
            raise ValueError("key_quota is a part of a person's quota: at most quota, and only per user")
        if self.site_quota is not None and (self.per != "address" or self.site_quota < self.quota):
            raise ValueError("site_quota is what several networks have together: at least quota, and only per address")
        return self


# The classes that routes name; a file without one of them is refused at the start.
CLASS_NAMES = frozenset(
    {
        "auth",
        "guests",
        "rejected",
        "generate",
        "write",
        "comments",
        "read",
        "stream",
        "audio",
        "pictures",
        "public",
        "shared",
    }
)


# As user_management takes them for accounts; links carry them between dots.
_TIER_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)


class TierQuota(BaseModel):
    """What a tier of accounts has in place of a class's figures. The span of the window is the class's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quota: Annotated[int, Field(ge=1)]
    # None: the same part of the quota as in the class.
    key_quota: Annotated[int, Field(ge=1)] | None = None

    def within(self, limit: LimitClass) -> LimitClass:
        """The class as it is for the tier. Raises `ValueError` for a class that does not count people."""
        if limit.per != "user":
            raise ValueError("this class counts addresses, and an address has no tier")
        share = self.key_quota
        if share is None and limit.key_quota is not None:
            share = max(1, self.quota * limit.key_quota // limit.quota)
        return LimitClass.model_validate({**limit.model_dump(), "quota": self.quota, "key_quota": share})


class Limits:
    """Every class by its name, and by tier where that has figures of its own. Without any, nothing is limited."""

    def __init__(
        self,
        classes: Mapping[str, LimitClass] | None = None,
        by_tier: Mapping[str, Mapping[str, LimitClass]] | None = None,
    ) -> None:
        self.classes: Mapping[str, LimitClass] = dict(classes or {})
        self.by_tier: Mapping[str, Mapping[str, LimitClass]] = dict(by_tier or {})

    def __bool__(self) -> bool:
        return bool(self.classes)

    def of(self, name: str, tier: str = "") -> LimitClass | None:
        """The limit of the class `name` for an account of `tier`; None when there is none."""
        own = self.by_tier.get(tier)
        found = own.get(name) if own is not None else None
        return found if found is not None else self.classes.get(name)


def load_limits(path: Path) -> Limits:
    """Read the file. Raises `AppError` (VALIDATION) that says what is wrong with it."""
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
        classes = {
            name: _checked(path, f"classes.{name}", LimitClass.model_validate, entry)
            for name, entry in document["classes"].items()
        }
        tiers = {name: dict(entries) for name, entries in (document.get("tiers") or {}).items()}
    except OSError as error:
        raise AppError(ErrorCode.VALIDATION, f"The rate limits {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise AppError(ErrorCode.VALIDATION, f"The rate limits {path} are not as expected: {error}") from error
    missing = sorted(CLASS_NAMES - classes.keys())
    if missing:
        raise AppError(ErrorCode.VALIDATION, f"The rate limits {path} lack the classes {', '.join(missing)}.")
    by_tier = {name: _of_tier(path, name, entries, classes) for name, entries in tiers.items()}
    return Limits(classes, by_tier)


def _of_tier(
    path: Path, tier: object, entries: Mapping[object, object], classes: Mapping[str, LimitClass]
) -> Mapping[str, LimitClass]:
    if not isinstance(tier, str) or _TIER_NAME.fullmatch(tier) is None:
        raise AppError(
            ErrorCode.VALIDATION,
            f"The rate limits {path} name the tier {tier!r}: a tier's name is of a-z, 0-9, _ and -, as in tiers.yaml.",
        )
    found: dict[str, LimitClass] = {}
    for name, entry in entries.items():
        if not isinstance(name, str) or name not in classes:
            raise AppError(
                ErrorCode.VALIDATION,
                f"The rate limits {path} give the tier {tier} a class {name!r}. There are {', '.join(classes)}.",
            )
        own = _checked(path, f"tiers.{tier}.{name}", TierQuota.model_validate, entry)
        found[name] = _checked(path, f"tiers.{tier}.{name}", own.within, classes[name])
    return found


def _checked(path: Path, where: str, check: Callable[[Any], CheckedT], entry: object) -> CheckedT:
    try:
        return check(entry)
    except ValueError as error:
        found = error.errors(include_url=False) if isinstance(error, ValidationError) else ()
        reasons = [": ".join([*map(str, item["loc"]), item["msg"]]) for item in found] or [str(error)]
        raise AppError(
            ErrorCode.VALIDATION, f"The rate limits {path} are not as expected at {where}: {'; '.join(reasons)}"
        ) from error
