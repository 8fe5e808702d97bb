"""The kind of job that masters a track: `POST /api/v1/processing/master`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pydantic import BaseModel

from services.processing.jobs.kind import JobKind, Made, NewTrack, SourceTrack, Wanted, Work
from services.processing.jobs.sizes import Sound, version_bytes
from services.processing.mastering import request as requests
from services.processing.mastering.request import HIGHEST_LUFS, LOWEST_LUFS, MasterRequest
from services.shared.errors import AppError, ErrorCode

MODEL: Final = "mastering"
REVISION: Final = "1"

# How much of the progress bar listening to a reference takes.
_REFERENCE: Final = 0.15


class MasterKind:
    """Brings a track to a loudness below a true-peak ceiling, with a preset's or a reference's sound."""

    name: Final = "master"

    def parse(self, body: Mapping[str, Any]) -> MasterRequest:
        """The checked request. Raises VALIDATION."""
        return requests.parse(body)

    def wanted(self, request: BaseModel) -> Sequence[Wanted]:
        """The track, and the reference if there is one."""
        asked = _checked(request)
        wanted = [Wanted(asked.track_id)]
        if asked.reference_track_id is not None:
            wanted.append(Wanted(asked.reference_track_id, pointer="/reference_track_id"))
        return wanted

    def written_bytes(self, request: BaseModel, sources: Mapping[str, Sound]) -> int:
        """Another version of the track."""
        return version_bytes(sources[_checked(request).track_id])

    def run(self, work: Work) -> Made:
        """Master in a thread. Raises VALIDATION (silence, too short, surround), UNSUPPORTED_MEDIA, STORAGE_FULL."""
        # Numba and SciPy stay out of processes that only parse requests.
        from services.processing.analysis.survey import survey
        from services.processing.mastering.engineer import master, refuse_unfit
        from services.processing.mastering.report import as_dict

        asked = _checked(work.request)
        source = work.sources[asked.track_id]
        preset = asked.chosen
        reference, begun = None, 0.0
        if asked.reference_track_id is not None:
            begun = _REFERENCE
            reference = survey(
                _master_of(work.sources[asked.reference_track_id]),
                work.check,
                lambda done: work.report(begun * done, "listening to the reference"),
            )
            refuse_unfit(reference, "/reference_track_id")
            if asked.preset is None:
                # The reference alone says how it should sound.
                preset = replace(preset, glue=None, width=1.0, mono_below_hz=0.0)
        target_lufs = asked.target_lufs
        if target_lufs is None:
            target_lufs = preset.target_lufs if reference is None else reference.loudness.integrated_lufs
            target_lufs = max(LOWEST_LUFS, min(HIGHEST_LUFS, target_lufs))
        path = work.folder / "master.flac"
        made = master(
            _master_of(source),
            path,
            preset,
            target_lufs=target_lufs,
            ceiling_dbtp=asked.ceiling_dbtp,
            reference=reference,
            scratch=work.folder / "shaped.f32",
            check=work.check,
            report=lambda done, stage: work.report(begun + (1.0 - begun) * done, stage),
        )
        (work.folder / "shaped.f32").unlink()
        result = {"preset": preset.name, **as_dict(made)}
        if asked.reference_track_id is not None:
            result["reference_track_id"] = asked.reference_track_id
        track = NewTrack(
            title=f"{source.title} (master)" if source.title else "Master",
            master=path,
            parent_id=source.track_id,
            tags=source.tags,
            bpm=source.bpm,
            key=source.key,
            model=MODEL,
            model_revision=REVISION,
            runtime="numba",
            spec={
                "preset": preset.name,
                "target_lufs": round(target_lufs, 2),
                "true_peak_dbtp": asked.ceiling_dbtp,
                "reference_track_id": asked.reference_track_id,
            },
            # A reference lends its sound, not its music: only the mastered track's terms hold.
            licence=source.licence,
        )
        return Made(result=result, tracks=[track])


def _checked(request: Any) -> MasterRequest:
    if not isinstance(request, MasterRequest):
        raise AppError(ErrorCode.INTERNAL, "The job's request is no request for a master.")
    return request


def _master_of(source: SourceTrack) -> Any:
    if source.master is None:
        raise AppError(ErrorCode.INTERNAL, "The track came without its master.", track_id=source.track_id)
    return source.master


KIND: Final[JobKind] = MasterKind()
