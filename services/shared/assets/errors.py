"""Why an asset is not there, and what to do about it."""

from services.shared.errors import AppError


class AssetError(AppError):
    """A file that could not be found, fetched or trusted. The message says what to do."""
