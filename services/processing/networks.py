"""Where a network's files come from and what it runs on; shared by separation and transcription."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from services.processing.jobs.kind import Equipment
from services.shared.assets.errors import AssetError
from services.shared.assets.store import AssetProgress, AssetStore
from services.shared.errors import AppError, ErrorCode


def fetch_files(
    names: Sequence[str], equipment: Equipment, check: Callable[[], None], progress: Callable[[float], None]
) -> list[Path]:
    """The assets `names`; those that are missing are fetched. `progress` hears fractions, `check` may raise meanwhile.

    Raises MODEL_NOT_INSTALLED, saying how to get it, when a file is missing and cannot be fetched.
    """
    store = AssetStore(equipment.assets_dir)
    paths = []
    for index, name in enumerate(names):

        def tell(news: AssetProgress, before: int = index) -> None:
            check()
            share = news.done_bytes / news.total_bytes if news.total_bytes else 0.0
            progress((before + share) / len(names))

        try:
            paths.append(store.path(name) if store.has(name) else store.fetch(name, tell))
        except AssetError as error:
            if error.code is not ErrorCode.UNAVAILABLE:
                raise
            how = f"Run `python scripts/fetch_assets.py {' '.join(names)}` where there is a connection."
            message = f"{store.spec(name).title} is not installed and could not be fetched. {how} {error.message}"
            raise AppError(ErrorCode.MODEL_NOT_INSTALLED, message) from error
    return paths


def missing(names: Sequence[str], equipment: Equipment) -> bool:
    """Whether `fetch_files` would have to fetch."""
    store = AssetStore(equipment.assets_dir)
    return not all(store.has(name) for name in names)
