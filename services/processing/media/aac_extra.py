"""Whether the optional extra `aac` (PyAV) is installed here, and what people are told by it. Imports nothing heavy."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

NOT_WRITTEN: Final = "This server writes no M4A. Choose wav, flac, mp3, ogg or opus."


def available() -> bool:
    """Whether M4A can be read and written here."""
    return find_spec("av") is not None


def what_to_send() -> str:
    """Which kinds of files are taken."""
    kinds = ["WAV", "FLAC", "AIFF", "MP3", "Ogg", "Opus", *(["M4A"] if available() else [])]
    return f"Send {', '.join(kinds[:-1])} or {kinds[-1]} audio."
