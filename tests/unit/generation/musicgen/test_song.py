"""Songs on models from a folder, as a worker makes them: forms, melodies, continuations, long songs, resumed songs."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from prometheus_client import REGISTRY

from services.generation.backends.musicgen import MusicGenBackend
from services.generation.backends.protocol import (
    BackendEnvironment,
    GeneratedTrack,
    GenerationCancelled,
    GenerationPostponed,
    GenerationRequest,
    Section,
)
from services.generation.engine.scheduler import QueueFull
from services.generation.models import debug
from services.generation.musicgen.conditioning import Conditioner
from services.generation.musicgen.text_conditioner import HashTokenizer
from services.generation.worker.output_gate import check_output
from services.shared.errors import AppError, ErrorCode

RATE = 32_000
HEADER_BYTES = 10


class Stage:
    """A context that keeps what it is given, with a record of tokens and other tracks. `stop_after` samples cancel."""

    def __init__(
        self,
        scratch: Path,
        *,
        saved: bytes = b"",
        sources: dict[str, Path] | None = None,
        stop_after: int | None = None,
    ) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        self.scratch = scratch
        self.blocks: list[np.ndarray] = []
        self.format: tuple[int, int, int | None] | None = None
        self.record = bytearray(saved)
        self.recorded_before: list[int] = []
        self._saved = saved
        self._sources = sources or {}
        self._stop_after = stop_after

    def check(self) -> None:
        if self._stop_after is not None and sum(map(len, self.blocks)) >= self._stop_after:
            raise GenerationCancelled

    def progress(self, fraction: float, stage: str, eta_seconds: float | None = None) -> None:
        assert 0.0 <= fraction <= 1.0

    def start(self, sample_rate_hz: int, channels: int, total_samples: int | None) -> None:
        self.format = (sample_rate_hz, channels, total_samples)

    def audio(self, samples: np.ndarray) -> None:
        self.check()
        self.recorded_before.append(len(self.record))
        self.blocks.append(samples.copy())

    def saved_tokens(self) -> bytes:
        return self._saved

    def save_tokens(self, data: bytes, *, restart: bool = False) -> None:
        if restart:
            self.record.clear()
        self.record += data

    def source(self, track_id: str) -> Path:
        return self._sources[track_id]

    @property
    def heard(self) -> np.ndarray:
        return np.concatenate(self.blocks)

    def frames(self, codebooks: int = 4) -> list[tuple[int, ...]]:
        return list(struct.iter_unpack(f"<{codebooks}H", bytes(self.record[HEADER_BYTES:])))


@pytest.fixture(scope="module")
def backend(
    folder: Callable[[str], Path], style_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MusicGenBackend]:
    models = tmp_path_factory.mktemp("shelf")
    for kind in ("mono", "stereo", "melody"):
        (models / kind).symlink_to(folder(kind))
    (models / "style").symlink_to(style_folder)
    backend = MusicGenBackend(BackendEnvironment(models, models))
    yield backend
    backend.close()


def request(
    kind: str = "mono", seconds: float = 1.0, prompt: str = "warm piano", **fields: object
) -> GenerationRequest:
    return GenerationRequest(prompt, seconds, f"musicgen-{kind}", 1, **fields)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tune(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of a scale, stereo at 44.1 kHz."""
    path = tmp_path_factory.mktemp("tunes") / "tune.flac"
    time = np.arange(44_100) / 44_100
    notes = [0.3 * np.sin(2 * np.pi * 261.63 * 2 ** (step / 12) * time) for step in (0, 2, 4, 5, 7, 9, 11, 12, 7, 0)]
    mono = np.concatenate(notes)
    soundfile.write(path, np.stack([mono, mono * 0.5], axis=1), 44_100, subtype="PCM_24")
    return path


@pytest.mark.parametrize(("kind", "channels"), [("mono", 1), ("stereo", 2), ("melody", 1), ("style", 1)])
async def test_model_from_a_folder_makes_a_song_that_passes_the_gate(
    kind: str, channels: int, backend: MusicGenBackend, tmp_path: Path
) -> None:
    stage = Stage(tmp_path)
    track = await backend.generate(request(kind), stage)
    check_output(track)
    assert stage.format == (RATE, channels, RATE)
    assert track.channels == channels
    assert (track.runtime, track.precision) == ("torch-cpu", "float32")
    assert len(stage.frames(8 if kind == "stereo" else 4)) == 50
    assert f"musicgen-{kind}" in backend.resident_models


async def test_metrics_say_how_it_went(backend: MusicGenBackend, tmp_path: Path) -> None:
    track = await backend.generate(request(), Stage(tmp_path))
    metrics = track.metrics
    assert metrics["engine_steps"] == 50
    assert metrics["steps_per_second"] == pytest.approx(50 / metrics["engine_seconds"], rel=0.1)
    assert metrics["times_real_time"] == pytest.approx(1.0 / metrics["engine_seconds"], rel=0.1)
    assert 0.0 < metrics["engine_first_audio_seconds"] < metrics["engine_seconds"]
    assert metrics["batch_size"] == pytest.approx(1.0, abs=0.1)
    assert (metrics["runtime"], metrics["precision"]) == ("torch-cpu", "float32")
    assert (track.runtime, track.precision) == ("torch-cpu", "float32")


async def test_operators_see_the_engine_of_each_model(backend: MusicGenBackend, tmp_path: Path) -> None:
    def value(name: str) -> float:
        return REGISTRY.get_sample_value(f"generation_engine_{name}", {"model": "musicgen-mono"}) or 0.0

    backend.load("musicgen-mono")
    tokens, steps = value("tokens_total"), value("step_seconds_count")
    await backend.generate(request(), Stage(tmp_path))
    # Fifty frames and the delay of the last codebook, four tokens a step.
    assert (value("tokens_total") - tokens, value("step_seconds_count") - steps) == (4 * 53, 53)
    assert (value("slots"), value("slots_busy"), value("queue_depth")) == (4, 0, 0)


async def test_resumed_song_is_as_quick_as_what_was_made_of_it(backend: MusicGenBackend, tmp_path: Path) -> None:
    whole = Stage(tmp_path / "whole")
    await backend.generate(request(), whole)
    resumed = Stage(tmp_path / "resumed", saved=bytes(whole.record[: HEADER_BYTES + 8 * 40]))
    metrics = (await backend.generate(request(), resumed)).metrics
    assert metrics["engine_steps"] == 10
    # Ten frames of 20 ms: the forty that were there already are nobody's speed.
    assert metrics["times_real_time"] == pytest.approx(0.2 / metrics["engine_seconds"], rel=0.1)


async def test_form_changes_the_song_where_its_section_begins(backend: MusicGenBackend, tmp_path: Path) -> None:
    plain, formed, brackets = (Stage(tmp_path / name) for name in ("plain", "formed", "brackets"))
    first = Section("intro", seconds=0.6, prompt="soft piano")
    await backend.generate(request(seconds=1.2, prompt="x, intro, soft piano"), plain)
    await backend.generate(
        request(seconds=1.2, prompt="x", structure=(first, Section("chorus", seconds=0.6, prompt="loud drums"))), formed
    )
    await backend.generate(request(seconds=1.2, prompt="x [intro @0s] soft piano [chorus @0.6s] loud drums"), brackets)
    assert formed.frames()[: 30 - 3] == plain.frames()[: 30 - 3]
    assert formed.frames()[30:] != plain.frames()[30:]
    assert formed.frames() == brackets.frames()


async def test_form_whose_words_would_outgrow_the_songs_own_memory_is_refused(
    backend: MusicGenBackend, tmp_path: Path
) -> None:
    # A token for every two characters, and fewer characters than a form may have.
    form = tuple(Section(f"part {index}", seconds=0.5, prompt="a " * 120) for index in range(36))
    with pytest.raises(AppError, match="more words than this model keeps in mind") as caught:
        await backend.generate(request(seconds=18.0, structure=form), Stage(tmp_path))
    assert [violation.pointer for violation in caught.value.violations] == ["/structure"]


async def test_melody_changes_the_song_and_models_without_refuse_it(
    backend: MusicGenBackend, tune: Path, tmp_path: Path
) -> None:
    without, with_melody = Stage(tmp_path / "a"), Stage(tmp_path / "b", sources={"t": tune})
    await backend.generate(request("melody"), without)
    await backend.generate(request("melody", melody_id="t"), with_melody)
    assert with_melody.frames() != without.frames()
    parameters = {model.id: model.parameters for model in backend.describe()}
    assert "melody_id" in parameters["musicgen-melody"]
    assert "melody_id" not in parameters["musicgen-mono"]


async def test_style_its_codebooks_and_beta_change_the_song_and_models_without_refuse_it(
    backend: MusicGenBackend, tune: Path, tmp_path: Path
) -> None:
    asked: list[dict[str, object]] = [
        {},
        {"style_id": "t"},
        {"style_id": "t", "style_codebooks": 1},
        {"style_id": "t", "guidance_beta": 1.0},
    ]
    songs = []
    for index, fields in enumerate(asked):
        stage = Stage(tmp_path / str(index), sources={"t": tune})
        await backend.generate(request("style", 0.5, **fields), stage)
        songs.append(stage.frames())
    assert all(one != other for index, one in enumerate(songs) for other in songs[:index])
    again = Stage(tmp_path / "again", sources={"t": tune})
    await backend.generate(request("style", 0.5, style_id="t", style_codebooks=3, guidance_beta=5.0), again)
    assert again.frames() == songs[1]
    parameters = {model.id: model.parameters for model in backend.describe()}
    assert {"style_id", "guidance_beta", "style_codebooks"} <= set(parameters["musicgen-style"])
    assert "style_id" not in parameters["musicgen-melody"]


async def test_style_that_is_too_short_is_the_callers_to_mend(
    backend: MusicGenBackend, tune: Path, tmp_path: Path
) -> None:
    short = tmp_path / "short.flac"
    soundfile.write(short, soundfile.read(tune, frames=44_100)[0], 44_100)
    with pytest.raises(AppError) as caught:
        await backend.generate(request("style", style_id="t"), Stage(tmp_path / "s", sources={"t": short}))
    assert caught.value.code is ErrorCode.VALIDATION
    assert [violation.pointer for violation in caught.value.violations] == ["/style_id"]


@pytest.mark.parametrize("kind", ["melody", "style"])
@pytest.mark.parametrize("content", [b"", b"not audio at all", b"RIFF\x24\x00\x00\x00WAVEfmt "])
async def test_sound_that_does_not_decode_is_the_callers_to_mend(
    content: bytes, kind: str, backend: MusicGenBackend, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.flac"
    broken.write_bytes(content)
    with pytest.raises(AppError) as caught:
        await backend.generate(request(kind, **{f"{kind}_id": "t"}), Stage(tmp_path / "s", sources={"t": broken}))
    assert caught.value.code is ErrorCode.VALIDATION
    assert [violation.pointer for violation in caught.value.violations] == [f"/{kind}_id"]


async def test_more_codebooks_than_the_checkpoint_holds_are_the_callers_to_mend(
    backend: MusicGenBackend, tune: Path, tmp_path: Path
) -> None:
    # A description in the catalogue knows it, but for checkpoints in audiocraft's layout.
    assert {model.id: model.style_codebooks for model in backend.describe()}["musicgen-style"] == 6
    with pytest.raises(AppError, match="at most 6 codebooks") as caught:
        await backend.generate(
            request("style", style_id="t", style_codebooks=7), Stage(tmp_path / "s", sources={"t": tune})
        )
    assert [violation.pointer for violation in caught.value.violations] == ["/style_codebooks"]


@pytest.mark.parametrize("kind", ["mono", "stereo"])
async def test_continuation_begins_where_it_is_asked_to_and_depends_on_what_was_before(
    kind: str, backend: MusicGenBackend, tune: Path, tmp_path: Path
) -> None:
    songs = {}
    for at in (3.0, 7.0):
        stage = Stage(tmp_path / str(at), sources={"t": tune})
        track = await backend.generate(request(kind, continue_from_id="t", continue_at=at), stage)
        check_output(track)
        # Only what is new is the song's: as many frames as it has seconds, none of the source's.
        assert track.duration_seconds == 1.0
        assert len(stage.frames(8 if kind == "stereo" else 4)) == 50
        songs[at] = stage.frames(4)
    plain = Stage(tmp_path / "plain")
    await backend.generate(request(kind), plain)
    assert songs[3.0] != songs[7.0]
    assert songs[3.0] != plain.frames(4)


async def test_continuation_of_a_damaged_track_names_the_track(backend: MusicGenBackend, tmp_path: Path) -> None:
    broken = tmp_path / "broken.flac"
    broken.write_bytes(b"fLaC")
    with pytest.raises(AppError) as caught:
        await backend.generate(
            request(continue_from_id="t", continue_at=1.0), Stage(tmp_path / "s", sources={"t": broken})
        )
    assert [violation.pointer for violation in caught.value.violations] == ["/continue_from_id"]


async def test_continuation_from_nothing_is_refused(backend: MusicGenBackend, tune: Path, tmp_path: Path) -> None:
    with pytest.raises(AppError) as caught:
        await backend.generate(request(continue_from_id="t", continue_at=0.01), Stage(tmp_path, sources={"t": tune}))
    assert [violation.pointer for violation in caught.value.violations] == ["/continue_at"]
    with pytest.raises(AppError) as caught:
        backend.check(request(continue_from_id="t", continue_at=0.0))
    assert [violation.pointer for violation in caught.value.violations] == ["/continue_at"]


@pytest.mark.parametrize("kind", ["mono", "stereo", "melody"])
async def test_resumed_song_is_the_song_that_was_not_interrupted(
    kind: str, backend: MusicGenBackend, tmp_path: Path
) -> None:
    whole = Stage(tmp_path / "whole")
    await backend.generate(request(kind, 1.2), whole)
    killed = Stage(tmp_path / "killed", stop_after=RATE // 4)
    with pytest.raises(GenerationCancelled):
        await backend.generate(request(kind, 1.2), killed)
    books = 8 if kind == "stereo" else 4
    kept = killed.frames(books)
    assert 0 < len(kept) < 60
    resumed = Stage(tmp_path / "resumed", saved=bytes(killed.record))
    track = await backend.generate(request(kind, 1.2), resumed)
    assert resumed.frames(books)[: len(kept)] == kept
    assert resumed.frames(books) == whole.frames(books)
    assert track.metrics["resumed_frames"] == len(kept)
    np.testing.assert_allclose(resumed.heard, whole.heard, atol=1e-4)
    check_output(track)


async def test_tokens_are_recorded_before_their_audio_is_heard(backend: MusicGenBackend, tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await backend.generate(request(seconds=2.0), stage)
    heard = 0
    for block, recorded in zip(stage.blocks, stage.recorded_before, strict=True):
        heard += len(block)
        assert (recorded - HEADER_BYTES) // 8 * 640 >= min(heard, 2 * RATE)


@pytest.mark.parametrize("spoiled", ["a strange token", "half a frame"])
async def test_record_with_a_broken_end_is_resumed_from_what_is_whole_and_mended(
    spoiled: str, backend: MusicGenBackend, tmp_path: Path
) -> None:
    whole = Stage(tmp_path / "whole")
    await backend.generate(request(), whole)
    kept = whole.record[: HEADER_BYTES + 8 * 20]
    end = struct.pack("<4H", 1, 2, 65_535, 3) + bytes(8) if spoiled == "a strange token" else b"\x01\x02\x03"
    resumed = Stage(tmp_path / "resumed", saved=bytes(kept) + end)
    other = Stage(tmp_path / "other")
    tracks = await asyncio.gather(backend.generate(request(), resumed), backend.generate(request(seconds=2.0), other))
    assert tracks[0].metrics["resumed_frames"] == 20
    # What a third attempt would read is what was made, in one piece.
    assert resumed.record == whole.record
    np.testing.assert_allclose(resumed.heard, whole.heard, atol=1e-4)
    assert len(other.frames()) == 100


async def test_chorus_that_comes_back_is_held_once(backend: MusicGenBackend, tmp_path: Path) -> None:
    model = debug.build()
    first, other, again = Conditioner(model, HashTokenizer(512)).conditions(["a chorus", "a verse", "a chorus"])
    assert first.memories[0] is again.memories[0]
    assert first.memories[0] is not other.memories[0]


def test_cancelled_song_encodes_no_further_section(tmp_path: Path) -> None:
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise GenerationCancelled

    with pytest.raises(GenerationCancelled):
        Conditioner(debug.build(), HashTokenizer(512)).conditions([str(number) for number in range(64)], check=check)
    assert len(asked) == 3


async def test_song_that_waited_too_long_goes_back_instead_of_failing(
    backend: MusicGenBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.generation.musicgen.song._WAIT_SECONDS", -1.0)
    with pytest.raises(GenerationPostponed):
        await backend.generate(request(), Stage(tmp_path))


async def test_song_too_many_is_refused_with_what_to_do(
    backend: MusicGenBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.generation.engine.scheduler.Scheduler.add", _full)
    with pytest.raises(AppError, match="Try again soon") as caught:
        await backend.generate(request(), Stage(tmp_path))
    assert caught.value.code is ErrorCode.UNAVAILABLE


def _full(*_: object) -> None:
    raise QueueFull("64 requests wait already.")


async def test_record_of_another_model_is_begun_anew(backend: MusicGenBackend, tmp_path: Path) -> None:
    other = Stage(tmp_path / "other")
    await backend.generate(request("melody"), other)
    stage = Stage(tmp_path / "mine", saved=bytes(other.record))
    track = await backend.generate(request(), stage)
    assert track.metrics["resumed_frames"] == 0
    assert len(stage.frames()) == 50
    assert stage.record[:HEADER_BYTES] != other.record[:HEADER_BYTES]


async def test_song_whose_tokens_are_all_there_is_finished(backend: MusicGenBackend, tmp_path: Path) -> None:
    whole = Stage(tmp_path / "whole")
    await backend.generate(request(), whole)
    again = Stage(tmp_path / "again", saved=bytes(whole.record))
    track = await backend.generate(request(), again)
    assert track.metrics["resumed_frames"] == 49
    np.testing.assert_allclose(again.heard, whole.heard, atol=1e-4)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["mono", "melody"])
async def test_song_beyond_half_a_minute_slides_and_resumes_after_a_slide(
    kind: str, backend: MusicGenBackend, tune: Path, tmp_path: Path
) -> None:
    asked = request(kind, 33.0, **({"melody_id": "t"} if kind == "melody" else {}))
    whole = Stage(tmp_path / "whole", sources={"t": tune})
    track = await backend.generate(asked, whole)
    check_output(track)
    assert len(whole.frames()) == 33 * 50
    record = bytes(whole.record[: HEADER_BYTES + 8 * 1600])
    resumed = Stage(tmp_path / "resumed", saved=record, sources={"t": tune})
    again = await backend.generate(asked, resumed)
    assert again.metrics["resumed_frames"] == 1600
    assert resumed.frames() == whole.frames()


async def test_songs_on_one_model_share_steps(backend: MusicGenBackend, tmp_path: Path) -> None:
    tracks: list[GeneratedTrack] = await asyncio.gather(
        *(backend.generate(request(seconds=2.0), Stage(tmp_path / str(index))) for index in range(3))
    )
    assert max(track.metrics["batch_size"] for track in tracks) > 1.5


async def test_model_that_is_not_here_says_where_its_weights_belong(backend: MusicGenBackend) -> None:
    with pytest.raises(AppError, match="Put its weights into") as caught:
        backend.load("musicgen-large")
    assert caught.value.code is ErrorCode.MODEL_NOT_INSTALLED


async def test_broken_model_says_what_is_wrong_with_it(folder: Callable[[str], Path], tmp_path: Path) -> None:
    broken = tmp_path / "models" / "broken"
    broken.mkdir(parents=True)
    (broken / "config.json").write_text((folder("mono") / "config.json").read_text())
    (broken / "model.safetensors").write_bytes((folder("mono") / "model.safetensors").read_bytes()[:-100])
    backend = MusicGenBackend(BackendEnvironment(tmp_path / "models", tmp_path))
    with pytest.raises(AppError, match="cut off"):
        backend.load("musicgen-broken")
    backend.close()


def test_form_without_a_tempo_is_refused_before_it_is_a_job(backend: MusicGenBackend) -> None:
    with pytest.raises(AppError, match="tempo"):
        backend.check(request(structure=(Section("a", bars=4),)))


async def test_worker_that_is_set_to_what_it_has_not_says_what_to_mend(
    folder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.generation.runtimes.machine._gpu", lambda: None)
    (tmp_path / "mono").symlink_to(folder("mono"))
    backend = MusicGenBackend(BackendEnvironment(tmp_path, tmp_path, device="cuda"))
    with pytest.raises(AppError, match=r"no CUDA device here.*MUSICGEN_GENERATION_DEVICE") as caught:
        backend.load("musicgen-mono")
    assert caught.value.code is ErrorCode.UNAVAILABLE
    backend.close()


async def test_model_that_no_memory_here_holds_is_refused_before_it_is_read(
    folder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mono").symlink_to(folder("mono"))
    backend = MusicGenBackend(BackendEnvironment(tmp_path, tmp_path))
    monkeypatch.setattr("services.generation.backends.musicgen.usable_memory_bytes", lambda: 10**5)
    with pytest.raises(AppError, match=r"musicgen-mono takes 0\.0 GB of memory at least.*smaller model") as caught:
        backend.load("musicgen-mono")
    assert caught.value.code is ErrorCode.MODEL_NOT_INSTALLED
    assert backend.resident_models == ()
    monkeypatch.undo()
    backend.load("musicgen-mono")
    backend.close()
