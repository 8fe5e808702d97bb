"""The kind "convert": a track's master in another format, sample rate, bit depth or bit rate, as a file of the job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.processing.conversion.request import ConvertRequest
from services.processing.jobs.kind import Made, SourceTrack, Wanted, Work
from services.processing.jobs.parsing import refused, validated
from services.processing.jobs.sizes import Sound, converted_bytes
from services.processing.media.formats import violations_of
from services.shared.errors import AppError, ErrorCode


class ConvertKind:
    """Converts masters. Holds nothing between two of them."""

    name: Final = "convert"

    def parse(self, body: Mapping[str, Any]) -> ConvertRequest:
        """The checked request. Raises VALIDATION with every field that has to change."""
        request = validated(ConvertRequest, body)
        wrong = violations_of(request.asked)
        if wrong:
            raise refused(wrong)
        return request

    def wanted(self, request: ConvertRequest) -> Sequence[Wanted]:
        """The master."""
        return (Wanted(request.track_id),)

    def written_bytes(self, request: ConvertRequest, sources: Mapping[str, Sound]) -> int:
        """The file."""
        return converted_bytes(sources[request.track_id], request.target)

    def run(self, work: Work) -> Made:
        """Write `audio.<format>`. Raises UNSUPPORTED_MEDIA, STORAGE_FULL."""
        # Imported here: whoever only checks requests needs no codecs.
        from services.processing.media.encoding import encode

        request: ConvertRequest = work.request
        track = work.sources[request.track_id]
        if track.master is None:
            raise AppError(ErrorCode.INTERNAL, "The track's audio was not fetched.")
        stage = f"writing {request.format}"
        name = f"audio.{request.format}"
        made = encode(
            track.master,
            work.folder / name,
            request.target,
            check=work.check,
            progress=lambda fraction: work.report(fraction, stage),
            tags=tags_of(track),
        )
        return Made(
            result={
                "format": request.format,
                "duration": round(made.duration_seconds, 6),
                "sample_rate": made.sample_rate_hz,
                "channels": made.channels,
            },
            files={name: work.folder / name},
        )


def tags_of(track: SourceTrack) -> dict[str, str]:
    """What a file says of the track that it holds: its title, its licence, and the names that have to be given."""
    words = {
        "title": track.title,
        "copyright": track.licence.name,
        "comment": "; ".join(track.licence.attributions),
    }
    return {name: " ".join(text.split()) for name, text in words.items() if text.strip()}


KIND: Final = ConvertKind()
