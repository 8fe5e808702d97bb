"""From a score to a release: live audio while it plays, then the master and the stems as files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.generation.composer.render.gathering import gather
from services.generation.composer.render.mixdown import Mixdown
from services.generation.composer.render.progress import Progress
from services.generation.composer.render.sound_check import sound_check
from services.generation.composer.render.timeline import Timeline
from services.generation.composer.sampler.bank import SoundBank
from services.generation.composer.score import Score
from services.generation.mastering import LoudnessMeter, Measurement, Recording, mastering_gain_db, write_flac

Float32 = NDArray[np.float32]

# What the stages cost in seconds of playing: the sound check about as much as the seconds that it listens to, writing a
# quarter of the song (measured on songs of six to nine parts).
_CHECK_SECONDS = 9.0
_WRITE_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class _Stages:
    """How far the song is when a stage is over, 0–1."""

    checked: float
    played: float

    @classmethod
    def of(cls, duration_seconds: float) -> _Stages:
        """The stages of a song of this length."""
        whole = _CHECK_SECONDS + duration_seconds * (1.0 + _WRITE_SHARE)
        return cls(_CHECK_SECONDS / whole, 1.0 - duration_seconds * _WRITE_SHARE / whole)


@dataclass(frozen=True, slots=True)
class Bounce:
    """The finished files and what was measured on them.

    `stems` by name, in the order in which they are shown; `mastering_gain_db` leads from the live audio to the files;
    `metrics` holds seconds by stage and the levels that were set.
    """

    master_path: Path
    stems: dict[str, Path]
    duration_seconds: float
    measured: Measurement
    mastering_gain_db: float
    metrics: dict[str, float]


def bounce(score: Score, bank: SoundBank, executor: Executor, progress: Progress) -> Bounce:
    """Play a score: stream it live, then write `master.flac` and `stems/<name>.flac` to the context's scratch
    folder.

    The same score gives the same samples on one machine, live and on disk. Raises `GenerationCancelled` from the
    context.
    """
    started = time.monotonic()
    context = progress.context
    timeline = Timeline(score, bank.rate_hz)
    stages = _Stages.of(score.duration_seconds)
    progress.report(0.0, "sound check")
    levels = sound_check(timeline, bank, executor, progress.check)
    checked = time.monotonic()
    mixdown = Mixdown(timeline, bank, levels, executor, progress.check)
    with ExitStack() as files:
        takes = {
            name: files.enter_context(closing(Recording(context.scratch / f"{name}.f32", bank.rate_hz, 2)))
            for name in (_LIVE, *mixdown.stem_names)
        }
        measured = _play(mixdown, timeline, progress, stages, takes)
        played = time.monotonic()
        gain_db = mastering_gain_db(measured, score.mix.target_lufs)
        paths = _write(takes, gain_db, timeline, executor, progress, stages)
    finished = time.monotonic()
    return Bounce(
        master_path=paths.pop(_LIVE),
        stems=paths,
        duration_seconds=timeline.total_frames / bank.rate_hz,
        measured=Measurement(measured.loudness_lufs + gain_db, measured.true_peak_dbtp + gain_db),
        mastering_gain_db=gain_db,
        metrics={
            "sound_check_seconds": checked - started,
            "render_seconds": played - checked,
            "write_seconds": finished - played,
            "live_gain_db": levels.live_gain_db,
            "times_real_time": score.duration_seconds / max(finished - started, 1e-9),
        },
    )


_LIVE = "live"


def _play(
    mixdown: Mixdown, timeline: Timeline, progress: Progress, stages: _Stages, takes: dict[str, Recording]
) -> Measurement:
    """Render and publish the whole song, recording the live audio and every stem on the way."""
    total = timeline.total_frames
    meter = LoudnessMeter(timeline.rate_hz, 2)
    context = progress.context
    progress.report(stages.checked, "counting in")
    context.start(timeline.rate_hz, 2, total)
    with closing(mixdown.blocks()) as blocks:
        for block in blocks:
            context.audio(block.live)
            meter.add(block.live)
            takes[_LIVE].append(block.live)
            for name, stem in block.stems.items():
                takes[name].append(stem)
            done = (block.start + len(block.live)) / max(total, 1)
            section = timeline.score.section_at(
                done * timeline.score.duration_seconds / timeline.score.seconds_per_beat
            )
            fraction = stages.checked + (stages.played - stages.checked) * done
            progress.report(fraction, f"playing the {section.name}")
    return meter.result()


def _write(
    takes: dict[str, Recording],
    gain_db: float,
    timeline: Timeline,
    executor: Executor,
    progress: Progress,
    stages: _Stages,
) -> dict[str, Path]:
    """All recordings as 24-bit FLAC under the mastering gain; each raw recording is removed once it is written."""
    scratch = progress.context.scratch
    folder = scratch / "stems"
    folder.mkdir(exist_ok=True)
    share = (1.0 - stages.played) / (len(takes) * max(timeline.total_frames, 1))
    written = [0] * len(takes)

    def write(index: int, take: Recording, path: Path) -> None:
        def blocks() -> Iterator[Float32]:
            for block in take.blocks():
                written[index] += len(block)
                progress.report(min(stages.played + share * sum(written), 1.0))
                yield block

        write_flac(path, blocks(), timeline.rate_hz, 2, gain_db)
        take.discard()

    progress.report(stages.played, "mastering and printing the stems")
    paths = {name: scratch / "master.flac" if name == _LIVE else folder / f"{name}.flac" for name in takes}
    gather(
        [executor.submit(write, index, take, paths[name]) for index, (name, take) in enumerate(takes.items())],
        progress.check,
    )
    return paths
