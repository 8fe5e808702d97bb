"""Masters one file, in passes that each stream it: listen, shape, then limit and write until the meters agree.

Nothing but the 10 ms energies and the 0.7 ms map of heights is kept in memory; the shaped song lies on the scratch disk
as raw float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from services.processing.analysis.loudness import SILENCE_LUFS, LoudnessMeter
from services.processing.analysis.survey import Survey, Surveyor, survey, told
from services.processing.mastering.band_limit import BandLimit
from services.processing.mastering.clipper import Clipper
from services.processing.mastering.compressor import Compressor
from services.processing.mastering.image import Image
from services.processing.mastering.level import LevelSearch, Plan
from services.processing.mastering.limiter import PeakMap, apply_gains
from services.processing.mastering.matching import Curves, MatchFilter, match_curves
from services.processing.mastering.presets import Preset
from services.processing.mastering.tone import Tone
from services.processing.media.quantization import to_int24
from services.processing.media.reading import BLOCK_FRAMES, SourceInfo, blocks
from services.shared.errors import AppError, ErrorCode

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Check = Callable[[], None]
Report = Callable[[float, str], None]

SHORTEST_SECONDS: Final = 0.4
# What the limiter aims below the ceiling: its gain moves while the heights are interpolated.
MARGIN_DB: Final = 0.15
TOLERANCE_LU: Final = 0.2

# Everything is brought to this loudness first, so that the compressor treats every song alike.
_WORKING_LUFS: Final = -18.0
_CLOSE_LU: Final = 0.05
_MOST_ROUNDS: Final = 4
# How far above the ceiling, at the drive that the target asks for, the clipper ends its curve; None leaves it out. The
# next one is tried when the limiter alone would take too much.
_CLIP_LEVELS_DB: Final = (None, 4.0, 2.0, 0.0, -2.0, -4.0)
_MUCH_LIMITING_DB: Final = -2.5
# Clipping costs that much loudness, which a map of heights does not show.
_FORESIGHT_LU: Final = 0.3
# Shares of the progress bar: listening, shaping, and the rounds of limiting that are usual.
_HEARD: Final = 0.25
_SHAPED: Final = 0.55
_WRITTEN: Final = 0.98


@dataclass(frozen=True, slots=True)
class Mastered:
    """What came of it. `gain_db` is the level change before the limiter, from source to master;
    `clip_db` where the clipper's curve ends against the ceiling, None where nothing was clipped.
    """

    before: Survey
    after: Survey
    target_lufs: float
    ceiling_dbtp: float
    gain_db: float
    limiting_deepest_db: float
    limiting_mean_db: float
    compression_deepest_db: float
    clip_db: float | None
    curves: Curves | None
    rounds: int

    @property
    def target_met(self) -> bool:
        """Whether the loudness is within 0.2 LU of the target."""
        return abs(self.after.loudness.integrated_lufs - self.target_lufs) <= TOLERANCE_LU


def master(
    source: Path,
    target: Path,
    preset: Preset,
    *,
    target_lufs: float,
    ceiling_dbtp: float,
    reference: Survey | None,
    scratch: Path,
    check: Check,
    report: Report,
) -> Mastered:
    """Write the master of `source` to `target` as 24-bit FLAC; the same input gives the same bytes.

    With a `reference` its tone and width are matched and the preset's tone is left out. `scratch` is a file that may be
    written. Raises VALIDATION for what cannot be mastered (silence, less than 0.4 s, more than two channels),
    UNSUPPORTED_MEDIA for what cannot be read, STORAGE_FULL when the disk is.
    """
    report = _forward(report)
    before = survey(source, check, lambda done: report(_HEARD * done, "listening to the mix"))
    refuse_unfit(before, "/track_id")
    info = before.info
    curves = None if reference is None else match_curves(before.spectrum, reference.spectrum)
    ceiling = 10.0 ** (ceiling_dbtp / 20.0)
    aimed = ceiling * 10.0 ** (-MARGIN_DB / 20.0)
    levels = list(_CLIP_LEVELS_DB[1 if preset.clips else 0 :])
    nominal_db = _WORKING_LUFS + ceiling_dbtp - target_lufs
    while True:
        clip_db = levels.pop(0)
        top_db = None if clip_db is None else nominal_db + clip_db
        shaping = _Shaping(preset, before, curves, top_db)
        search = shaping.run(source, scratch, check, report)
        if not levels or _comfortable(search.find(target_lufs, aimed), target_lufs):
            break
        # Each level tried is a pass over the song: the map of heights tells beforehand which ones are too gentle.
        while len(levels) > 1:
            check()
            foreseen = search.clipped(10.0 ** ((nominal_db + (levels[0] or 0.0)) / 20.0))
            if _comfortable(foreseen.find(target_lufs + _FORESIGHT_LU, aimed), target_lufs + _FORESIGHT_LU):
                break
            levels.pop(0)
    aim = target_lufs
    trim = 1.0
    for round_number in range(1, _MOST_ROUNDS + 1):
        check()
        plan = search.find(aim, aimed)
        start = _SHAPED + (_WRITTEN - _SHAPED) * (1.0 - 0.5 ** (round_number - 1))
        room = (_WRITTEN - start) * 0.5

        def tell(done: float, start: float = start, room: float = room) -> None:
            report(start + room * done, "limiting and writing the master")

        after, heights = _write(scratch, target, info, plan, trim, check, tell)
        error = target_lufs - after.loudness.integrated_lufs
        over = heights > ceiling
        out_of_reach = plan.loudness_lufs < aim - TOLERANCE_LU
        if not over.any() and (abs(error) <= _CLOSE_LU or out_of_reach):
            break
        if round_number == _MOST_ROUNDS - 1 and over.any():
            # The last round only turns the same master down, which scales every height alike.
            trim = ceiling / float(heights.max()) * 0.9999
            continue
        if trim != 1.0:
            break
        search.lower(over, heights[over] / np.float32(ceiling) * np.float32(1.001))
        aim += 0.0 if out_of_reach else error
    return Mastered(
        before=before,
        after=after,
        target_lufs=target_lufs,
        ceiling_dbtp=ceiling_dbtp,
        gain_db=shaping.gain_db + plan.drive_db,
        limiting_deepest_db=plan.deepest_db,
        limiting_mean_db=plan.mean_db,
        compression_deepest_db=shaping.compression_deepest_db,
        clip_db=clip_db,
        curves=curves,
        rounds=round_number,
    )


def _forward(report: Report) -> Report:
    """The same report, but never going back: a pass that is made again does not undo what was done."""
    furthest = 0.0

    def tell(done: float, stage: str) -> None:
        nonlocal furthest
        furthest = max(furthest, done)
        report(furthest, stage)

    return tell


def _comfortable(plan: Plan, target_lufs: float) -> bool:
    """Whether the limiter reaches the target without ducking the song audibly."""
    return plan.mean_db >= _MUCH_LIMITING_DB and plan.loudness_lufs >= target_lufs - _CLOSE_LU


def refuse_unfit(heard: Survey, pointer: str) -> None:
    """Raise VALIDATION at `pointer` for what has no loudness that could be changed."""
    info = heard.info
    if info.channels > 2:
        raise AppError.field(pointer, f"Mastering takes mono and stereo; this track has {info.channels} channels.")
    if info.duration_seconds < SHORTEST_SECONDS:
        raise AppError.field(
            pointer,
            f"The track is {info.duration_seconds:.2f} s long; loudness needs at least {SHORTEST_SECONDS:g} s.",
        )
    if heard.loudness.integrated_lufs <= SILENCE_LUFS:
        raise AppError.field(pointer, "The track is silent: there is nothing to bring to a loudness.")


class _Shaping:
    """Tone, glue, image and clipper: everything before the limiter."""

    def __init__(self, preset: Preset, before: Survey, curves: Curves | None, top_db: float | None) -> None:
        info = before.info
        self.gain_db = _WORKING_LUFS - before.loudness.integrated_lufs
        self._info = info
        self._preset = preset
        filters = preset.tone if curves is None else tuple(item for item in preset.tone if item.kind == "low_cut")
        self._tone = Tone(filters, info.sample_rate_hz, info.channels)
        self._match = None if curves is None else MatchFilter(curves, info.sample_rate_hz, info.channels)
        self._image = Image(preset.width, preset.mono_below_hz, info.sample_rate_hz, info.channels)
        self._clipper = None if top_db is None else Clipper(10.0 ** (top_db / 20.0), info.channels)
        self._band = BandLimit(info.channels)
        self._glue = None
        if preset.glue is not None:
            threshold_db = _WORKING_LUFS + preset.glue.threshold_lu
            self._glue = Compressor(preset.glue, threshold_db, info.sample_rate_hz, info.channels)

    @property
    def compression_deepest_db(self) -> float:
        """How much the compressor took at most, in dB (0 or below)."""
        return self._glue.deepest_db if self._glue is not None else 0.0

    def run(self, source: Path, scratch: Path, check: Check, report: Report) -> LevelSearch:
        """Write the shaped song to `scratch`; answers what its level is planned from."""
        rate, channels = self._info.sample_rate_hz, self._info.channels
        heights, loudness = PeakMap(rate, channels), LoudnessMeter(rate, channels)
        stage = "matching the reference" if self._match is not None else "shaping tone and dynamics"
        read = told(
            blocks(source, check),
            self._info.frames,
            lambda done: report(_HEARD + (_SHAPED - _HEARD) * done, stage),
        )
        try:
            with scratch.open("wb") as file:
                for shaped in self._shaped(read):
                    heights.add(shaped)
                    loudness.add(shaped)
                    file.write(shaped.tobytes())
        except OSError as error:
            raise _disk_full() from error
        return LevelSearch(loudness.energies(), heights.finish(), rate, self._preset.release_ms)

    def _shaped(self, read: Iterable[Float32]) -> Iterator[Float32]:
        coloured = self._coloured(read)
        yield from self._band.run(self._clipper.run(coloured) if self._clipper is not None else coloured)

    def _coloured(self, read: Iterable[Float32]) -> Iterator[Float64]:
        gain = 10.0 ** (self.gain_db / 20.0)
        levelled: Iterator[Float64] = (block.astype(np.float64) * gain for block in read)
        for matched in self._match.run(levelled) if self._match is not None else levelled:
            block = self._tone.process(matched)
            if self._glue is not None:
                block = self._glue.process(block)
            yield self._image.process(block)


def _write(
    scratch: Path, target: Path, info: SourceInfo, plan: Plan, trim: float, check: Check, tell: Callable[[float], None]
) -> tuple[Survey, Float32]:
    """Limit the shaped song into `target`; answers what was measured on what is in the file, and its heights."""
    surveyor = Surveyor(info, peaks=False)
    heights = PeakMap(info.sample_rate_hz, info.channels)
    drive = 10.0 ** (plan.drive_db / 20.0) * trim
    position = 0
    try:
        with soundfile.SoundFile(
            target, "w", info.sample_rate_hz, info.channels, subtype="PCM_24", format="FLAC", compression_level=0.4
        ) as file:
            for block in told(_raw(scratch, info.channels, check), info.frames, tell):
                steps = to_int24(apply_gains(block, position, plan.gains, drive, info.sample_rate_hz))
                file.write(steps)
                written = (steps >> 8).astype(np.float32) / np.float32(8_388_608.0)
                surveyor.add(written)
                heights.add(written)
                position += len(block)
    except (soundfile.LibsndfileError, OSError) as error:
        raise _disk_full() from error
    cells = heights.finish()
    return surveyor.finish(heights.highest), cells


def _raw(path: Path, channels: int, check: Check) -> Iterator[Float32]:
    with path.open("rb") as file:
        while True:
            check()
            data = file.read(BLOCK_FRAMES * channels * 4)
            if not data:
                return
            yield np.frombuffer(data, dtype=np.float32).reshape(-1, channels)


def _disk_full() -> AppError:
    return AppError(ErrorCode.STORAGE_FULL, "The master could not be written: is the scratch disk full?")
