"""The rate limits as data: `configs/rate_limiting.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.shared.errors import AppError, ErrorCode


class LimitClass(BaseModel):
    """What one class of routes allows one subject within a window."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per: Literal["user", "address"]
    quota: Annotated[int, Field(ge=1)]
    window_seconds: Annotated[int, Field(ge=1, le=86_400)]
    # What happens while Valkey does not answer: reads go on, what costs or guards something waits.
    when_unavailable: Literal["allow", "refuse"]


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
