"""The kind "convert": a track's master in another format, sample rate, bit depth or bit rate, as a file of the job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from services.processing.conversion.request import ConvertRequest
from services.processing.covers.sizes import EMBEDDED
from services.processing.jobs.kind import Check, Made, SourceTrack, Wanted, Work
from services.processing.jobs.parsing import refused, validated
from services.processing.jobs.sizes import Sound, converted_bytes
from services.processing.media import aac_extra
from services.processing.media.formats import violations_of
from services.processing.media.tagging import FileTags, Picture
from services.shared.errors import AppError, ErrorCode, FieldViolation


class ConvertKind:
    """Converts masters. Holds nothing between two of them."""

    name: Final = "convert"

    def parse(self, body: Mapping[str, Any]) -> ConvertRequest:
        """The checked request. Raises VALIDATION with every field that has to change."""
        request = validated(ConvertRequest, body)
        wrong = violations_of(request.asked)
        if request.format == "m4a" and not aac_extra.available():
            wrong.insert(0, FieldViolation("/format", aac_extra.NOT_WRITTEN))
        if wrong:
            raise refused(wrong)
        return request

    def wanted(self, request: ConvertRequest) -> Sequence[Wanted]:
        """The master, and the picture."""
        return (Wanted(request.track_id, cover=True),)

    def written_bytes(self, request: ConvertRequest, sources: Mapping[str, Sound]) -> int:
        """The file."""
        return converted_bytes(sources[request.track_id], request.target)

    def run(self, work: Work) -> Made:
        """Write `audio.<format>`. Raises UNSUPPORTED_MEDIA, STORAGE_FULL."""
        # Imported here: whoever only checks requests needs no codecs.
        from services.processing.media.encoding import encode
        from services.processing.media.tagging import write_tags

        request: ConvertRequest = work.request
        track = work.sources[request.track_id]
        if track.master is None:
            raise AppError(ErrorCode.INTERNAL, "The track's audio was not fetched.")
        stage = f"writing {request.format}"
        name = f"audio.{request.format}"
        bare = work.folder / f"bare.{request.format}"
        made = encode(
            track.master,
            bare,
            request.target,
            check=work.check,
            progress=lambda fraction: work.report(fraction, stage),
            tags=tags_of(track).words(),
        )
        tags = replace(tags_of(track), picture=_picture(track.master, track.cover, work.check))
        write_tags(bare, work.folder / name, request.target.format.container, tags)
        bare.unlink()
        return Made(
            result={
                "format": request.format,
                "duration": round(made.duration_seconds, 6),
                "sample_rate": made.sample_rate_hz,
                "channels": made.channels,
            },
            files={name: work.folder / name},
        )


def tags_of(track: SourceTrack) -> FileTags:
    """What a file says of the track that it holds: title, owner, licence, and the names that have to be given."""
    return FileTags(track.title, track.artist, track.licence.name, "; ".join(track.licence.attributions))


def _picture(master: Path, cover: Path | None, check: Check) -> Picture:
    """The track's picture, or one that is drawn from its sound, in one pass."""
    from services.processing.analysis.waveform import answer, build, read_layout, read_level
    from services.processing.covers.painting import POINTS, painted
    from services.processing.media.reading import blocks, inspect
    from services.processing.media.tagging import picture_of

    if cover is not None:
        return picture_of(cover.read_bytes())
    info = inspect(master)
    data = build(blocks(master, check), info.frames, info.sample_rate_hz)
    layout = read_layout(data)
    start, end = layout.byte_range(level := layout.level_for(POINTS))
    minima, maxima = answer(layout, level, read_level(data[start:end]), POINTS)
    return picture_of(painted(minima, maxima, EMBEDDED))


KIND: Final = ConvertKind()
