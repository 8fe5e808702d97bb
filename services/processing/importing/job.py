"""The kind "import": a file that a person sent becomes a track, once it has been decoded and found to be sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from services.processing.jobs.kind import LicenceTerms, Made, NewTrack, Wanted, Work
from services.processing.jobs.parsing import validated
from services.processing.jobs.sizes import Sound, imported_bytes
from services.shared.errors import AppError, ErrorCode

if TYPE_CHECKING:
    from services.processing.media.decoding import Head

OWN_UPLOAD: Final = LicenceTerms("own upload", commercial_use=True)

_LONGEST_TITLE: Final = 200


class ImportRequest(BaseModel):
    """What the gateway says of the file. `filename` is as the person's machine calls it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    filename: Annotated[str, Field(max_length=500)] = ""
    size_bytes: Annotated[int, Field(ge=0)] = 0
    title: Annotated[str | None, Field(min_length=1, max_length=_LONGEST_TITLE)] = None


class ImportKind:
    """Imports files. Holds nothing between two of them."""

    name: Final = "import"

    def parse(self, body: Mapping[str, Any]) -> ImportRequest:
        """See `JobKind.parse`."""
        return validated(ImportRequest, body)

    def wanted(self, request: ImportRequest) -> Sequence[Wanted]:
        """No track."""
        return ()

    def written_bytes(self, request: ImportRequest, sources: Mapping[str, Sound]) -> int:
        """The master."""
        return imported_bytes(request.filename, request.size_bytes)

    def run(self, work: Work) -> Made:
        """Decode, check and keep losslessly. Raises UNSUPPORTED_MEDIA with what is wrong with the file."""
        request: ImportRequest = work.request
        if work.upload is None:
            raise AppError(ErrorCode.INTERNAL, "The job was given no file.")
        from services.processing.importing.mastering_copy import keep

        work.report(0.0, "reading the file")
        kept = keep(work.upload, work.folder / "master.flac", work.check, lambda part: work.report(part, "reading it"))
        head = kept.head
        result = {
            "filename": request.filename,
            "container": head.container,
            "codec": head.codec,
            "sample_rate": head.sample_rate,
            "channels": head.channels,
            "duration": round(kept.frames / head.sample_rate, 6),
            # Files may go beyond full scale; a lossless master cannot.
            "gain_db": round(kept.gain_db, 3),
            "tags": dict(head.tags),
        }
        genre = head.tags.get("genre", "").strip().lower()
        track = NewTrack(
            title=request.title or title_of(request.filename, head),
            master=kept.path,
            tags=(genre[:50],) if genre else (),
            model="upload",
            spec={"upload": result},
            licence=OWN_UPLOAD,
        )
        return Made(result, [track])


def title_of(filename: str, head: Head) -> str:
    """The file's own name without path and ending; what its tags say when it has none."""
    name = PurePosixPath(filename.replace("\\", "/")).name
    stem = Path(name).stem if not name.startswith(".") else name.strip(".")
    return (_one_line(stem) or _one_line(head.tags.get("title", "")) or "Upload")[:_LONGEST_TITLE]


def _one_line(text: str) -> str:
    """Without what acts on a terminal or turns the direction of writing, which a file's name or tags may hold."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


KIND: Final = ImportKind()
