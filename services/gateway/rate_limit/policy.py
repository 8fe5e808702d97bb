"""The rate limits as data: `configs/rate_limiting.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.shared.errors import AppError, ErrorCode


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

    @cached_property
    def of_a_key(self) -> LimitClass | None:
        """The window of one API key within the person's; None where it has none of its own."""
        return None if self.key_quota is None else self.model_copy(update={"quota": self.key_quota, "key_quota": None})

    @model_validator(mode="after")
    def _is_within(self) -> Self:
        if self.key_quota is not None and (self.per != "user" or self.key_quota > self.quota):
            raise ValueError("key_quota is a part of a person's quota: at most quota, and only per user")
        return self


# The classes that routes name; a file without one of them is refused at the start.
CLASS_NAMES = frozenset(
    {"auth", "rejected", "generate", "write", "comments", "read", "stream", "audio", "pictures", "public", "shared"}
)


def load_limits(path: Path) -> Mapping[str, LimitClass]:
    """Read the file. Raises `AppError` (VALIDATION) that says what is wrong with it."""
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
        limits = {name: LimitClass.model_validate(entry) for name, entry in document["classes"].items()}
    except OSError as error:
        raise AppError(ErrorCode.VALIDATION, f"The rate limits {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, ValidationError, TypeError, KeyError, AttributeError) as error:
        raise AppError(ErrorCode.VALIDATION, f"The rate limits {path} are not as expected: {error}") from error
    missing = sorted(CLASS_NAMES - limits.keys())
    if missing:
        raise AppError(ErrorCode.VALIDATION, f"The rate limits {path} lack the classes {', '.join(missing)}.")
    return limits
