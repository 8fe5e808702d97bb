"""Why a folder is not a model that can be used: one sentence for whoever put it there."""

from __future__ import annotations

from pathlib import Path

from services.shared.errors import AppError, ErrorCode


def refuse(place: Path, reason: str) -> AppError:
    """The error that names the folder or file and what is wrong with it."""
    return AppError(ErrorCode.MODEL_NOT_INSTALLED, f"{place.name} cannot be used: {reason}", path=str(place))
