"""A score becomes live audio, a master and stems."""

from __future__ import annotations

import threading
import time
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from services.generation.backends.protocol import GenerationCancelled
from services.generation.composer.mix.loudness import loudness_lufs
from services.generation.composer.render.bounce import bounce
from services.generation.composer.render.mixdown import BLOCK_FRAMES, Mixdown
from services.generation.composer.render.progress import Progress
from services.generation.composer.render.sound_check import sound_check
from services.generation.composer.render.studio import Studio
from services.generation.composer.render.timeline import Timeline
from services.generation.composer.score import ControlChange, MixHints, Note, Part
from services.generation.mastering import measure
from services.shared.errors import AppError

RATE = 44_100


def no_check() -> None:
    """Nobody cancels."""


def read(path):
    return soundfile.read(path, dtype="float64", always_2d=True)[0]


@pytest.fixture
def made(make_score, bank, executor, new_context):
    """One finished song and what its context heard."""

    def make(score=None, context=None):
        context = context or new_context()
        return bounce(score or make_score(), bank, executor, Progress(context)), context

    return make


def test_the_master_is_exactly_as_long_as_asked_and_in_24_bits(made, make_score):
    for seconds in (0.5, 1.234, 6.0):
        result, context = made(make_score(seconds))
        info = soundfile.info(result.master_path)
        assert (info.frames, info.samplerate, info.channels) == (round(seconds * RATE), RATE, 2)
        assert (info.format, info.subtype) == ("FLAC", "PCM_24")
        assert len(context.heard) == round(seconds * RATE)
        assert context.started == (RATE, 2, round(seconds * RATE))
        assert result.duration_seconds == pytest.approx(seconds, abs=1 / RATE)


def test_the_master_is_the_live_audio_under_the_stated_gain(made):
    result, context = made()
    gain = 10 ** (result.mastering_gain_db / 20)
    assert np.abs(read(result.master_path) - context.heard * gain).max() < 2**-22


def test_the_stems_sum_to_the_master(made, make_score):
    result, _ = made(make_score(vinyl=-40.0))
    assert list(result.stems) == ["drums", "bass", "chords", "melody", "other"]
    difference = sum(read(path) for path in result.stems.values()) - read(result.master_path)
    assert 20 * np.log10(np.abs(difference).max()) < -110


def test_every_stem_sounds_and_holds_its_own_part(made, make_score):
    result, _ = made(make_score(vinyl=-40.0))
    for path in result.stems.values():
        assert loudness_lufs([read(path).T.astype(np.float32)], RATE) > -50
    # Bass under 150 Hz, hats above 7 kHz.
    spectra = {name: np.abs(np.fft.rfft(read(path)[:, 0])) ** 2 for name, path in result.stems.items()}
    hertz = np.fft.rfftfreq(round(6.0 * RATE), 1 / RATE)
    assert spectra["bass"][hertz < 150].sum() > 0.9 * spectra["bass"].sum()
    assert spectra["drums"][hertz > 7_000].sum() > 100 * spectra["chords"][hertz > 7_000].sum()


def test_the_master_meets_its_loudness_and_its_ceiling(made, make_score):
    for target in (-14.0, -18.0):
        result, context = made(make_score(12.0, mix=MixHints(target_lufs=target)))
        measured = measure(result.master_path)
        assert measured.loudness_lufs == pytest.approx(target, abs=0.3)
        assert measured.true_peak_dbtp <= -1.0
        assert measured.loudness_lufs == pytest.approx(result.measured.loudness_lufs, abs=0.1)
        assert measured.true_peak_dbtp == pytest.approx(result.measured.true_peak_dbtp, abs=0.1)
        assert abs(result.mastering_gain_db) < 2.5
        assert measure([context.heard], RATE, 2).true_peak_dbtp <= -1.9


def test_the_master_is_finite_unclipped_without_a_constant_and_ends_in_silence(made):
    master = read(made()[0].master_path)
    assert np.isfinite(master).all()
    assert np.abs(master).max() < 0.9
    assert np.abs(master.mean(axis=0)).max() < 1e-3
    assert np.abs(master[-50:]).max() < 1e-4


def test_the_same_score_gives_the_same_samples(made, make_score):
    first, second = made(make_score(vinyl=-40.0)), made(make_score(vinyl=-40.0))
    assert np.array_equal(first[1].heard, second[1].heard)
    for name, path in first[0].stems.items():
        assert path.read_bytes() == second[0].stems[name].read_bytes()
    assert first[0].master_path.read_bytes() == second[0].master_path.read_bytes()


def test_another_seed_changes_only_the_record_noise(made, make_score):
    first, second = made(make_score(vinyl=-40.0)), made(make_score(vinyl=-40.0, seed=4))
    assert not np.array_equal(first[1].heard, second[1].heard)
    assert np.abs(first[1].heard - second[1].heard).max() < 0.4


def test_live_audio_comes_in_short_blocks_and_early(made):
    _, context = made()
    assert max(map(len, context.blocks)) <= RATE // 2
    assert context.first_audio_after < 5.0
    assert np.abs(context.heard[: RATE // 2]).max() > 0.01


def test_progress_rises_to_the_end_and_speaks_as_musicians_do(made):
    _, context = made()
    fractions = [fraction for fraction, _, _ in context.reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    stages = list(dict.fromkeys(stage for _, stage, _ in context.reports))
    assert stages == [
        "sound check",
        "counting in",
        "playing the verse",
        "playing the chorus",
        "mastering and printing the stems",
    ]
    left = [eta for _, _, eta in context.reports if eta is not None]
    assert min(left) >= 0.0
    assert left[-1] == 0.0


def test_nothing_but_the_results_is_left_in_the_scratch_folder(made):
    result, context = made()
    files = {path.relative_to(context.scratch).as_posix() for path in context.scratch.rglob("*") if path.is_file()}
    assert files == {"master.flac", *(f"stems/{name}.flac" for name in result.stems)}


def test_cancelling_stops_the_work_at_once(make_score, bank, executor, new_context):
    context = new_context(cancel_after=2 * RATE)
    with pytest.raises(GenerationCancelled):
        bounce(make_score(120.0), bank, executor, Progress(context))
    stopped = time.monotonic()
    assert len(context.heard) < 3 * RATE
    assert stopped - context.checks[-1] < 0.2
    # Nobody works on it any more: the pool answers at once.
    assert executor.submit(lambda: "free").result(timeout=60) == "free"


def test_cancelling_in_the_sound_check_and_while_writing_works_too(make_score, bank, executor, new_context):
    early = new_context()
    early.cancelled.set()
    with pytest.raises(GenerationCancelled):
        bounce(make_score(), bank, executor, Progress(early))
    assert early.started is None
    late = new_context(cancel_after=6 * RATE)
    with pytest.raises(GenerationCancelled):
        bounce(make_score(), bank, executor, Progress(late))
    assert len(late.heard) == 6 * RATE


def test_a_caller_that_goes_away_stops_the_work(make_score, bank, executor, new_context):
    gone = threading.Event()
    gone.set()
    with pytest.raises(GenerationCancelled, match="Nobody waits"):
        bounce(make_score(), bank, executor, Progress(new_context(), gone))


def test_the_work_is_checked_often_enough(made, make_score):
    _, context = made(make_score(20.0))
    gaps = np.diff(context.checks)
    # A busy machine may hold a thread up once in a while; the work itself never goes on for long without a look.
    assert np.median(gaps) < 0.05
    assert np.quantile(gaps, 0.95) < 0.2


def test_a_broken_sample_ends_the_song_with_its_reason(make_score, executor, new_context, small_font, tmp_path):
    from services.generation.composer.sampler.bank import SoundBank

    content = bytearray(small_font.read_bytes())
    place = content.index(b"shdr") + 8 + 2 * 46 + 36
    content[place : place + 4] = b"\0\0\0\0"
    path = tmp_path / "broken.sf2"
    path.write_bytes(content)
    with pytest.raises(AppError, match="damaged"):
        bounce(make_score(), SoundBank(path, RATE), executor, Progress(new_context()))


def test_a_long_song_needs_no_more_memory_than_a_short_one(make_score, bank, executor):
    def peak(seconds: float) -> int:
        timeline = Timeline(make_score(seconds), RATE)
        levels = sound_check(timeline, bank, executor, no_check)
        tracemalloc.start()
        frames = sum(len(block.live) for block in Mixdown(timeline, bank, levels, executor, no_check).blocks())
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert frames == timeline.total_frames
        return highest

    assert peak(30.0) < peak(6.0) + 3 * 2**20


def test_blocks_follow_each_other_and_stems_match_them(make_score, bank, executor):
    timeline = Timeline(make_score(), RATE)
    mixdown = Mixdown(timeline, bank, sound_check(timeline, bank, executor, no_check), executor, no_check)
    position = 0
    for block in mixdown.blocks():
        assert block.start == position
        assert set(block.stems) == set(mixdown.stem_names)
        assert all(stem.shape == block.live.shape for stem in block.stems.values())
        assert len(block.live) <= BLOCK_FRAMES
        position += len(block.live)
    assert position == timeline.total_frames


def test_a_reader_that_stops_early_leaves_nobody_at_work(make_score, bank, executor):
    timeline = Timeline(make_score(), RATE)
    blocks = Mixdown(timeline, bank, sound_check(timeline, bank, executor, no_check), executor, no_check).blocks()
    next(blocks)
    blocks.close()
    assert executor.submit(lambda: "free").result(timeout=60) == "free"


def test_parts_are_matched_by_loudness_before_their_faders(make_score, bank, executor, made):
    score = make_score(12.0, mix=MixHints())
    flat = replace(score, parts=tuple(replace(part, gain_db=0.0, reverb_send_db=-120.0) for part in score.parts))
    result, _ = made(flat)
    levels = [loudness_lufs([read(path).T.astype(np.float32)], RATE) for path in result.stems.values()]
    assert np.ptp(levels) < 4.0
    lowered, _ = made(replace(flat, parts=(replace(flat.parts[0], gain_db=-12.0), *flat.parts[1:])))
    softer = [loudness_lufs([read(path).T.astype(np.float32)], RATE) for path in lowered.stems.values()]
    assert (softer[0] - softer[1]) - (levels[0] - levels[1]) == pytest.approx(-12.0, abs=0.7)


def test_sharp_parts_are_softened_and_dull_ones_lifted(make_score, bank, executor):
    score = make_score(6.0)
    lead = score.parts[3]
    parts = tuple(
        replace(lead, name=f"lead {shift}", notes=tuple(replace(note, pitch=note.pitch + shift) for note in lead.notes))
        for shift in (-24, 32)
    )
    dull, sharp = sound_check(Timeline(replace(score, parts=parts), RATE), bank, executor, no_check).matches
    assert dull.presence_db > 1.0
    assert sharp.presence_db < -3.0


def test_a_part_that_enters_between_the_windows_is_matched_too(make_score, bank, executor):
    score = make_score(60.0)
    rare = Part("bell", "other", 0, 0, False, (Note(7.0, 1.0, 84, 60),))
    timeline = Timeline(replace(score, parts=(*score.parts, rare)), RATE)
    match = sound_check(timeline, bank, executor, no_check).matches[-1]
    assert match.before_db != 0.0


@pytest.mark.parametrize("beat", [7.0, 56.0])
def test_a_swell_is_matched_at_its_height_wherever_the_windows_lie(make_score, bank, executor, beat):
    score = make_score(60.0)
    grows = tuple(ControlChange(beat + place / 4, 11, 8 * (place + 1) - 1) for place in range(16))
    held = Part("held", "other", 0, 0, False, (Note(beat, 4.0, 60, 90),))
    timeline = Timeline(replace(score, parts=(held, replace(held, name="swell", controls=grows))), RATE)
    plain, swelling = sound_check(timeline, bank, executor, no_check).matches
    # Softer on its way up, but by no means to be lifted from its first breath.
    assert 0.0 < swelling.before_db - plain.before_db < 6.0


def test_a_song_without_notes_is_silence_and_no_error(made, make_score):
    score = make_score(2.0)
    result, context = made(replace(score, parts=tuple(replace(part, notes=()) for part in score.parts)))
    assert not context.heard.any()
    assert result.mastering_gain_db == 0.0


def test_a_song_without_parts_may_still_crackle(made, make_score):
    result, context = made(replace(make_score(2.0, vinyl=-40.0), parts=()))
    assert list(result.stems) == ["other"]
    assert context.heard.any()


def test_programs_that_the_font_lacks_are_played_by_what_it_has(made, make_score):
    score = make_score(2.0)
    _, context = made(replace(score, parts=tuple(replace(part, program=99, bank=7) for part in score.parts)))
    assert np.abs(context.heard).max() > 0.05


def test_a_studio_warms_up_and_records(small_font, make_score, new_context):
    studio = Studio(small_font, 2)
    try:
        studio.warm_up()
        result = studio.record(make_score(), Progress(new_context()))
        assert result.master_path.exists()
    finally:
        studio.close()
        studio.close()
