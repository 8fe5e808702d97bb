"""How a note begins, swells, fades and ends."""

from __future__ import annotations

import numpy as np
import pytest

from services.generation.composer.sampler.controls import ControlEvent, Controls
from services.generation.composer.sampler.player import MAX_VOICES, NoteEvent, Player
from tests.support.soundfont_builder import (
    MODES,
    PresetSpec,
    SampleSpec,
    ZoneSpec,
    build_soundfont,
    looped_font,
    looped_sine,
    sine,
)

RATE = 44_100
LONG = (0.0, 9.0, 69, 127)


def level_db(audio, start: float, seconds: float = 0.05) -> float:
    first = round(start * RATE)
    return 10 * np.log10(np.mean(audio[:, first : first + round(seconds * RATE)] ** 2) + 1e-20)


def timecents(seconds: float) -> int:
    return round(1200 * np.log2(seconds))


def roughness(audio, start: float, end: float) -> float:
    """The largest step that a 440 Hz tone cannot make by itself: what is left after taking its own curvature away."""
    part = audio[0, round(start * RATE) : round(end * RATE)].astype(np.float64)
    turn = 2 * np.cos(2 * np.pi * 440 / RATE)
    return float(np.abs(part[2:] - turn * part[1:-1] + part[:-2]).max())


@pytest.mark.parametrize("velocity", [16, 32, 64, 96, 127])
def test_velocity_follows_the_squared_curve_of_the_specification(open_bank, play, velocity):
    bank = open_bank(looped_font())
    loud = level_db(play(bank, [LONG], 1.0), 0.5)
    audio = play(bank, [(0.0, 9.0, 69, velocity)], 1.0)
    assert level_db(audio, 0.5) - loud == pytest.approx(40 * np.log10(velocity / 127), abs=0.05)


def test_attenuation_is_scaled_as_players_do(open_bank, play):
    plain = level_db(play(open_bank(looped_font()), [LONG], 1.0), 0.5)
    soft = level_db(play(open_bank(looped_font(g48=200)), [LONG], 1.0), 0.5)
    assert soft - plain == pytest.approx(-8.0, abs=0.05)


def test_pan_keeps_the_power(open_bank, play):
    powers = []
    for pan in (-500, -250, 0, 250, 500):
        audio = play(open_bank(looped_font(g17=pan)), [LONG], 1.0)[:, 10_000:40_000]
        left, right = np.mean(audio[0] ** 2), np.mean(audio[1] ** 2)
        powers.append(left + right)
        angle = (pan + 500) / 1000 * np.pi / 2
        assert np.sqrt(left / (left + right)) == pytest.approx(np.cos(angle), abs=1e-3)
    assert np.ptp(powers) < 1e-3 * powers[0]


def test_the_volume_envelope_takes_its_stated_times(open_bank, play):
    font = looped_font(g33=timecents(0.2), g34=timecents(0.5), g35=timecents(0.3), g36=timecents(2.0), g37=300)
    audio = play(open_bank(font), [LONG], 4.0)
    full = level_db(audio, 0.75)
    assert not audio[:, : round(0.19 * RATE)].any()
    assert level_db(audio, 0.44, 0.02) - full == pytest.approx(-6.0, abs=0.4)
    assert level_db(audio, 0.95) - full == pytest.approx(0.0, abs=0.1)
    # 100 dB in two seconds is 25 dB in half a second, down to 30 dB of sustain.
    assert level_db(audio, 1.49, 0.02) - full == pytest.approx(-25.0, abs=0.5)
    assert level_db(audio, 3.0) - full == pytest.approx(-30.0, abs=0.1)


def test_release_falls_straight_in_decibels_and_then_the_voice_is_gone(open_bank):
    bank = open_bank(looped_font(g38=timecents(1.0)))
    player = Player(bank.instrument(0, 0), [NoteEvent(0, 69, 127, RATE // 2)], Controls(RATE))
    blocks = [player.render(4_096) for _ in range(20)]
    audio = np.concatenate(blocks, axis=1)
    before = level_db(audio, 0.4)
    assert level_db(audio, 0.69, 0.02) - before == pytest.approx(-20.0, abs=0.5)
    assert level_db(audio, 0.89, 0.02) - before == pytest.approx(-40.0, abs=0.5)
    assert player.voices == 0
    assert not audio[:, round(1.4 * RATE) :].any()


@pytest.mark.parametrize("phase", [33, 34, 35], ids=["delay", "attack", "hold"])
def test_a_released_voice_ends_whatever_its_envelope_still_planned(open_bank, phase):
    bank = open_bank(looped_font(**{f"g{phase}": timecents(10.0)}, g38=-6_000))
    player = Player(bank.instrument(0, 0), [NoteEvent(0, 69, 127, RATE // 4)], Controls(RATE))
    for _ in range(6):
        player.render(4_096)
    assert player.voices == 0


def test_holding_and_decaying_shorten_towards_high_keys(open_bank, play):
    font = looped_font(g35=timecents(0.4), g36=timecents(0.5), g37=1_000, g39=100)
    low, high = (play(open_bank(font), [(0.0, 9.0, key, 127)], 2.0) for key in (48, 72))
    assert level_db(high, 0.45) < level_db(low, 0.45) - 20


@pytest.mark.parametrize("release", [-12_000, -8_000, -2_400])
def test_notes_end_without_a_click(open_bank, play, release):
    audio = play(open_bank(looped_font(g38=release)), [(0.0, 0.5, 69, 127)], 1.0)
    assert roughness(audio, 0.4, 0.99) < 0.02 * np.abs(audio).max()


def test_notes_begin_without_a_click(open_bank, play):
    # The sample starts at full swing: the worst case.
    frames = np.roll(looped_sine().frames[:4_000], 25)
    font = build_soundfont([SampleSpec(frames)], [PresetSpec([ZoneSpec(0)])])
    audio = play(open_bank(font), [(0.01, 0.05, 69, 127)], 0.1)[0]
    assert np.abs(np.diff(audio)).max() < 0.1


def test_a_loop_has_no_seam(open_bank, play):
    audio = play(open_bank(looped_font()), [LONG], 2.0)
    assert roughness(audio, 0.1, 1.9) < 3e-4


def test_a_compressed_loop_has_no_seam(open_bank, play):
    audio = play(open_bank(looped_font(vorbis=True)), [LONG], 2.0)
    assert roughness(audio, 0.1, 1.9) < 4e-3


def test_a_sample_that_is_cut_off_fades_instead_of_clicking(open_bank, play):
    font = build_soundfont([SampleSpec(sine(440.0, 0.30017))], [PresetSpec([ZoneSpec(0)])])
    audio = play(open_bank(font), [LONG], 1.0)
    assert roughness(audio, 0.05, 0.9) < 0.02
    assert not audio[:, round(0.31 * RATE) :].any()


def test_a_loop_until_release_plays_its_end_after_the_key_is_up(open_bank, play):
    body, ending = sine(441.0, 0.2), sine(882.0, 0.5)
    sample = SampleSpec(np.concatenate([body, ending]), loop=(2_000, 8_000))
    font = build_soundfont([sample], [PresetSpec([ZoneSpec(0, {MODES: 3, 38: timecents(20.0)})])])
    audio = play(open_bank(font), [(0.0, 1.0, 69, 127)], 2.0)[0]
    spectrum_held = np.abs(np.fft.rfft(audio[20_000:40_000] * np.hanning(20_000)))
    spectrum_after = np.abs(np.fft.rfft(audio[54_000:64_000] * np.hanning(10_000)))
    assert np.argmax(spectrum_held) * RATE / 20_000 == pytest.approx(441, abs=4)
    assert np.argmax(spectrum_after) * RATE / 10_000 == pytest.approx(882, abs=8)


def test_the_filter_cuts_above_its_frequency(open_bank, play):
    def cut(key: int, cents: int) -> float:
        bank = open_bank(looped_font(g8=cents))
        open_level = level_db(play(open_bank(looped_font()), [(0.0, 9.0, key, 127)], 1.0), 0.5)
        return level_db(play(bank, [(0.0, 9.0, key, 127)], 1.0), 0.5) - open_level

    at_440 = round(1200 * np.log2(440 / 8.1757989))
    assert cut(69, at_440) == pytest.approx(-3.0, abs=0.1)
    assert cut(93, at_440) == pytest.approx(-24.1, abs=0.6)
    assert cut(45, at_440) == pytest.approx(0.0, abs=0.1)


def test_resonance_lifts_the_cutoff_by_half_its_height_and_lowers_the_rest(open_bank, play):
    at_440 = round(1200 * np.log2(440 / 8.1757989))
    flat, sharp = (open_bank(looped_font(g8=at_440, g9=q)) for q in (0, 200))
    high = level_db(play(sharp, [LONG], 1.0), 0.5) - level_db(play(flat, [LONG], 1.0), 0.5)
    assert high == pytest.approx(10.0, abs=0.2)


def test_the_modulation_envelope_opens_the_filter(open_bank, play):
    font = looped_font(g8=6_000, g11=6_000, g26=timecents(8.0), g29=0)
    audio = play(open_bank(font), [(0.0, 9.0, 93, 127)], 2.0)
    assert level_db(audio, 1.5) > level_db(audio, 0.02) + 20


def test_the_modulation_envelope_bends_the_pitch_and_falls_back(open_bank, play):
    font = looped_font(g7=1_200, g28=timecents(0.5), g29=1_000)
    audio = play(open_bank(font), [LONG], 1.5)[0]

    def peak(start: int) -> float:
        return np.argmax(np.abs(np.fft.rfft(audio[start : start + 4_096] * np.hanning(4_096)))) * RATE / 4_096

    assert peak(0) > 700
    assert peak(40_000) == pytest.approx(440, abs=11)


def test_tremolo_swings_the_level(open_bank, play):
    audio = play(open_bank(looped_font(g13=60, g22=-600)), [LONG], 2.0)
    levels = [level_db(audio, start, 0.01) for start in np.arange(0.1, 1.9, 0.01)]
    assert np.ptp(levels) == pytest.approx(12.0, abs=1.0)


def test_key_and_velocity_ranges_choose_the_regions(open_bank):
    samples = [looped_sine(), looped_sine(81)]
    zones = [
        ZoneSpec(0, {MODES: 1}, keys=(0, 60)),
        ZoneSpec(1, {MODES: 1}, keys=(61, 127), velocities=(0, 80)),
        ZoneSpec(0, {MODES: 1}, keys=(61, 127), velocities=(81, 127)),
    ]
    instrument = open_bank(build_soundfont(samples, [PresetSpec(zones, keys=(20, 100))])).instrument(0, 0)
    assert [s.playback.sample.index for s in instrument.settings(60, 127)] == [0]
    assert [s.playback.sample.index for s in instrument.settings(61, 80)] == [1]
    assert [s.playback.sample.index for s in instrument.settings(61, 81)] == [0]
    assert instrument.settings(10, 64) == ()
    assert instrument.settings(101, 64) == ()


def test_a_stereo_pair_sounds_on_both_sides(open_bank, play):
    zones = [ZoneSpec(0, {MODES: 1, 17: -500}), ZoneSpec(1, {MODES: 1, 17: 500})]
    font = build_soundfont([looped_sine(69), looped_sine(57)], [PresetSpec(zones)])
    audio = play(open_bank(font), [LONG], 1.0)[:, 20_000:40_000] * np.hanning(20_000)
    left, right = (np.abs(np.fft.rfft(side)) for side in audio)
    assert left.max() > 0
    assert right.max() == pytest.approx(left.max(), rel=0.2)
    assert abs(int(np.argmax(left)) - int(np.argmax(right))) <= 1


def test_an_exclusive_class_silences_its_members(open_bank, play):
    zones = [ZoneSpec(0, {MODES: 1, 57: 1}, keys=(40, 50)), ZoneSpec(0, {MODES: 1, 57: 1}, keys=(51, 60))]
    sample = looped_sine(45)
    font = build_soundfont([sample], [PresetSpec(zones, bank=128)])
    both = play(open_bank(font), [(0.0, 9.0, 45, 127), (0.5, 0.01, 57, 1)], 1.5, percussion=True, preset=(128, 0))
    assert level_db(both, 0.3) > -20
    assert level_db(both, 0.7) < -90


def test_members_struck_together_sound_together(open_bank, play):
    zones = [ZoneSpec(0, {MODES: 1, 57: 1, 17: -500}), ZoneSpec(0, {MODES: 1, 57: 1, 17: 500})]
    audio = play(open_bank(build_soundfont([looped_sine()], [PresetSpec(zones)])), [LONG], 0.5)
    assert np.abs(audio[0]).max() > 0.1
    assert np.abs(audio[1]).max() > 0.1


def test_a_key_that_is_struck_again_is_released_first(open_bank, play):
    bank = open_bank(looped_font())
    twice = play(bank, [(0.0, 2.0, 69, 127), (0.5, 2.0, 69, 127)], 1.5)
    once = play(bank, [(0.5, 2.0, 69, 127)], 1.5)
    assert level_db(twice, 1.0) == pytest.approx(level_db(once, 1.0), abs=0.05)


def test_the_pedal_holds_notes_until_it_is_lifted(open_bank, play):
    controls = Controls(RATE, pedal=[ControlEvent(0, 127), ControlEvent(RATE, 0)])
    audio = play(open_bank(looped_font(g38=-3_000)), [(0.0, 0.2, 69, 127)], 1.6, controls=controls)
    assert level_db(audio, 0.9) > -20
    assert level_db(audio, 1.4) < -60


def test_expression_moves_the_level_as_a_square(open_bank, play):
    controls = Controls(RATE, expression=[ControlEvent(0, 127), ControlEvent(RATE // 2, 64)])
    audio = play(open_bank(looped_font()), [LONG], 1.0, controls=controls)
    assert level_db(audio, 0.8) - level_db(audio, 0.3) == pytest.approx(40 * np.log10(64 / 127), abs=0.05)


def test_volume_and_expression_multiply(open_bank, play):
    events = {"volume": [ControlEvent(0, 127), ControlEvent(RATE // 2, 80)], "expression": [ControlEvent(0, 100)]}
    audio = play(open_bank(looped_font()), [LONG], 1.0, controls=Controls(RATE, **events))
    full = play(open_bank(looped_font()), [LONG], 1.0)
    assert level_db(audio, 0.3) - level_db(full, 0.3) == pytest.approx(40 * np.log10(100 / 127), abs=0.05)
    assert level_db(audio, 0.8) - level_db(audio, 0.3) == pytest.approx(40 * np.log10(80 / 127), abs=0.05)


@pytest.mark.parametrize(("value", "left", "right"), [(1, 2**0.5, 0.0), (64, 1.0, 1.0), (127, 0.0, 2**0.5)])
def test_a_panned_channel_keeps_its_power(open_bank, play, value, left, right):
    bank = open_bank(looped_font())
    still = play(bank, [LONG], 0.5)
    moved = play(bank, [LONG], 0.5, controls=Controls(RATE, pan=[ControlEvent(0, value)]))
    np.testing.assert_allclose(moved, still * np.array([[left], [right]]), atol=1e-6)


def test_a_pan_that_moves_glides_and_does_not_depend_on_blocks(open_bank, play):
    bank = open_bank(looped_font())
    controls = Controls(RATE, pan=[ControlEvent(0, 1), ControlEvent(RATE // 4, 127)])
    large, small = (play(bank, [LONG], 0.5, controls=controls, block=block) for block in (4_096, 512))
    np.testing.assert_array_equal(large, small)
    assert np.abs(large[1, : RATE // 5]).max() < 1e-6 < np.abs(large[1, RATE // 3 :]).max()
    assert np.abs(np.diff(large, n=2)).max() < 1.5 * np.abs(np.diff(play(bank, [LONG], 0.5), n=2)).max()


def test_the_modulation_wheel_brings_vibrato(open_bank, play):
    controls = Controls(RATE, modulation=[ControlEvent(0, 127)])
    still = play(open_bank(looped_font(g24=0)), [LONG], 1.0)
    moved = play(open_bank(looped_font(g24=0)), [LONG], 1.0, controls=controls)
    assert np.abs(moved - still).max() > 0.1


def test_polyphony_is_bounded(open_bank):
    bank = open_bank(looped_font(g38=timecents(20.0)))
    notes = [NoteEvent(index * 40, 20 + index % 100, 90, index * 40 + 20) for index in range(1_000)]
    player = Player(bank.instrument(0, 0), notes, Controls(RATE))
    for _ in range(30):
        player.render(4_096)
        assert player.voices <= 2 * MAX_VOICES
    # What was choked has faded.
    assert player.voices <= MAX_VOICES


def test_the_stream_does_not_depend_on_its_blocks(open_bank, play):
    bank = open_bank(looped_font(g5=30, g6=20, g8=9_000, g10=900, g13=20, g11=1_200, g36=2_000, g37=200))
    rng = np.random.default_rng(5)
    notes = [
        (float(start), float(length), int(key), int(velocity))
        for start, length, key, velocity in zip(
            rng.uniform(0, 2, 30),
            rng.uniform(0.05, 1, 30),
            rng.integers(30, 90, 30),
            rng.integers(20, 127, 30),
            strict=True,
        )
    ]
    controls = Controls(RATE, bends=[ControlEvent(20_000, 1.0), ControlEvent(60_000, -1.0)], wow_cents=8.0)
    whole = play(bank, notes, 3.0, block=RATE * 3 // 32 * 32 + 32, controls=controls)
    for block in (32, 1_024, 8_192):
        assert np.array_equal(play(bank, notes, 3.0, block=block, controls=controls), whole)


def test_the_same_notes_give_the_same_samples(open_bank, play):
    notes = [(0.0, 1.0, 60, 90), (0.3, 1.0, 64, 80)]
    assert np.array_equal(play(open_bank(looped_font()), notes, 1.0), play(open_bank(looped_font()), notes, 1.0))


def test_blocks_must_lie_on_the_grid(open_bank):
    player = Player(open_bank(looped_font()).instrument(0, 0), [], Controls(RATE))
    with pytest.raises(ValueError, match="multiple of 32"):
        player.render(100)
