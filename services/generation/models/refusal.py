"""Why a folder is not a model that can be used: one sentence for whoever put it there."""

from __future__ import annotations

from pathlib import Path

from services.shared.errors import AppError, ErrorCode


def refuse(place: Path, reason: str) -> AppError:
    """The error that names the folder or file and what is wrong with it."""
    message = f"{place.name} cannot be used: {reason}"
    return AppError(ErrorCode.MODEL_NOT_INSTALLED, message, path=str(place), reason=reason)


def about(folder: Path, error: AppError, copy: Path) -> AppError:
    """A refusal of `copy`, or of a file in it, as one of the folder that it was made of: people know that one."""
    place = Path(str(error.context.get("path", "")))
    return refuse(folder, str(error.context["reason"])) if place.is_relative_to(copy) else error
