"""The job "mix" on real files: what it makes, that it can be made again, and how it stops."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyebur128
import pytest
import soundfile
import yaml

from services.processing.jobs.kind import LicenceTerms, Made, SourceTrack, Work
from services.processing.mixing.job import ENGINE_REVISION, KIND
from services.shared.errors import AppError, ErrorCode
from tests.support.adversarial import independent_peak
from tests.support.mixing import noise, sine

RATE = 44_100


@pytest.fixture
def library(tmp_path: Path) -> dict[str, SourceTrack]:
    """A song with two stems at 44.1 kHz, a loop at 48 kHz in mono, and a loud one."""

    def track(name: str, samples: np.ndarray, rate: int = RATE, bpm: float = 0.0, **stems: np.ndarray) -> SourceTrack:
        paths = {}
        for stem, audio in {"": samples, **stems}.items():
            paths[stem] = tmp_path / f"{name}-{stem or 'master'}.flac"
            soundfile.write(paths[stem], audio.T if audio.ndim == 2 else audio, rate, subtype="PCM_24")
        channels = samples.ndim
        licence = LicenceTerms("CC-BY-4.0", True, (name,))
        master = paths.pop("")
        return SourceTrack(
            name, name.title(), "", 3.0, rate, channels, bpm, "C", ("tag",), licence, master, paths, None
        )

    drums, bass = noise(3 * RATE, 1, 0.05), sine(110.0, 3 * RATE, 0.2)
    return {
        "song": track("song", drums + bass, bpm=100.0, drums=drums, bass=bass),
        "loop": track("loop", noise(48_000, 2)[0], 48_000),
        "loud": track("loud", np.clip(noise(2 * RATE, 3, 0.6), -1, 0.999)),
    }


Mixer = Callable[..., Made]


@pytest.fixture
def mix(tmp_path: Path, library: dict[str, SourceTrack]) -> Mixer:
    """Run a session; `check` and `report` may be given."""
    runs: list[Path] = []

    def run(session: dict[str, Any], check: Callable[[], None] = lambda: None, report: Any = None) -> Made:
        folder = tmp_path / f"work{len(runs)}"
        folder.mkdir()
        runs.append(folder)
        request = KIND.parse(session)
        sources = {wanted.track_id: library[wanted.track_id] for wanted in KIND.wanted(request)}
        return KIND.run(Work(request, sources, folder, check, report or (lambda _done, _what: None)))

    return run


def _samples(made: Made) -> np.ndarray:
    return soundfile.read(made.tracks[0].master)[0].T


def test_parsing_needs_no_compiler_and_no_numbers() -> None:
    code = (
        "import sys; from services.processing.mixing.job import KIND; from services.processing.mixing.schema import "
        "effect_schema; effect_schema(); KIND.parse({'tracks': [{'track_id': 'a'}]}); "
        "sys.exit(bool({'numpy', 'numba', 'scipy', 'soundfile'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_wanted_names_each_source_once_with_its_pointer() -> None:
    request = KIND.parse(
        {
            "track_id": "song",
            "tracks": [{"stem": "drums"}, {"stem": "bass"}, {"track_id": "loop"}, {"track_id": "loop", "start": 1}],
        }
    )
    wanted = {item.track_id: item for item in KIND.wanted(request)}
    assert wanted["song"].stems == ("drums", "bass")
    assert not wanted["song"].master
    assert wanted["loop"].master
    assert wanted["loop"].stems == ()
    assert wanted["loop"].pointer == "/tracks/2/track_id"
    assert wanted["song"].pointer == "/track_id"
    clips = KIND.parse({"tracks": [{"track_id": "a", "clips": [{}, {"track_id": "b"}]}]})
    assert [item.pointer for item in KIND.wanted(clips)] == ["/tracks/0/track_id", "/tracks/0/clips/1/track_id"]


def test_untouched_track_comes_out_bit_for_bit(mix: Mixer, library: dict[str, SourceTrack]) -> None:
    made = mix({"tracks": [{"track_id": "song"}]})
    source = soundfile.read(library["song"].master, dtype="int32")[0]
    assert np.array_equal(soundfile.read(made.tracks[0].master, dtype="int32")[0], source)
    info = soundfile.info(made.tracks[0].master)
    assert (info.format, info.subtype, info.samplerate, info.channels) == ("FLAC", "PCM_24", RATE, 2)


def test_stems_at_zero_add_up_to_the_song(mix: Mixer, library: dict[str, SourceTrack]) -> None:
    made = mix({"track_id": "song", "tracks": [{"stem": "drums"}, {"stem": "bass"}]})
    master = soundfile.read(library["song"].master)[0].T
    assert np.abs(_samples(made) - master).max() < 3 / 2**23


def test_track_says_what_it_is_made_of(mix: Mixer) -> None:
    made = mix({"track_id": "song", "title": "Dub", "tracks": [{"stem": "bass", "pan": -0.5}]})
    track = made.tracks[0]
    assert (track.title, track.parent_id, track.model, track.bpm, track.key) == ("Dub", "song", "mixer", 100.0, "C")
    assert made.result["sample_rate"] == RATE
    assert made.result["duration"] == 3.0
    assert track.licence is None
    assert track.spec["session"]["tracks"] == [{"stem": "bass", "pan": -0.5}]


def test_saved_session_makes_the_same_file_again(mix: Mixer) -> None:
    session = {
        "track_id": "song",
        "tracks": [
            {
                "stem": "drums",
                "effects": [
                    {"type": "delay", "parameters": {"sync": "1/8d"}},
                    {"type": "pitch_shift", "parameters": {"semitones": 2.0}},
                ],
                "automation": [{"target": "pan", "points": [{"time": 0, "value": -1}, {"time": 2, "value": 1}]}],
                "sends": [{"to": "room", "gain_db": -9}],
            },
            {"stem": "bass", "stretch": 1.1},
            {"track_id": "loop", "loop": True, "length": 3},
        ],
        "buses": [{"id": "room", "effects": [{"type": "convolution_reverb", "parameters": {"mix": 1.0}}]}],
    }
    first = mix(session)
    again = mix(orjson.loads(first.files["session.json"].read_bytes()))
    assert first.tracks[0].master.read_bytes() == again.tracks[0].master.read_bytes()
    assert again.tracks[0].spec == first.tracks[0].spec
    as_yaml = yaml.safe_load(yaml.safe_dump(orjson.loads(first.files["session.json"].read_bytes())))
    assert KIND.parse(as_yaml) == KIND.parse(first.tracks[0].spec["session"])


@pytest.mark.parametrize(("rendered_by", "said"), [(None, 0), (ENGINE_REVISION, 0), ("2", 1)])
def test_session_of_another_mixer_says_so_and_is_rendered_by_this_one(
    mix: Mixer, rendered_by: str | None, said: int
) -> None:
    made = mix({"tracks": [{"track_id": "loop"}]} | ({"engine_revision": rendered_by} if rendered_by else {}))
    assert [f"Revision {rendered_by} of the mixer" in note for note in made.result["notes"]] == [True] * said
    assert made.result["engine_revision"] == made.tracks[0].spec["session"]["engine_revision"] == ENGINE_REVISION


def test_way_to_a_late_range_takes_part_in_progress(mix: Mixer) -> None:
    heard: list[float] = []
    session = {"tracks": [{"track_id": "song"}], "range": {"start": 2.5}}
    mix(session, report=lambda done, _what: heard.append(done))
    assert heard == sorted(heard)
    # Ten of twelve quarters of a second lie before the range.
    assert sum(done < 0.9 for done in heard) >= 10
    assert heard[0] < 0.1


def test_loud_mix_is_held_below_minus_one_dbtp(mix: Mixer) -> None:
    made = mix({"tracks": [{"track_id": "loud", "gain_db": 12}, {"track_id": "loud", "start": 0.1}]})
    samples = soundfile.read(made.tracks[0].master, dtype="float32")[0]
    meter = pyebur128.R128State(2, RATE, pyebur128.MeasurementMode.MODE_TRUE_PEAK)
    meter.add_frames(np.ascontiguousarray(samples).ravel(), len(samples))
    peak = max(pyebur128.get_true_peak(meter, side) for side in range(2))
    highest = max(peak, independent_peak(samples))
    print(f"{20 * np.log10(highest):.2f} dBTP")
    assert 20 * np.log10(highest) <= -1.0
    assert made.result["clipped_samples"] == 0


def test_without_a_ceiling_clipping_is_counted(mix: Mixer) -> None:
    made = mix({"tracks": [{"track_id": "loud", "gain_db": 12}], "master": {"ceiling_dbtp": None}})
    assert made.result["clipped_samples"] > 1_000
    assert np.abs(_samples(made)).max() <= 1.0


@pytest.mark.parametrize(("session", "rate"), [({}, 48_000), ({"sample_rate": 44_100}, 44_100)])
def test_rate_is_that_of_the_highest_source_unless_asked_for(mix: Mixer, session: dict[str, Any], rate: int) -> None:
    made = mix(session | {"tracks": [{"track_id": "song"}, {"track_id": "loop"}]})
    assert made.result["sample_rate"] == rate
    assert made.result["duration"] == pytest.approx(3.0, abs=1e-4)


def test_echoes_ring_out_and_nothing_else_does(mix: Mixer) -> None:
    echo = {"type": "delay", "parameters": {"time_ms": 500.0, "feedback": 0.5}}
    ringing = mix({"tracks": [{"track_id": "song", "effects": [echo]}]})
    assert 6.0 < ringing.result["duration"] < 15.0
    assert np.abs(_samples(ringing)[:, -RATE // 8 :]).max() < 1e-4
    assert mix({"tracks": [{"track_id": "song", "effects": [echo]}], "tail": 1.5}).result["duration"] == 4.5
    assert mix({"tracks": [{"track_id": "song", "effects": [{**echo, "bypass": True}]}]}).result["duration"] == 3.0


def test_range_is_a_slice_of_the_whole(mix: Mixer) -> None:
    tracks = [{"track_id": "song", "effects": [{"type": "reverb"}, {"type": "compressor"}]}]
    whole = _samples(mix({"tracks": tracks}))
    part = _samples(mix({"tracks": tracks, "range": {"start": 1.0, "end": 2.5}}))
    assert np.array_equal(part, whole[:, RATE : round(2.5 * RATE)])


def test_fade_out_ends_in_silence(mix: Mixer) -> None:
    made = mix(
        {"tracks": [{"track_id": "song", "effects": [{"type": "reverb"}]}], "master": {"fade_out": {"seconds": 1}}}
    )
    assert made.result["duration"] == 3.0
    assert np.abs(_samples(made)[:, -20:]).max() < 1e-4


@pytest.mark.parametrize(
    ("session", "pointer"),
    [
        ({"tracks": [{"track_id": "song"}, {"track_id": "song", "stem": "voice"}]}, "/tracks/1/stem"),
        ({"tracks": [{"track_id": "song", "offset": 5}]}, "/tracks/0/offset"),
        ({"tracks": [{"track_id": "song", "offset": 5, "stretch": 2.0}]}, "/tracks/0/offset"),
        ({"tracks": [{"track_id": "song"}], "range": {"start": 9}}, "/range/start"),
        ({"tracks": [{"track_id": "song", "start": 7_199}]}, "/tracks"),
    ],
)
def test_what_only_the_sources_show_is_an_error_with_a_pointer(
    mix: Mixer, session: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(AppError) as caught:
        mix(session)
    assert caught.value.code is ErrorCode.VALIDATION
    assert [item.pointer for item in caught.value.violations] == [pointer]


def test_stretched_clip_lasts_longer_and_takes_part_in_progress(mix: Mixer) -> None:
    heard: list[tuple[float, str]] = []
    clips = [{"length": 2.0, "stretch": 2.0}, {"start": 2.0, "length": 2.0, "stretch": 2.0}]
    made = mix({"tracks": [{"track_id": "song", "clips": clips}]}, report=lambda done, what: heard.append((done, what)))
    assert made.result["duration"] == 4.0
    halves = np.split(_samples(made), 2, axis=1)
    assert np.array_equal(*halves)
    fractions = [done for done, _ in heard]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    assert any("stretching" in what for _, what in heard)
    assert any("mixing" in what for _, what in heard)


class _StoppedError(Exception):
    pass


def test_mix_stops_on_the_way_to_a_late_range(mix: Mixer) -> None:
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked > 3:
            raise _StoppedError

    with pytest.raises(_StoppedError):
        mix({"tracks": [{"track_id": "song"}], "range": {"start": 2.9}}, check=check)


@pytest.mark.parametrize("stretch", [1.0, 2.0])
def test_mix_stops_when_it_is_told_to(mix: Mixer, stretch: float) -> None:
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked > 3:
            raise _StoppedError

    with pytest.raises(_StoppedError):
        mix({"tracks": [{"track_id": "song", "stretch": stretch}]}, check=check)


def test_damaged_source_is_named_as_such(mix: Mixer, library: dict[str, SourceTrack]) -> None:
    path = library["song"].master
    assert path is not None
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(AppError) as caught:
        mix({"tracks": [{"track_id": "song"}]})
    assert caught.value.code is ErrorCode.UNSUPPORTED_MEDIA
