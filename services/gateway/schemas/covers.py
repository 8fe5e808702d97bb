"""Pictures that people send."""

from __future__ import annotations

from services.gateway.schemas.file_form import file_form

COVER_FORM = file_form("PNG, JPEG or WebP: up to 10 MiB and 40 million pixels, at least 64 × 64.")
