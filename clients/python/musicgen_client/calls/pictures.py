"""What tracks look like: covers, waveforms, spectrograms."""

from __future__ import annotations

from pathlib import Path

from musicgen_client.calls.call import Call, path_to, read_nothing
from musicgen_client.calls.library import READ_TRACK
from musicgen_client.models import Track
from musicgen_client.uploads import FileUpload


def set_cover(track_id: str, path: Path) -> Call[Track]:
    """Give your track a picture: PNG, JPEG or WebP, up to 10 MiB. It replaces the one before."""
    return Call("PUT", path_to("tracks", track_id, "cover"), READ_TRACK, upload=FileUpload(path))


def delete_cover(track_id: str) -> Call[None]:
    """Take your track's picture away; one is drawn from its sound again."""
    return Call("DELETE", path_to("tracks", track_id, "cover"), read_nothing)


def cover_path(track_id: str) -> str:
    """Where a track's cover is."""
    return path_to("tracks", track_id, "cover")


def waveform_path(track_id: str, ending: str) -> str:
    """Where a track's waveform is as a picture: "png" or "svg"."""
    return path_to("tracks", track_id, f"waveform.{ending}")


def spectrogram_path(track_id: str) -> str:
    """Where a track's spectrogram is."""
    return path_to("tracks", track_id, "spectrogram.png")
