"""Every parameter of the schema that is served: automated it follows an ideal ramp, and none of them is ignored.

The cases come from the schema, so that an effect or a parameter that is added later has to be accounted for here.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from services.processing.mixing.catalogue.effects import EFFECTS
from services.processing.mixing.effects.processor import Setting
from services.processing.mixing.effects.registry import PROCESSORS
from services.processing.mixing.schema import effect_schema
from tests.support.mixing import RATE, Audio, apply, points
from tests.support.textbook_effects import TEXTBOOK

_FRAMES = 3_000
_HELD_FRAMES = 1_000

# Every number that can be automated, by effect, as the API serves it.
AUTOMATABLE = [
    (effect["id"], parameter["name"])
    for effect in effect_schema()["effects"]
    for parameter in effect["parameters"]
    if parameter["automatable"]
]
# Ramps that no textbook answers; each is held against the effect itself with the knob at the ramp's value (below).
WITHOUT_TEXTBOOK = {
    ("limiter", "ceiling_dbtp"): "how low a peak between the samples lies is the limiter's own reading of it",
    ("limiter", "release_ms"): "the recovery is averaged over the look-ahead, which is this limiter's own",
    ("pitch_shift", "semitones"): "a grain of the vocoder has one pitch: the ramp is read where its middle lies",
}
# A mix is made outside the effects: it has an ideal of its own.
_MIXED = {case for case in AUTOMATABLE if case[1] == "mix"}

# Settings under which all that an effect can do is heard within the few milliseconds of these tests.
GIVEN: dict[str, dict[str, Any]] = {
    "equalizer": {f"band{n}_gain_db": 5.0 - 2.3 * n for n in range(1, 7)},
    "high_pass": {"slope": "24", "frequency_hz": 900.0},
    "low_pass": {"slope": "48", "frequency_hz": 3_000.0},
    "compressor": {"threshold_db": -30.0, "lookahead_ms": 2.0, "attack_ms": 2.0, "release_ms": 8.0},
    "multiband_compressor": {
        f"{band}_{what}": value
        for band in ("low", "mid", "high")
        for what, value in (("threshold_db", -40.0), ("attack_ms", 1.0), ("release_ms", 8.0))
    },
    "gate": {"threshold_db": -1.0, "hysteresis_db": 1.0, "hold_ms": 1.0, "release_ms": 3.0, "range_db": -40.0},
    "expander": {"threshold_db": -0.5, "release_ms": 5.0, "attack_ms": 2.0, "knee_db": 2.0},
    "de_esser": {"threshold_db": -8.0, "frequency_hz": 4_000.0, "release_ms": 5.0, "range_db": -30.0},
    "limiter": {"ceiling_dbtp": -12.0, "release_ms": 10.0},
    "transient_shaper": {"attack_db": 9.0, "sustain_db": -7.0},
    "saturation": {"drive_db": 12.0, "curve": "tape", "tone_hz": 9_000.0},
    "chorus": {"delay_ms": 4.0, "feedback": 0.3, "rate_hz": 8.0},
    "flanger": {"rate_hz": 8.0},
    "phaser": {"rate_hz": 8.0},
    "tremolo": {"stereo_degrees": 60.0},
    "reverb": {"predelay_ms": 0.0, "size": 0.25, "damping_hz": 5_000.0},
    "convolution_reverb": {"predelay_ms": 0.0, "decay_seconds": 0.3, "space": "plate"},
    # A whole number of samples, which a time that rests is made.
    "delay": {"time_ms": 10.0, "low_cut_hz": 300.0, "high_cut_hz": 5_000.0, "feedback": 0.6},
    "bitcrusher": {},
    "pitch_shift": {"semitones": 3.0},
}
# Where the whole range would leave nothing to hear in so short a time.
_RANGES = {
    ("delay", "time_ms"): (1.0, 25.0),
    ("gate", "hold_ms"): (0.0, 5.0),
    ("gate", "hysteresis_db"): (0.0, 6.0),
    ("gate", "threshold_db"): (-4.0, 0.0),
    ("expander", "threshold_db"): (-4.0, 0.0),
    ("expander", "range_db"): (-6.0, 0.0),
    ("de_esser", "range_db"): (-5.0, 0.0),
    ("de_esser", "threshold_db"): (-12.0, 0.0),
    ("bitcrusher", "rate_hz"): (200.0, 40_000.0),
    ("reverb", "decay_seconds"): (0.1, 2.0),
    # Loud enough to be limited all the way, and for the quiet sound of the gain's own ramp never.
    ("limiter", "ceiling_dbtp"): (-23.7, -6.0),
}


def bursts(frames: int, level: float = 0.5) -> Audio:
    """Noise that is loud and soft in turns, different on both sides."""
    sound = np.random.default_rng(11).standard_normal((2, frames)) * level
    return sound * np.where((np.arange(frames) // 300) % 4, 0.01, 1.0)


def db(error: Audio, reference: Audio) -> float:
    """The largest error against the largest value."""
    return float(20 * np.log10(np.abs(error).max() / np.abs(reference).max() + 1e-20))


def ramp_of(effect: str, name: str) -> tuple[float, float]:
    """From the bottom of the range to its top, a little inside, so that no value is a special one."""
    item = EFFECTS[effect].parameter(name)
    assert item is not None
    low, high = _RANGES.get((effect, name), (item.minimum, item.maximum))
    inset = 0.003 * (high - low)
    return low + inset, high - 1.7 * inset


def sound_of(effect: str, name: str, frames: int) -> Audio:
    """What the effect is given to work on."""
    # Below any ceiling: what is not limited is only amplified.
    return bursts(frames, 1e-4 if (effect, name) == ("limiter", "gain_db") else 0.5)


def moved(effect: str, name: str, frames: int) -> tuple[Audio, Audio, Audio]:
    """The ideal ramp `[frames]`; what the effect makes of a sound while it moves; and at rest."""
    low, high = ramp_of(effect, name)
    times = (0.1 * frames / RATE, 0.9 * frames / RATE)
    ramp = np.interp(np.arange(frames) / RATE, times, (low, high))
    audio, given = sound_of(effect, name, frames), GIVEN[effect]
    wet = {"mix": 1.0} if EFFECTS[effect].parameter("mix") is not None else {}
    lane = {name: points((times[0], low), (times[1], high))}
    heard = apply(effect, audio, block=701, automation=lane, **{**given, **wet, name: low})
    return ramp, heard, apply(effect, audio, **{**given, **wet, name: low})


def test_every_effect_has_its_settings_and_every_parameter_its_reference() -> None:
    assert set(GIVEN) == set(EFFECTS)
    assert set(TEXTBOOK) | {effect for effect, _ in WITHOUT_TEXTBOOK} == set(EFFECTS)
    assert set(WITHOUT_TEXTBOOK) < set(AUTOMATABLE)
    for effect, name in AUTOMATABLE:
        processor = PROCESSORS[effect](Setting(EFFECTS[effect].settings({}), RATE, 120.0))
        assert name == "mix" or name in processor.PARAMETERS, f"{effect} never hears of {name}"


@pytest.mark.parametrize(("effect", "name"), sorted(set(AUTOMATABLE) - set(WITHOUT_TEXTBOOK) - _MIXED))
def test_automation_is_within_minus_100_db_of_the_textbook_on_an_ideal_ramp(effect: str, name: str) -> None:
    ramp, heard, at_rest = moved(effect, name, _FRAMES)
    settings = EFFECTS[effect].settings(GIVEN[effect])
    curves = {
        item.name: np.full(_FRAMES, float(settings[item.name])) for item in EFFECTS[effect].parameters if item.is_number
    }
    audio = sound_of(effect, name, _FRAMES)
    ideal = TEXTBOOK[effect](audio, curves | {name: ramp}, settings, float(RATE))
    assert np.abs(heard - at_rest).max() > 1e-5 * np.abs(at_rest).max(), "nothing moves: the test hears nothing"
    error = db(heard - ideal, ideal)
    print(f"{effect} {name}: {error:.0f} dB")
    assert error < -100


@pytest.mark.parametrize(("effect", "name"), sorted(_MIXED))
def test_automated_mix_is_within_minus_100_db_of_dry_and_wet_blended(effect: str, name: str) -> None:
    audio = bursts(_FRAMES)
    lane = points((0.1 * _FRAMES / RATE, 0.0), (0.9 * _FRAMES / RATE, 1.0))
    ramp = np.interp(np.arange(_FRAMES), (0.1 * _FRAMES, 0.9 * _FRAMES), (0.0, 1.0))
    wet = apply(effect, audio, **{**GIVEN[effect], "mix": 1.0})
    ideal = audio + ramp * (wet - audio)
    heard = apply(effect, audio, block=701, automation={"mix": lane}, **GIVEN[effect])
    assert np.abs(wet - audio).max() > 1e-3
    assert db(heard - ideal, ideal) < -100


@pytest.mark.parametrize(("effect", "name"), sorted(set(AUTOMATABLE) - _MIXED))
def test_automation_is_a_knob_that_is_set_anew_for_every_sample(effect: str, name: str) -> None:
    """For all effects alike: each sample is a block of its own, whose parameters rest at the ramp's value."""
    ramp, heard, _ = moved(effect, name, _HELD_FRAMES)
    kind = EFFECTS[effect]
    values = kind.settings({**GIVEN[effect], name: ramp[0]})
    processor = PROCESSORS[effect](Setting(values, RATE, 120.0, frozenset({name})))
    frames, late = _HELD_FRAMES + processor.latency, processor.latency
    audio = np.pad(sound_of(effect, name, _HELD_FRAMES), ((0, 0), (0, late)))
    rows = np.array([np.full(frames, float(values[each])) for each in processor.PARAMETERS])
    place, lag = processor.PARAMETERS.index(name), processor.lags.get(name, 0)
    rows[place] = ramp[np.clip(np.arange(frames) - lag, 0, _HELD_FRAMES - 1)]
    # A delay's time that rests is made a whole number of samples.
    moving = np.array([each == name == "time_ms" for each in processor.PARAMETERS])
    out = np.empty_like(audio)
    for i in range(frames):
        part = np.ascontiguousarray(audio[:, i : i + 1])
        processor.process(part, np.ascontiguousarray(rows[:, i : i + 1]), moving, part.copy())
        out[:, i : i + 1] = part
    ideal = out[:, late:]
    assert db(heard - ideal, ideal) < -100


# What a parameter needs before it can be heard.
_NEEDS: dict[tuple[str, str], dict[str, Any]] = {
    ("delay", "ping_pong"): {"feedback": 0.6},
    ("pitch_shift", "keep_attacks"): {"semitones": 5.0},
    ("tremolo", "sync"): {"rate_hz": 1.0},
    ("saturation", "curve"): {"drive_db": 20.0},
}


def _values(effect: str, name: str) -> list[Any]:
    """Everything that can be chosen; of a number its bottom, middle and top."""
    item = EFFECTS[effect].parameter(name)
    assert item is not None
    if item.choices:
        return list(item.choices)
    if isinstance(item.default, bool):
        return [False, True]
    low, high = ramp_of(effect, name)
    return [low, 0.5 * (low + high), high]


@pytest.mark.parametrize(
    ("effect", "name"),
    [(effect["id"], parameter["name"]) for effect in effect_schema()["effects"] for parameter in effect["parameters"]],
)
def test_no_parameter_of_the_schema_is_ignored(effect: str, name: str) -> None:
    frames = 6_000
    audio = bursts(frames)
    given = GIVEN[effect] | _NEEDS.get((effect, name), {})
    # So quick that the longest note is over within the sound.
    tempo = 6_000.0 if name == "sync" else 120.0
    heard = [apply(effect, audio, tempo=tempo, **{**given, name: value}) for value in _values(effect, name)]
    for number, (first, second) in enumerate(pairwise(heard)):
        assert np.abs(first - second).max() > 1e-6 * np.abs(audio).max(), (number, _values(effect, name))
