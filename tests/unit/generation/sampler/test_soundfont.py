"""Reading SoundFont files: what is in them, and that no file can do harm."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.generation.composer.sampler.bank import SoundBank
from services.generation.composer.sampler.controls import Controls
from services.generation.composer.sampler.player import NoteEvent, Player
from services.generation.composer.sampler.soundfont import SoundFont
from services.shared.errors import AppError, ErrorCode
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

_VELOCITY_TO_FILTER = (0x0102, 8, -2_400, 0, 0)


def rich_font(*, vorbis: bool = False) -> bytes:
    """Two presets with global zones, modulators, ranges and several samples."""
    samples = [looped_sine(), looped_sine(57), SampleSpec(sine(300.0, 0.2), root_key=62)]
    melodic = PresetSpec(
        [
            ZoneSpec(None, {38: 600, 48: 40}, modulators=[_VELOCITY_TO_FILTER]),
            ZoneSpec(0, {MODES: 1, 17: -200}, keys=(60, 127)),
            ZoneSpec(1, {MODES: 3, 17: 200}, keys=(0, 59), velocities=(1, 127)),
        ],
        name="Melodic",
        generators={52: 5},
        shared={48: 30},
    )
    drums = PresetSpec([ZoneSpec(2, {57: 2, 58: 60})], bank=128, name="Drums")
    return build_soundfont(samples, [melodic, drums], vorbis=vorbis)


def play_everything(path: Path) -> None:
    """Use a file the way a song does; only `AppError` may come out of it."""
    bank = SoundBank(path, 44_100, 2**22)
    for number in list(bank.font.preset_numbers)[:4]:
        instrument = bank.instrument(*number)
        notes = [NoteEvent(index * 300, key, 90, index * 300 + 800) for index, key in enumerate((20, 60, 61, 90))]
        audio = Player(instrument, notes, Controls(44_100)).render(4_096)
        assert np.isfinite(audio).all()


def test_presets_are_found_by_bank_and_program(open_font):
    font = open_font(rich_font())
    assert set(font.preset_numbers) == {(0, 0), (128, 0)}
    assert font.preset(0, 0).name == "Melodic"
    assert font.preset(128, 0).name == "Drums"


def test_missing_presets_fall_back_to_general_midi(open_font):
    font = open_font(rich_font())
    assert font.preset(8, 0).name == "Melodic"
    assert font.preset(0, 99).name == "Melodic"
    assert font.preset(128, 25).name == "Drums"


def test_a_file_without_the_first_preset_still_plays(open_font):
    font = open_font(build_soundfont([looped_sine()], [PresetSpec([ZoneSpec(0)], program=40)]))
    assert font.preset(0, 3).program == 40
    assert font.preset(128, 0).program == 40


def test_instrument_values_replace_and_preset_values_add(open_font):
    region = open_font(rich_font()).preset(0, 0).regions_at(64, 100)[0]
    assert region.generators[48] == 40 + 30
    assert region.generators[52] == 5
    assert region.generators[38] == 600
    assert [modulator.destination for modulator in region.modulators].count(8) == 1


def test_preset_zones_cannot_set_what_belongs_to_instruments(open_font):
    font = open_font(build_soundfont([looped_sine()], [PresetSpec([ZoneSpec(0)], generators={58: 30, 54: 1, 57: 4})]))
    region = font.preset(0, 0).regions[0]
    assert (region.generators[58], region.generators[54], region.generators[57]) == (-1, 0, 0)


def test_loop_points_count_from_the_sample(open_font):
    region = open_font(rich_font()).preset(0, 0).regions_at(40, 100)[0]
    assert region.sample.loop_start == looped_sine(57).loop[0]
    assert region.sample.loop_end == looped_sine(57).loop[1]


def test_samples_in_rom_are_left_out(open_font):
    font = open_font(build_soundfont([SampleSpec(sine(440.0, 0.1), kind=0x8001)], [PresetSpec([ZoneSpec(0)])]))
    assert font.preset(0, 0).regions == ()


def test_unpadded_odd_chunks_are_read_as_writers_of_compressed_fonts_leave_them(open_font):
    def with_sample_bytes(count: int) -> bytes:
        content = build_soundfont([SampleSpec(sine(440.0, 0.1))], [PresetSpec([ZoneSpec(0)])])
        start = content.index(b"smpl") + 8
        (size,) = struct.unpack_from("<I", content, start - 4)
        changed = bytearray(content[: start + size] + bytes(count) + content[start + size :])
        for tag, place in ((b"smpl", start - 4), (b"sdta", content.index(b"sdta") - 4), (b"RIFF", 4)):
            struct.pack_into("<I", changed, place, struct.unpack_from("<I", changed, place)[0] + count)
            assert changed.count(tag) == 1
        return bytes(changed)

    assert open_font(with_sample_bytes(1)).preset(0, 0).regions
    assert open_font(with_sample_bytes(2)).preset(0, 0).regions


def test_a_missing_file_is_said_by_name(tmp_path):
    with pytest.raises(AppError, match=r"There is no SoundFont at .*nothing.sf3") as caught:
        SoundFont(tmp_path / "nothing.sf3")
    assert caught.value.code is ErrorCode.NOT_FOUND


@pytest.mark.parametrize(
    "content",
    [b"", b"RIFF", b"RIFF\x04\x00\x00\x00sfbk", b"RIFF\xff\xff\xff\xffsfbk", b"not a soundfont at all", bytes(64)],
    ids=["empty", "four bytes", "header only", "too long", "text", "zeros"],
)
def test_what_is_no_soundfont_is_refused(open_font, content):
    with pytest.raises(AppError, match=r"damaged or not a SoundFont") as caught:
        open_font(content)
    assert caught.value.code is ErrorCode.UNSUPPORTED_MEDIA


@pytest.mark.parametrize(
    "tag", [b"phdr", b"pbag", b"pgen", b"pmod", b"inst", b"ibag", b"igen", b"imod", b"shdr", b"smpl"]
)
def test_a_missing_table_is_refused(open_font, tag):
    with pytest.raises(AppError, match="damaged"):
        open_font(rich_font().replace(tag, b"JUNK", 1))


def test_zones_that_point_outside_their_tables_are_refused(open_font):
    content = bytearray(rich_font())
    content[content.index(b"ibag") + 8 + 4] = 0xFF
    content[content.index(b"ibag") + 8 + 5] = 0x7F
    with pytest.raises(AppError, match="zone points outside"):
        open_font(bytes(content))


def test_an_instrument_that_names_no_sample_is_refused(open_font):
    font = open_font(build_soundfont([looped_sine()], [PresetSpec([ZoneSpec(9)])]))
    with pytest.raises(AppError, match="sample that does not exist"):
        font.preset(0, 0)


def test_a_preset_that_names_no_instrument_is_refused(open_font):
    content = bytearray(rich_font())
    start = content.index(b"pgen") + 8
    end = start + struct.unpack_from("<I", content, start - 4)[0]
    for offset in range(start, end, 4):
        if struct.unpack_from("<H", content, offset)[0] == 41:
            struct.pack_into("<H", content, offset + 2, 500)
    font = open_font(bytes(content))
    with pytest.raises(AppError, match="instrument that does not exist"):
        font.preset(0, 0)


def test_samples_outside_the_data_are_refused(open_font):
    content = bytearray(build_soundfont([looped_sine()], [PresetSpec([ZoneSpec(0)])]))
    struct.pack_into("<I", content, content.index(b"shdr") + 8 + 24, 2**31)
    font = open_font(bytes(content))
    with pytest.raises(AppError, match="outside the sample data"):
        font.preset(0, 0)


def test_closing_lets_go_of_the_file(open_font):
    font = open_font(rich_font())
    font.preset(0, 0)
    font.close()
    with pytest.raises(ValueError, match="released"):
        font.data.tobytes()


_PLAIN, _COMPRESSED = rich_font(), rich_font(vorbis=True)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    compressed=st.booleans(),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=12),
    tail=st.booleans(),
    keep=st.floats(0, 1),
)
@example(compressed=False, changes=[], tail=False, keep=1.0)
@example(compressed=True, changes=[], tail=False, keep=1.0)
def test_no_file_makes_the_sampler_crash(tmp_path, compressed, changes, tail, keep):
    content = bytearray(_COMPRESSED if compressed else _PLAIN)
    # The tables at the end are where damage hurts; half of the cases aim there.
    first = content.index(b"pdta") if tail else 0
    for place, value in changes:
        content[first + int(place * (len(content) - first))] = value
    path = tmp_path / "mutated.sf2"
    path.write_bytes(content[: max(int(len(content) * keep), 1)])
    with contextlib.suppress(AppError):
        play_everything(path)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.dictionaries(
        st.sampled_from([n for n in range(59) if n not in (41, 43, 44, 53)]), st.integers(-32_768, 32_767), max_size=10
    ),
    loop=st.tuples(st.integers(0, 3_000), st.integers(0, 3_000)),
    mode=st.sampled_from([0, 1, 3]),
    modulator=st.tuples(
        st.integers(0, 0xFFFF),
        st.integers(0, 60),
        st.integers(-32_768, 32_767),
        st.integers(0, 0xFFFF),
        st.integers(0, 3),
    ),
)
def test_any_generator_values_give_finite_sound(tmp_path, values, loop, mode, modulator):
    sample = SampleSpec(sine(440.0, 0.05), loop=loop)
    zone = ZoneSpec(0, {**values, MODES: mode}, modulators=[modulator])
    path = tmp_path / "odd.sf2"
    path.write_bytes(build_soundfont([sample], [PresetSpec([zone])]))
    play_everything(path)


def test_a_real_file_is_read_back_whole(open_font):
    font = open_font(looped_font(vorbis=True))
    preset = font.preset(0, 0)
    assert preset.regions[0].sample.vorbis
    assert preset.regions[0].sample.rate_hz == looped_sine().rate
